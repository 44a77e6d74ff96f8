"""Opens whatever checkpoint a path leads to."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from ..errors import CheckpointError
from .pickled import PickledFile
from .reading import SafetensorsFile
from .sharded import ShardedCheckpoint
from .tensors import Checkpoint

SAFETENSORS_NAME = "model.safetensors"
SAFETENSORS_INDEX_NAME = "model.safetensors.index.json"
PICKLED_NAME = "pytorch_model.bin"
PICKLED_INDEX_NAME = "pytorch_model.bin.index.json"
# In the order of preference.
NAMES = (SAFETENSORS_NAME, SAFETENSORS_INDEX_NAME, PICKLED_NAME, PICKLED_INDEX_NAME)
FOREIGN = (".h5", ".msgpack", ".npz", ".ckpt", ".gguf", ".onnx")


def open_checkpoint(path: str | os.PathLike, writable: bool = False) -> Checkpoint:
    """Opens a checkpoint file, an index of shards, or the best one in a folder.

    A folder is searched for safetensors, then sharded safetensors, then pickled files. With
    `writable` the arrays can be changed; the file never is. Raises CheckpointError if there is
    nothing to open or the file is broken, MissingFrameworkError if a pickled one needs PyTorch.
    """
    path = Path(path)
    if path.is_dir():
        path = _best(path)
    suffixes = path.name.lower()
    open_safetensors = partial(SafetensorsFile, writable=writable)
    if suffixes.endswith(".safetensors"):
        return open_safetensors(path)
    if suffixes.endswith(".safetensors.index.json"):
        return ShardedCheckpoint(path, open_safetensors)
    if suffixes.endswith((".bin", ".pt", ".pth")):
        return PickledFile(path)
    if suffixes.endswith(".bin.index.json"):
        return ShardedCheckpoint(path, PickledFile)
    raise CheckpointError(
        file=path, expected="a .safetensors or .bin file, or an index of them", found="another name"
    )


def _best(folder: Path) -> Path:
    for name in NAMES:
        # A broken link must be an error of its own, not an absent file.
        if os.path.lexists(folder / name):
            return folder / name
    foreign = sorted(name for name in os.listdir(folder) if name.endswith(FOREIGN))
    found = f"only {', '.join(foreign[:5])}" if foreign else "none"
    raise CheckpointError(file=folder, expected=f"one of {', '.join(NAMES)}", found=found)
