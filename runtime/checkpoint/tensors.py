"""What every kind of checkpoint file offers, and the dtypes tensors can have."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import ml_dtypes
import numpy as np

from ..errors import CheckpointError, nearest

# The names of the safetensors format, in the order in which it sorts the tensors of a file.
DTYPES: dict[str, np.dtype] = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
DTYPE_NAMES: dict[np.dtype, str] = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class TensorInfo:
    """The dtype and the shape of a stored tensor."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """The size of the tensor in bytes."""
        return self.dtype.itemsize * math.prod(self.shape)


class Checkpoint(ABC):
    """Named tensors in one or more files; also a context manager.

    Attributes:
        path: The file that was opened; for shards, their index.
        metadata: The file's own remarks, text by name.
    """

    path: object
    metadata: Mapping[str, str]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of the tensors, in the file's order."""

    @abstractmethod
    def info(self, name: str) -> TensorInfo:
        """The dtype and the shape of a tensor, without reading it."""

    @abstractmethod
    def read(self, name: str) -> np.ndarray:
        """A tensor's values, wherever possible a view of the file's pages."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the file; arrays that were read stay valid."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _unknown(self, name: str) -> CheckpointError:
        hint = nearest(name, self.names)
        return CheckpointError(f"no tensor named {name!r}", file=self.path, hint=hint)
