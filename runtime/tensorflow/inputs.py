"""Small operations on what a model is given."""

from __future__ import annotations

import tensorflow as tf

from .functional import select_rows, shape_of


def first_given(*inputs: tf.Tensor | None) -> tf.Tensor:
    """The first input that is not None."""
    return next(x for x in inputs if x is not None)


def merge_leading(x: tf.Tensor | None, axes: int) -> tf.Tensor | None:
    """Joins the first axes: [b, choices, ...] -> [b * choices, ...]; None stays None."""
    return None if x is None else tf.reshape(x, [-1, *shape_of(x)[axes:]])


def last_token(x: tf.Tensor, ids: tf.Tensor | None, padding_id: int | None) -> tf.Tensor:
    """The row of each sequence's last token that is no padding: x [b, s, d] -> [b, d].

    Without a padding id (or without ids) it is the last row.
    """
    if ids is None or padding_id is None:
        return x[:, -1]
    places = tf.range(shape_of(ids)[1])
    tokens = tf.cast(tf.not_equal(ids, padding_id), places.dtype)
    return select_rows(x, tf.reduce_max(tokens * places, axis=-1))
