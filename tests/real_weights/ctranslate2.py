"""Reads the arrays of a model that CTranslate2 has converted (versions 5 and 6 of its layout).

A version, the kind of model and its revision; then for each array its name, its sides, a number for
its type and its bytes; then pairs of names, the first of which stands for the second. Numbers are
little-endian; strings begin with their length.
"""

import struct
from pathlib import Path

import numpy as np

TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array by name, also by its second names."""
    data, at = Path(path).read_bytes(), 0

    def take(form):
        nonlocal at
        values = struct.unpack_from(f"<{form}", data, at)
        at += struct.calcsize(f"<{form}")
        return values[0] if len(values) == 1 else values

    def string():
        return take(f"{take('H')}s").rstrip(b"\0").decode()

    version = take("I")
    if version not in (5, 6):
        raise ValueError(f"{path}: version {version} of the layout is not known, only 5 and 6")
    string(), take("I")
    arrays = {}
    for _ in range(take("I")):
        name = string()
        shape = [take("I") for _ in range(take("B"))]
        kind, size = TYPES[take("B")], take("I")
        values = np.frombuffer(data, kind, size // np.dtype(kind).itemsize, at)
        arrays[name] = values.reshape(shape)
        at += size
    for _ in range(take("I")):
        second, first = string(), string()
        arrays[second] = arrays[first]
    return arrays
