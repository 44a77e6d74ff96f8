"""Values between the pixels of a map."""

from __future__ import annotations

import tensorflow as tf

from .functional import shape_of


def grid_sample(x: tf.Tensor, points: tf.Tensor, align_corners: bool = False) -> tf.Tensor:
    """x [b, c, h, w] at points [b, i, j, 2], bilinearly: [b, c, i, j]; outside of x all is 0.

    A point (x, y) runs from -1 to 1: between the outer edges of the outer pixels or, with
    `align_corners`, between their centres. Four reads of c numbers a point.
    """
    b, c, h, w = shape_of(x)
    rows = tf.reshape(tf.transpose(x, (0, 2, 3, 1)), (b, h * w, c))
    sizes = tf.cast(tf.stack([w, h]), points.dtype)
    scale = (sizes - 1) / 2 if align_corners else sizes / 2
    at = tf.reshape(points * scale + (sizes - 1) / 2, (b, -1, 2))
    first = tf.stop_gradient(tf.floor(at))
    share = at - first
    total = 0.0
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = first[..., 0] + right, first[..., 1] + below
        inside = (column >= 0) & (column < sizes[0]) & (row >= 0) & (row < sizes[1])
        weight = (share[..., 0] if right else 1 - share[..., 0]) * (
            share[..., 1] if below else 1 - share[..., 1]
        )
        index = tf.cast(tf.clip_by_value(row, 0, sizes[1] - 1), tf.int32) * w
        index += tf.cast(tf.clip_by_value(column, 0, sizes[0] - 1), tf.int32)
        values = tf.gather(rows, index, axis=1, batch_dims=1)
        weight = tf.where(inside, weight, tf.zeros_like(weight))
        total += values * tf.cast(weight, x.dtype)[..., None]
    _, i, j, _ = shape_of(points)
    return tf.transpose(tf.reshape(total, (b, i, j, c)), (0, 3, 1, 2))
