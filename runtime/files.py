"""Reading small JSON files from strangers, and writing files so that a failure loses nothing."""

from __future__ import annotations

import json
import math
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import TriptychError, nearest, show

MAX_DEPTH = 64  # levels of nesting; real files have fewer than ten


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """Opens a temporary file beside `path` and moves it there only if the block succeeds."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    # os.open instead of tempfile: the file's mode then follows the umask, like any other file's.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def regular_size(path: str | os.PathLike, error: type[TriptychError]) -> int:
    """The size of a regular file in bytes; anything else (FIFO, folder, device) is an `error`."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as reason:
        raise error(f"cannot be read ({reason})", file=_printable(path)) from None
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe"}
    found = kinds.get(stat.S_IFMT(status.st_mode), "a special file")
    raise error(file=path, expected="a regular file", found=found)


def read_json(path: str | os.PathLike, max_bytes: int, error: type[TriptychError]) -> dict:
    """The object in a JSON file of at most `max_bytes`; whatever is wrong with it is an `error`."""
    size = regular_size(path, error)
    if size > max_bytes:
        raise error(file=path, expected=f"at most {max_bytes:,} bytes", found=f"{size:,}")
    try:
        return parse_json(Path(path).read_bytes(), error)
    except error as problem:
        problem.file = path
        raise
    except OSError as reason:
        raise error(f"cannot be read ({reason})", file=path) from None


def parse_json(data: bytes, error: type[TriptychError]) -> dict:
    """The JSON object in `data`: UTF-8, no duplicate keys, no NaN, at most MAX_DEPTH levels."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        result = dict(pairs)
        if len(result) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise error(f"key {show(twice)} stands twice in one object")
        return result

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except UnicodeDecodeError as reason:
        raise error(f"not UTF-8 text ({reason.reason} at byte {reason.start})") from None
    except RecursionError:
        raise error(expected=f"at most {MAX_DEPTH} levels of nesting", found="more") from None
    except ValueError as reason:
        raise error(f"not valid JSON ({reason})") from None
    if not isinstance(value, dict):
        raise error(expected="a JSON object", found=show(value))
    check_plain(value, error)
    return value


def check_plain(value: Any, error: type[TriptychError]) -> None:
    """Refuses nesting deeper than MAX_DEPTH and NaN anywhere in dicts, lists and tuples."""
    level = [("", value)]
    for _ in range(MAX_DEPTH + 1):
        below = []
        for key, item in level:
            if isinstance(item, float) and math.isnan(item):
                raise error(key=key or None, expected="a number", found="NaN")
            if isinstance(item, dict):
                below += [(key or str(name), child) for name, child in item.items()]
            elif isinstance(item, list | tuple):
                below += [(key, child) for child in item]
        if not below:
            return
        level = below
    raise error(expected=f"at most {MAX_DEPTH} levels of nesting", found="more")


def check_plain_name(name: Any, error: type[TriptychError]) -> None:
    """Refuses what is not the name of a file in the folder at hand, on any operating system."""
    plain = isinstance(name, str) and name not in ("", ".", "..")
    if not plain or any(character in name for character in "/\\:\0"):
        raise error(expected="the plain name of a file in the same folder", found=show(name))


def local_file(folder: str | os.PathLike, name: str, error: type[TriptychError]) -> Path:
    """The file of a plain `name` in `folder`; a link may not lead elsewhere."""
    path = Path(folder) / name
    target, home = path.resolve(), Path(folder).resolve()
    # The hub's cache keeps its files in `blobs`, beside `snapshots/<revision>`, and links to them.
    allowed = [home, home.parents[1] / "blobs"] if home.parent.name == "snapshots" else [home]
    if target.parent not in allowed:
        raise error(file=path, expected="a file in the same folder", found=f"a link to {target}")
    if not target.exists():
        others = sorted(os.listdir(folder))
        raise error("no such file", file=path, hint=nearest(name, others))
    return path


def _printable(path: str | os.PathLike) -> str:
    return os.fspath(path).replace("\0", "\\0")
