"""Sizes given once for two axes, or once for each."""

from __future__ import annotations

from collections.abc import Sequence


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) from one size for both, or from a list of two."""
    if isinstance(size, int):
        return size, size
    height, width = size
    return height, width
