"""Distances in few classes: near ones each in its own, far ones in steps that grow."""

from __future__ import annotations

import math
from functools import cache

import numpy as np


@cache
def log_bucket_table(exact: int, count: int, limit: int) -> np.ndarray:
    """The bucket of each distance from 0 to `limit`: int32 [limit + 1] (Raffel et al. 2020, 2.1).

    Computed once, in float32 as models were trained with: on the edge of a bucket another
    logarithm would decide otherwise.
    """
    distance = np.arange(limit + 1)
    ratio = np.log(np.maximum(distance, exact).astype(np.float32) / np.float32(exact))
    steps = ratio / np.float32(math.log(limit / exact)) * np.float32(count - exact)
    far = np.minimum(exact + steps.astype(np.int32), count - 1)
    return np.where(distance < exact, distance, far).astype(np.int32)
