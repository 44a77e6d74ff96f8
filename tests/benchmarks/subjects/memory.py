"""Seconds and memory of loading."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np

PAGE = 4096


def measured(load: Callable[[], Any], arrays: Callable[[Any], Iterable[np.ndarray]]) -> dict:
    """Loads a model and reads a number of every page of its parameters.

    `peak` is by how much the most memory that the process ever had exceeds what it had before,
    pages of the file that are mapped included; `own` counts what is its own at the end.
    """
    before, own = _peak(), _own()
    start = perf_counter()
    model = load()
    total = sum(float(touch(array)) for array in arrays(model))
    seconds = perf_counter() - start
    return {
        "seconds": seconds,
        "peak": (_peak() - before) / 2**20,
        "own": (_own() - own) / 2**20,
        "sum": total,
    }


def touch(array: np.ndarray) -> float:
    """Reads every page, in whatever order the memory has."""
    flat = array.reshape(-1, order="A") if array.flags.forc else array.ravel()
    return flat[:: PAGE // flat.itemsize].sum(dtype=np.float64)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _own() -> int:
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("RssAnon"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) * 1024
