"""Finds the checkpoint of a model in a local folder or on the hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .. import hub
from ..errors import InputError
from .opening import NAMES
from .sharded import read_index


def resolve_checkpoint(path_or_id: str | os.PathLike, **options: Any) -> Path:
    """The local path to open: what is there already, or the best file of a repository.

    `options` are those of `hub.resolve`. The shards of an index are fetched, too. Raises
    InputError if nothing can be had.
    """
    if Path(path_or_id).exists():
        return Path(path_or_id)
    failures = []
    for name in NAMES:
        try:
            path = hub.resolve(path_or_id, name, **options)
        except InputError as error:
            failures.append(error)
            continue
        if name.endswith(".index.json"):
            for shard in dict.fromkeys(read_index(path)[0].values()):
                hub.resolve(path_or_id, shard, **options)
        return path
    raise failures[0]
