"""What reading a file costs at least."""

from __future__ import annotations

import mmap
from time import perf_counter

import numpy as np

from subjects.memory import measured


def copied(file: str) -> dict:
    """One pass over a file, into new memory."""

    def read() -> np.ndarray:
        with open(file, "rb", buffering=0) as stream:
            content = np.empty(stream.seek(0, 2), np.uint8)
            stream.seek(0)
            view = memoryview(content)
            while view:
                view = view[stream.readinto(view[: 1 << 26]) :]
        return content

    return measured(read, lambda content: [content])


def mapped(file: str) -> dict:
    """One pass over the pages of a file where they are."""

    def map_file() -> np.ndarray:
        with open(file, "rb") as stream:
            return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    return measured(map_file, lambda content: [content])


def imported(statements: list[str]) -> dict:
    """Seconds of some statements, one after another."""
    seconds = []
    for statement in statements:
        start = perf_counter()
        exec(statement, {})
        seconds.append(perf_counter() - start)
    return {"seconds": seconds[-1], "total": sum(seconds)}
