"""The arrays of a case, laid end to end in one pool a type."""

import numpy as np

from .. import compare, fill


class Pools:
    """Collects arrays; `write` stores the pools as one compressed file."""

    def __init__(self):
        self._parts = {"float32": [], "int64": []}
        self._sizes = {"float32": 0, "int64": 0}

    def add(self, array):
        """(pool, offset) of an array's entries."""
        array = np.asarray(array)
        pool = "float32" if array.dtype.kind == "f" else "int64"
        flat = array.reshape(-1).astype(pool)
        at = self._sizes[pool]
        self._parts[pool].append(flat)
        self._sizes[pool] += flat.size
        return pool, at

    def expected(self, name, array, tolerance, full):
        """The row of an output: [name, dtype, shape, form, at, tolerance], then huge entries."""
        array = np.asarray(array)
        shape = list(array.shape)
        if array.dtype.kind in "iub":
            return [name, str(array.dtype), shape, "exact", self.add(array.astype(np.int64))[1], 0]
        if np.isnan(array).any():
            raise SystemExit(f"the reference's {name} holds NaN")
        width = 1 + fill.PROJECTIONS + fill.ENTRIES
        if (full or array.size <= width) and np.isfinite(array).all():
            return [name, "float32", shape, "full", self.add(array)[1], tolerance]
        huge = np.flatnonzero(compare.huge_mask(array))
        at = self.add(compare.digest(array))[1]
        row = [name, "float32", shape, "digest", at, tolerance]
        if huge.size:
            self.add(array.reshape(-1)[huge])
            row.append([self.add(huge)[1], int(huge.size)])
        return row

    def write(self, file):
        """Store the pools in `file`, compressed."""
        joined = {
            name: np.concatenate(parts) if parts else np.zeros(0, dtype=name)
            for name, parts in self._parts.items()
        }
        np.savez_compressed(file, **joined)
