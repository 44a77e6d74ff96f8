"""The largest and the smallest along axes, with the gradient of the entry that was found.

TensorFlow's own gradient looks for the entries that equal the result. Compiled, they may be
computed a second time with another rounding, so that none does and the gradient is 0 / 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from .functional import take_along


def largest(
    x: tf.Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> tf.Tensor:
    """The first of the largest entries along axes, or of all; one comparison an entry."""
    rank = x.shape.rank
    axes = range(rank) if axis is None else [axis] if isinstance(axis, int) else axis
    places = sorted(place % rank for place in axes)
    for place in places:
        index = tf.argmax(x, axis=place, output_type=tf.int32)
        x = take_along(x, tf.expand_dims(index, place), place)
    return x if keepdims else tf.squeeze(x, places)


def smallest(
    x: tf.Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> tf.Tensor:
    """The first of the smallest entries along axes, or of all."""
    return -largest(-x, axis, keepdims)
