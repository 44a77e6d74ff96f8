"""Rows put into the places of others."""

from __future__ import annotations

import tensorflow as tf

from ..errors import InputError


def masked_scatter(x: tf.Tensor, mask: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """x [b, s, d] with the rows of `source` [..., d], in their order, where `mask` [b, s] holds.

    There must be as many rows as places; compiled code, which cannot look, uses the last row again
    where there are too few. Costs a cumulative sum over the mask and one gather of b * s rows.
    """
    rows = tf.reshape(source, [-1, source.shape[-1]])
    count = tf.shape(rows)[0]
    places = tf.cast(tf.reshape(mask, [-1]), tf.int32)
    if tf.executing_eagerly() and int(tf.reduce_sum(places)) != int(count):
        expected, found = f"{int(count)}, as many as rows", str(int(tf.reduce_sum(places)))
        raise InputError("places to fill", expected=expected, found=found)
    index = tf.clip_by_value(tf.cumsum(places) - 1, 0, count - 1)
    return tf.where(mask[..., None], tf.reshape(tf.gather(rows, index), tf.shape(x)), x)
