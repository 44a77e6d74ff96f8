"""Saves a model's tensors into a folder, in one file or in shards with an index."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, InputError, show
from ..files import atomic_write
from .opening import SAFETENSORS_INDEX_NAME, SAFETENSORS_NAME
from .tensors import TensorInfo
from .writing import save_safetensors, tensor_info

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
METADATA = {"format": "pt"}
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


def save_checkpoint(
    folder: str | os.PathLike,
    tensors: Mapping[str, Any],
    max_shard_size: int | str = "5GB",
    total_parameters: int | None = None,
) -> None:
    """Writes `tensors` (name: array) as model.safetensors, or as shards with an index.

    All files are complete before the first one takes its place, and files of an older save that
    would be read instead are removed last, so a failed save leaves the older one. A tensor larger
    than `max_shard_size` (bytes, or a text such as "5GB") has a shard of its own.
    `total_parameters`, which the index states, counts all entries of `tensors` by default.
    Raises CheckpointError.
    """
    folder = Path(folder)
    infos = {name: tensor_info(name, value) for name, value in tensors.items()}
    shards = split_into_shards(infos, parse_size(max_shard_size))
    names = _shard_names(len(shards))
    files = dict(zip(names, shards, strict=True))
    mark = f".{secrets.token_hex(6)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for file, members in files.items():
                part = {name: tensors[name] for name in members}
                save_safetensors(folder / f".{file}{mark}", part, METADATA)
            for file in files:
                os.replace(folder / f".{file}{mark}", folder / file)
        finally:
            for file in files:
                (folder / f".{file}{mark}").unlink(missing_ok=True)
        if len(files) > 1:
            _write_index(folder / SAFETENSORS_INDEX_NAME, files, infos, total_parameters)
        _remove_older(folder, keep=set(files))
    except OSError as reason:
        raise CheckpointError(f"cannot be written ({reason})", file=folder) from reason
    except CheckpointError as error:
        error.file = folder
        raise


def split_into_shards(infos: Mapping[str, TensorInfo], limit: int) -> list[list[str]]:
    """Fills shards of at most `limit` bytes in the order of the tensors."""
    shards: list[list[str]] = []
    current: list[str] = []
    size = 0
    for name, info in infos.items():
        if info.nbytes > limit:
            shards.append([name])
            continue
        if size + info.nbytes > limit:
            shards.append(current)
            current, size = [], 0
        current.append(name)
        size += info.nbytes
    return [*shards, current] if current or not shards else shards


def parse_size(size: int | str) -> int:
    """A number of bytes from an integer or a text such as "5GB" or "200 MiB"."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]I?B)?", str(size).strip().upper())
    if matched is None or isinstance(size, bool) or float(matched[1]) == 0:
        expected = "a number of bytes, or a text such as '5GB'"
        raise InputError(key="max_shard_size", expected=expected, found=show(size))
    return int(float(matched[1]) * UNITS[matched[2] or ""])


def _shard_names(count: int) -> list[str]:
    if count == 1:
        return [SAFETENSORS_NAME]
    return [f"model-{index:05d}-of-{count:05d}.safetensors" for index in range(1, count + 1)]


def _write_index(
    path: Path, files: dict[str, list[str]], infos: dict[str, TensorInfo], parameters: int | None
) -> None:
    if parameters is None:
        parameters = sum(math.prod(info.shape) for info in infos.values())
    total = sum(info.nbytes for info in infos.values())
    index = {
        "metadata": {"total_parameters": parameters, "total_size": total},
        "weight_map": {name: file for file, members in files.items() for name in members},
    }
    with atomic_write(path) as stream:
        stream.write((json.dumps(index, indent=2, sort_keys=True) + "\n").encode())


def _remove_older(folder: Path, keep: set[str]) -> None:
    """Removes what an older save left and a reader would take for part of this one."""
    if SAFETENSORS_NAME in keep:
        (folder / SAFETENSORS_INDEX_NAME).unlink(missing_ok=True)
    else:
        (folder / SAFETENSORS_NAME).unlink(missing_ok=True)
    for name in os.listdir(folder):
        if _SHARD.fullmatch(name) and name not in keep:
            (folder / name).unlink()
