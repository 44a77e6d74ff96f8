"""Checkpoints of several files with an index that names the file of every tensor."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import CheckpointError, show
from ..files import check_plain_name, local_file, read_json
from .tensors import Checkpoint, TensorInfo

MAX_INDEX = 100_000_000  # bytes


class ShardedCheckpoint(Checkpoint):
    """The tensors of all shards, each shard opened by `open_shard(path)`."""

    def __init__(self, path: str | os.PathLike, open_shard: Callable[[Path], Checkpoint]):
        self.path = Path(path)
        weight_map, self.metadata = read_index(path)
        folder = self.path.parent
        files = dict.fromkeys(weight_map.values())
        paths = {file: local_file(folder, file, CheckpointError) for file in files}
        self._shards = {file: open_shard(path) for file, path in paths.items()}
        self._files = weight_map
        self._check_agreement()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._files)

    def info(self, name: str) -> TensorInfo:
        return self._shard_of(name).info(name)

    def read(self, name: str) -> np.ndarray:
        return self._shard_of(name).read(name)

    def close(self) -> None:
        for shard in self._shards.values():
            shard.close()

    def _shard_of(self, name: str) -> Checkpoint:
        if name not in self._files:
            raise self._unknown(name)
        return self._shards[self._files[name]]

    def _check_agreement(self) -> None:
        """Every tensor lies in the shard that the index names, and in no other."""
        for file, shard in self._shards.items():
            for name in shard.names:
                listed = self._files.get(name)
                if listed != file:
                    place = f"in {listed} only" if listed else "listed"
                    expected = f"tensor {show(name)} {place}"
                    raise CheckpointError(file=self.path, expected=expected, found=f"it in {file}")
        present = {file: set(shard.names) for file, shard in self._shards.items()}
        for name, file in self._files.items():
            if name not in present[file]:
                expected = f"tensor {show(name)} in {file}"
                raise CheckpointError(file=self.path, expected=expected, found="none")


def read_index(path: str | os.PathLike) -> tuple[dict[str, str], dict]:
    """The file of every tensor, all plain names, and the remarks that an index holds."""
    index = read_json(path, MAX_INDEX, CheckpointError)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        expected = "an object of tensor names and files"
        found = show(weight_map) if "weight_map" in index else "none"
        raise CheckpointError(file=path, key="weight_map", expected=expected, found=found)
    for file in weight_map.values():
        try:
            check_plain_name(file, CheckpointError)
        except CheckpointError as error:
            error.what, error.file = "the name of a shard", path
            raise
    metadata = index.get("metadata")
    return weight_map, metadata if isinstance(metadata, dict) else {}
