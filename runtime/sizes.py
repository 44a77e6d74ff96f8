"""Numbers given once for all, or once for each."""

from __future__ import annotations

from collections.abc import Sequence


def as_list(value: int | Sequence[int]) -> list[int]:
    """One number as a list of it, several as they are."""
    return [value] if isinstance(value, int) else list(value)


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) from one size for both, or from a list of two."""
    if isinstance(size, int):
        return size, size
    height, width = size
    return height, width


def triple(size: int | Sequence[int]) -> tuple[int, int, int]:
    """(time, height, width) from one size for all, or from a list of three."""
    if isinstance(size, int):
        return size, size, size
    time, height, width = size
    return time, height, width
