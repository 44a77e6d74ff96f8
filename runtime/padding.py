"""Zeros around a picture before a convolution."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ConfigError, show
from .sizes import pair

Pair = tuple[int, int]


def margins(
    padding: int | Sequence[int] | str, kernel: Pair, dilation: Pair, stride: Pair
) -> tuple[Pair, Pair]:
    """How many zeros stand before and behind the rows, and the columns.

    `padding` is one number for all sides, one an axis, or "same": at stride 1, as many as keep
    the size, the odd one behind.
    """
    if not isinstance(padding, str):
        rows, columns = pair(padding)
        return (rows, rows), (columns, columns)
    if padding != "same" or stride != (1, 1):
        expected = "numbers, or 'same' with a stride of 1"
        found = f"{show(padding)} with a stride of {stride}"
        raise ConfigError(key="padding", expected=expected, found=found)
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    rows, columns = ((size // 2, size - size // 2) for size in reach)
    return rows, columns
