"""A safetensors file as the usual library lays it out, byte for byte, from numpy arrays."""

import json

import numpy as np

# From the library's widest alignment to its narrowest: the order of tensors in a file.
DTYPES = ["U64", "I64", "F64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL"]
NUMPY = {
    "U64": np.uint64, "I64": np.int64, "F64": np.float64, "F32": np.float32, "U32": np.uint32,
    "I32": np.int32, "BF16": np.uint16, "F16": np.float16, "U16": np.uint16, "I16": np.int16,
    "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def to_dtype(array, dtype):
    """`array` (float64, integer or bool) rounded once to a safetensors type; BF16 as its bits."""
    if dtype != "BF16":
        return np.asarray(array).astype(NUMPY[dtype], order="C")  # keeps scalars, too
    bits = np.asarray(array).astype(np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype(np.uint16, order="C")


def serialize(tensors, metadata):
    """The bytes of a file holding `tensors`: {name: (dtype, array)}."""
    order = sorted(tensors, key=lambda name: (DTYPES.index(tensors[name][0]), name.encode()))
    header, payload, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name in order:
        dtype, array = tensors[name]
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        payload.append(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(payload)
