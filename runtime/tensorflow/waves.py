"""Places along an axis as sines and cosines with evenly spaced frequencies."""

from __future__ import annotations

import math

import tensorflow as tf

from .functional import Size


def fourier_waves(count: Size, resolution: int, bands: int, closed: bool = True) -> tf.Tensor:
    """Each of `count` places, its sines, then its cosines: float32 [count, 1 + 2 * bands].

    Places run from -1 to 1, which is the last one if the axis is `closed`, and else the end behind
    it; frequencies from 1 to the Nyquist frequency of the resolution, resolution / 2
    (Jaegle et al. 2021, D). Whole turns are dropped in whole numbers, so that no angle is large
    and all sines are exact; costs two small tables.
    """
    count = tf.cast(count, tf.int64)
    parts = tf.maximum(count - 1, 1) if closed else count
    place = 2 * tf.range(count) - parts
    frequency = 2 * (bands - 1) + tf.range(bands, dtype=tf.int64) * (resolution - 2)
    turn = 4 * (bands - 1) * parts
    angle = tf.cast((place[:, None] * frequency) % turn, tf.float32)
    angle = angle / tf.cast(turn, tf.float32) * (2 * math.pi)
    place = tf.cast(place[:, None], tf.float32) / tf.cast(parts, tf.float32)
    return tf.concat([place, tf.sin(angle), tf.cos(angle)], axis=1)
