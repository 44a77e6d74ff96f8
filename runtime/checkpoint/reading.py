"""Reads safetensors files through a memory map."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from ..files import regular_size
from .header import read_header
from .tensors import Checkpoint, TensorInfo


class SafetensorsFile(Checkpoint):
    """One safetensors file; its tensors are views of the mapped file, copied by nobody.

    The views are read-only unless `writable`; then their pages are private copies once written
    to, and the file never changes. Read-only pages are given back when the next tensor is read.
    """

    def __init__(self, path: str | os.PathLike, writable: bool = False):
        self.path = Path(path)
        size = regular_size(path, CheckpointError)
        access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
        try:
            with open(path, "rb") as file:
                header = read_header(file, size)
                self._map = mmap.mmap(file.fileno(), size, access=access)
        except CheckpointError as error:
            error.file = self.path
            raise
        except (OSError, ValueError) as reason:
            raise CheckpointError(f"cannot be read ({reason})", file=self.path) from None
        self._writable = writable
        self._last = (0, 0)  # where the tensor that was read last begins and ends
        self.metadata = header.metadata
        self._entries = header.entries
        self._data_offset = header.data_offset

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def info(self, name: str) -> TensorInfo:
        return self._entry(name).info

    def read(self, name: str) -> np.ndarray:
        entry = self._entry(name)
        if self._map is None:
            raise CheckpointError("the checkpoint is closed", file=self.path)
        info = entry.info
        count = info.nbytes // info.dtype.itemsize
        offset = self._data_offset + entry.begin
        self._release(*self._last)
        self._last = offset, offset + info.nbytes
        array = np.frombuffer(self._map, info.dtype, count, offset) if count else _empty(info)
        if info.dtype == bool and count and array.view(np.uint8).max() > 1:
            raise CheckpointError(
                key=name, file=self.path, expected="booleans (0 or 1)", found="other bytes"
            )
        # Data that is not aligned is legal, but no framework takes it as it is.
        return (array if array.flags.aligned else array.copy()).reshape(info.shape)

    def _release(self, begin: int, end: int) -> None:
        """Gives the pages of a tensor back to the system; who looks at it again reads them again.

        So a file that is copied tensor by tensor is never in memory as a whole. Private copies of
        pages would be lost by it.
        """
        if end > begin and not self._writable and hasattr(mmap, "MADV_DONTNEED"):
            begin -= begin % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, begin, end - begin)

    def close(self) -> None:
        # Views keep the map itself alive, so it must not be closed, only let go.
        self._map = None

    def _entry(self, name: str):
        if name not in self._entries:
            raise self._unknown(name)
        return self._entries[name]


def _empty(info: TensorInfo) -> np.ndarray:
    return np.empty(0, info.dtype)
