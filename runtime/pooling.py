"""Where the windows of pooling lie, as PyTorch counts them: numbers that frameworks share."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .sizes import pair

Sizes = int | tuple[int, int] | list[int]


def axes(kernel: Sizes, stride: Sizes | None, padding: Sizes) -> list[tuple[int, int, int]]:
    """(window, stride, padding) of both axes; the stride is the window's size if there is none."""
    strides = pair(kernel) if stride is None else pair(stride)
    return [
        (int(k), int(s), int(p))
        for k, s, p in zip(pair(kernel), strides, pair(padding), strict=True)
    ]


def margin_behind(
    length: int, kernel: int, stride: int, padding: int, ceil_mode: bool = False
) -> int:
    """How far the last window reaches beyond the entries of an axis; less than 0 if it does not.

    `ceil_mode`: windows may reach beyond the padding, if they start before its end.
    """
    rest = length + 2 * padding - kernel
    count = (-(-rest // stride) if ceil_mode else rest // stride) + 1
    if ceil_mode and (count - 1) * stride >= length + padding:
        count -= 1
    return (count - 1) * stride + kernel - length - padding


@lru_cache(maxsize=256)
def window_sizes(
    length: int, kernel: int, stride: int, padding: int, ceil_mode: bool, count_padding: bool
) -> np.ndarray:
    """Of how many entries each window along an axis takes the mean: float32 [windows]."""
    last = margin_behind(length, kernel, stride, padding, ceil_mode) + length + padding - kernel
    starts = np.arange(0, last + 1, stride) - padding
    first, end = (-padding, length + padding) if count_padding else (0, length)
    sizes = np.minimum(starts + kernel, end) - np.maximum(starts, first)
    return sizes.astype(np.float32)


@lru_cache(maxsize=256)
def mean_matrix(old: int, new: int) -> np.ndarray:
    """Means of `new` parts of an axis of `old` entries: float32 [new, old], read-only.

    Part i goes from floor(i old / new) to ceil((i + 1) old / new).
    """
    matrix = np.zeros((new, old), np.float32)
    for i in range(new):
        start, end = i * old // new, -(-(i + 1) * old // new)
        matrix[i, start:end] = 1 / (end - start)
    matrix.flags.writeable = False
    return matrix
