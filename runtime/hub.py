"""Finds the files of a model in a local folder or on the hub."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError, nearest


def resolve(
    path_or_id: str | os.PathLike,
    filename: str,
    *,
    cache_dir: str | os.PathLike | None = None,
    revision: str | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
) -> Path:
    """The local path of `filename` in a folder or in a repository of the hub.

    A folder of that name wins; otherwise the file comes from the hub's cache, or is downloaded
    into it. Raises InputError if the file does not exist or cannot be had.
    """
    folder = Path(path_or_id)
    if folder.is_dir():
        path = folder / filename
        if not path.exists():
            raise InputError("no such file", file=path, hint=nearest(filename, os.listdir(folder)))
        return path
    where = os.fspath(path_or_id)
    if where.startswith((".", "/", "~")) or where.count("/") > 1 or "\\" in where:
        raise InputError("no such folder", file=where)

    import huggingface_hub
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return Path(
            huggingface_hub.hf_hub_download(
                where,
                filename,
                cache_dir=cache_dir,
                revision=revision,
                local_files_only=local_files_only,
                token=token,
            )
        )
    except LocalEntryNotFoundError:
        what = f"{filename} is neither in the cache nor can the hub be reached"
        hint = "Download it while online, or give the path of a local folder"
        raise InputError(what, file=where, hint=hint) from None
    except EntryNotFoundError:
        raise InputError(f"the repository has no {filename}", file=where) from None
    except HFValidationError:
        raise InputError("neither a folder nor the name of a repository", file=where) from None
    except Exception as reason:
        # The client's errors have many types, and many lines; the first one says what it is.
        first = (str(reason).strip() or type(reason).__name__).splitlines()[0]
        raise InputError(f"{filename} cannot be downloaded ({first})", file=where) from reason
