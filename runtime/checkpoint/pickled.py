"""Reads pickled PyTorch checkpoints, only ever with weights_only=True."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, MissingFrameworkError, show
from ..files import regular_size
from .header import IMPOSTORS
from .tensors import DTYPES, Checkpoint, TensorInfo

ZIP_MAGIC = b"PK\x03\x04"


class PickledFile(Checkpoint):
    """One .bin file; nothing in it is executed, and tensors are views of its pages if it allows.

    Needs PyTorch. Raises CheckpointError for anything but a dictionary of dense tensors.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.metadata: dict[str, str] = {}
        self._size = regular_size(path, CheckpointError)
        try:
            self._tensors = self._load()
            self._infos = {name: self._checked(name, t) for name, t in self._tensors.items()}
        except CheckpointError as error:
            error.file = self.path
            raise

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._infos)

    def info(self, name: str) -> TensorInfo:
        if name not in self._infos:
            raise self._unknown(name)
        return self._infos[name]

    def read(self, name: str) -> np.ndarray:
        info = self.info(name)
        import torch

        tensor = self._tensors[name].detach().contiguous().reshape(-1)
        return tensor.view(torch.uint8).numpy().view(info.dtype).reshape(info.shape)

    def close(self) -> None:
        self._tensors = {}

    def _load(self) -> dict[str, Any]:
        try:
            import torch
        except ImportError:
            raise MissingFrameworkError("torch", f"to read {self.path.name}") from None
        with open(self.path, "rb") as file:
            start = file.read(24)
        for magic, (kind, hint) in IMPOSTORS.items():
            if magic != ZIP_MAGIC and start.startswith(magic):
                raise CheckpointError(expected="a pickled checkpoint", found=kind, hint=hint)
        zipped = start.startswith(ZIP_MAGIC)
        try:
            if zipped:
                self._refuse_bombs()
            # Files of the oldest format cannot be mapped.
            content = torch.load(self.path, map_location="cpu", weights_only=True, mmap=zipped)
        except CheckpointError:
            raise
        except Exception as reason:
            # Broken files raise many types here; the first line says what is wrong.
            first = (str(reason).strip() or type(reason).__name__).splitlines()[0]
            what = f"cannot be read as plain tensors ({show(first)})"
            raise CheckpointError(what, hint="Nothing else is ever unpickled") from None
        if not isinstance(content, dict):
            raise CheckpointError(expected="a dictionary of tensors", found=show(type(content)))
        return content

    def _refuse_bombs(self) -> None:
        """PyTorch stores its files without compression; others could unpack to any size."""
        with zipfile.ZipFile(self.path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > self._size:
            found = f"{unpacked:,} bytes in {self._size:,}"
            raise CheckpointError(expected="an archive without compression", found=found)

    def _checked(self, name: Any, tensor: Any) -> TensorInfo:
        import torch

        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            found = f"{show(name)}: {type(tensor).__name__}"
            raise CheckpointError(expected="tensors by name", found=found)
        kind = str(tensor.dtype).removeprefix("torch.")
        dtype = _DTYPES.get(kind)
        if dtype is None or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise CheckpointError(
                key=name, expected="a dense tensor", found=f"{kind} {tensor.layout}"
            )
        info = TensorInfo(dtype, tuple(tensor.shape))
        # A view may repeat its storage without end; reading it would fill the memory.
        if info.nbytes > self._size:
            found = f"a shape of {info.nbytes:,} bytes"
            raise CheckpointError(key=name, expected="no more than the file holds", found=found)
        return info


_DTYPES = {dtype.name: dtype for dtype in DTYPES.values()}
