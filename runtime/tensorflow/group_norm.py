"""Normalisation within groups of channels."""

from __future__ import annotations

import tensorflow as tf

from .base import Layer, Parameter
from .functional import shape_of


class GroupNorm(Layer):
    """Zero mean and unit variance within each group of channels of [b, c, ...] (Wu, He 2018).

    Then a scale and a shift for each channel; float32 statistics.
    """

    kind = "norm"

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5):
        super().__init__()
        self.num_groups, self.eps = num_groups, eps
        self.weight = Parameter(self, "weight", (num_channels,))
        self.bias = Parameter(self, "bias", (num_channels,))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        shape = shape_of(x)
        wide = tf.cast(x, tf.float32) if x.dtype != tf.float64 else x
        groups = tf.reshape(wide, (shape[0], self.num_groups, -1))
        centred = groups - tf.reduce_mean(groups, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        y = tf.reshape(centred * tf.math.rsqrt(variance + self.eps), shape)
        sizes = (-1, *[1] * (len(shape) - 2))
        y = y * tf.reshape(tf.cast(self.weight, y.dtype), sizes)
        return tf.cast(y + tf.reshape(tf.cast(self.bias, y.dtype), sizes), x.dtype)
