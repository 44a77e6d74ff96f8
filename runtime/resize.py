"""The coefficients of image resizing, as PyTorch defines them: one small matrix per axis.

A resized axis is a product with a matrix [new, old] of few entries per row, so frameworks that
resize in another way get PyTorch's numbers from two products: y = rows @ x @ columns'.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .errors import InputError, nearest

MODES = ("nearest", "bilinear", "bicubic")
CUBIC = np.float32(-0.75)  # the slope of the kernel at 1; other libraries take -0.5


@lru_cache(maxsize=256)
def resize_matrix(
    old: int, new: int, mode: str = "bilinear", align_corners: bool = False
) -> np.ndarray:
    """Coefficients float32 [new, old], read-only, for one axis of `old` entries.

    `align_corners`: the first and last entries stay where they are, instead of the outer edges of
    the first and last pixels. Nothing is filtered when an axis shrinks. Computed in float32, for
    the same rounding. Bicubic: Keys 1981.
    """
    if mode not in MODES:
        expected, hint = f"one of {', '.join(MODES)}", nearest(mode, MODES)
        raise InputError(key="mode", expected=expected, found=str(mode), hint=hint)
    if min(old, new) < 1:
        raise InputError(key="size", expected="sizes of at least 1", found=f"{old} and {new}")
    taps = {"nearest": _nearest, "bilinear": _bilinear, "bicubic": _bicubic}[mode]
    matrix = np.zeros((new, old), np.float32)
    for index, weight in taps(old, new, align_corners):
        # Entries beyond the edge stand for the edge itself, so several taps may meet there.
        np.add.at(matrix, (np.arange(new), np.clip(index, 0, old - 1)), weight)
    matrix.flags.writeable = False
    return matrix


Taps = list[tuple[np.ndarray, np.ndarray | np.float32]]  # for each tap: place and weight by row


def _sources(old: int, new: int, align_corners: bool) -> np.ndarray:
    """Where each new entry lies among the old ones."""
    places = np.arange(new, dtype=np.float32)
    if align_corners:
        scale = np.float32(old - 1) / np.float32(new - 1) if new > 1 else np.float32(0)
        return places * scale
    scale = np.float32(old) / np.float32(new)
    # A fused multiply-add: the product is not rounded.
    return (np.float64(scale) * (places + np.float32(0.5)) - 0.5).astype(np.float32)


def _nearest(old: int, new: int, align_corners: bool) -> Taps:
    scale = np.float32(old) / np.float32(new)
    return [(np.floor(np.arange(new, dtype=np.float32) * scale).astype(int), np.float32(1))]


def _bilinear(old: int, new: int, align_corners: bool) -> Taps:
    source = np.maximum(_sources(old, new, align_corners), np.float32(0))
    index = np.minimum(np.floor(source).astype(int), old - 1)
    share = (source - index).astype(np.float32)
    return [(index, 1 - share), (index + 1, share)]


def _bicubic(old: int, new: int, align_corners: bool) -> Taps:
    source = _sources(old, new, align_corners)
    index = np.floor(source).astype(int)
    share = (source - index).astype(np.float32)
    distances = (share + 1, share, 1 - share, 2 - share)
    return [(index + i - 1, _cubic(distance)) for i, distance in enumerate(distances)]


def _cubic(x: np.ndarray) -> np.ndarray:
    """The kernel at distances x from 0 to 2."""
    x = x.astype(np.float64)
    near = ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    far = ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC
    return np.where(x <= 1, near, far).astype(np.float32)
