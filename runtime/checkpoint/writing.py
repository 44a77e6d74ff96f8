"""Writes safetensors files, one tensor at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import CheckpointError, show
from ..files import atomic_write
from .tensors import DTYPE_NAMES, DTYPES, TensorInfo

ALIGNMENT = 8
_RANK = {name: rank for rank, name in enumerate(DTYPES)}


def save_safetensors(
    path: str | os.PathLike,
    tensors: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes named arrays, byte for byte as the safetensors library would.

    A value is a numpy array, or anything with `shape`, a numpy `dtype` and `__array__`; it is
    turned into numpy only when its turn comes. `metadata` is usually {"format": "pt"}. The file
    appears under its name only when it is complete. Raises CheckpointError.
    """
    infos = {name: tensor_info(name, value) for name, value in tensors.items()}
    order = sorted(infos, key=lambda name: (_RANK[DTYPE_NAMES[infos[name].dtype]], name))
    try:
        header = _header({name: infos[name] for name in order}, metadata)
        with atomic_write(path) as file:
            file.write(header)
            for name in order:
                file.write(_bytes(name, tensors[name], infos[name]))
    except OSError as reason:
        raise CheckpointError(f"cannot be written ({reason})", file=path) from reason
    except CheckpointError as error:
        error.file = path
        raise


def tensor_info(name: str, value: Any) -> TensorInfo:
    """The dtype (little-endian) and shape of an array; raises CheckpointError if no file has it."""
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        dtype = dtype.newbyteorder("<") if dtype.byteorder == ">" else dtype
    if not isinstance(name, str) or not isinstance(dtype, np.dtype) or dtype not in DTYPE_NAMES:
        expected = f"an array of dtype {', '.join(item.name for item in DTYPE_NAMES)}"
        raise CheckpointError(key=show(name), expected=expected, found=show(dtype))
    return TensorInfo(dtype, tuple(value.shape))


def _header(infos: dict[str, TensorInfo], metadata: Mapping[str, str] | None) -> bytes:
    content: dict[str, Any] = {}
    if metadata is not None:
        if not all(isinstance(item, str) for pair in metadata.items() for item in pair):
            raise CheckpointError(key="metadata", expected="texts", found=show(dict(metadata)))
        content["__metadata__"] = dict(metadata)
    if "__metadata__" in infos:
        raise CheckpointError("'__metadata__' is no name for a tensor")
    position = 0
    for name, info in infos.items():
        offsets = [position, position + info.nbytes]
        content[name] = {
            "dtype": DTYPE_NAMES[info.dtype],
            "shape": list(info.shape),
            "data_offsets": offsets,
        }
        position = offsets[1]
    try:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise CheckpointError("a name is not valid Unicode") from None
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _bytes(name: str, value: Any, info: TensorInfo) -> memoryview:
    # reshape before view: an array without dimensions has no bytes to view.
    array = np.ascontiguousarray(np.asarray(value), dtype=info.dtype).reshape(-1)
    if array.nbytes != info.nbytes:
        found = f"{array.nbytes} bytes"
        raise CheckpointError(key=show(name), expected=f"{info.nbytes} bytes", found=found)
    return array.view(np.uint8).data
