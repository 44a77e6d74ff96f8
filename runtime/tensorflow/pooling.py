"""Pooling of pictures [b, c, h, w]; TensorFlow does it on [b, h, w, c]."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..errors import InputError
from ..pooling import axes, margin_behind, mean_matrix, window_sizes
from ..sizes import pair


def max_pool2d(
    x: tf.Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
) -> tf.Tensor:
    """The largest entry of each window: [b, c, h, w] -> [b, c, h', w']; padding never counts."""
    sizes = axes(kernel_size, stride, padding)
    x = _padded(x, sizes, ceil_mode, x.dtype.min)
    y = tf.nn.max_pool2d(x, [k for k, _, _ in sizes], [s for _, s, _ in sizes], "VALID")
    return tf.transpose(y, (0, 3, 1, 2))


def avg_pool2d(
    x: tf.Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tf.Tensor:
    """The mean of each window: [b, c, h, w] -> [b, c, h', w']; the padding counts as zeros."""
    sizes = axes(kernel_size, stride, padding)
    dtype, wide = x.dtype, tf.cast(x, tf.float32)
    wide = _padded(wide, sizes, ceil_mode, 0.0)
    y = tf.nn.avg_pool2d(wide, [k for k, _, _ in sizes], [s for _, s, _ in sizes], "VALID")
    if ceil_mode or not (count_include_pad or all(p == 0 for _, _, p in sizes)):
        rows, columns = (
            axis[0] / window_sizes(length, *axis, ceil_mode, count_include_pad)
            for length, axis in zip(_known(x), sizes, strict=True)
        )
        y = y * (rows[:, None] * columns)[:, :, None]
    return tf.transpose(tf.cast(y, dtype), (0, 3, 1, 2))


def adaptive_avg_pool2d(x: tf.Tensor, size: int | Sequence[int]) -> tf.Tensor:
    """Means of size[0] x size[1] parts: [b, c, h, w] -> [b, c, *size], by two matrix products."""
    rows, columns = (mean_matrix(*sizes) for sizes in zip(_known(x), pair(size), strict=True))
    wide = tf.einsum("ih,bchw->bciw", rows, tf.cast(x, tf.float32))
    return tf.cast(tf.einsum("jw,bciw->bcij", columns, wide), x.dtype)


def _padded(
    x: tf.Tensor, sizes: list[tuple[int, int, int]], ceil_mode: bool, value: float
) -> tf.Tensor:
    """[b, h, w, c] with `value` around it, as far as windows reach."""
    margins = [(p, p) for _, _, p in sizes]
    if ceil_mode:
        margins = [
            (axis[2], max(margin_behind(length, *axis, True), 0))
            for length, axis in zip(_known(x), sizes, strict=True)
        ]
    x = tf.transpose(x, (0, 2, 3, 1))
    if margins == [(0, 0), (0, 0)]:
        return x
    return tf.pad(x, [(0, 0), *margins, (0, 0)], constant_values=tf.cast(value, x.dtype))


def _known(x: tf.Tensor) -> list[int]:
    """Height and width."""
    sizes = x.shape.as_list()[2:]
    if None in sizes:
        raise InputError("pooling needs a known height and width when it is traced")
    return sizes
