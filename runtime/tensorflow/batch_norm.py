"""Normalisation over the batch, with running statistics."""

from __future__ import annotations

import tensorflow as tf

from .base import Layer, Parameter, is_training
from .functional import shape_of
from .initialization import ones, zeros


class BatchNorm(Layer):
    """Zero mean and unit variance of each channel: [b, c, ...] (Ioffe, Szegedy 2015).

    In training by the statistics of the batch, of which the running ones take over the share
    `momentum`; else by the running ones. Statistics are computed in float32.
    """

    kind = "norm"

    def __init__(self, size: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = Parameter(self, "weight", (size,))
        self.bias = Parameter(self, "bias", (size,))
        self.running_mean = Parameter(self, "running_mean", (size,), trainable=False, init=zeros())
        self.running_var = Parameter(self, "running_var", (size,), trainable=False, init=ones())
        self.num_batches_tracked = Parameter(
            self,
            "num_batches_tracked",
            (),
            dtype="int64",
            trainable=False,
            init=zeros(),
            required=False,
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        wide = x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)
        rank = x.shape.rank
        shape = (1, -1) + (1,) * (rank - 2)
        if is_training():
            axes = [0, *range(2, rank)]
            mean = tf.reduce_mean(wide, axes)
            centred = wide - tf.reshape(mean, shape)
            variance = tf.reduce_mean(tf.square(centred), axes)
            self.track(mean, variance, self.count(wide))
        else:
            centred = wide - tf.reshape(tf.cast(self.running_mean, wide.dtype), shape)
            variance = tf.cast(self.running_var, wide.dtype)
        scale = tf.math.rsqrt(variance + self.eps) * tf.cast(self.weight, wide.dtype)
        bias = tf.reshape(tf.cast(self.bias, wide.dtype), shape)
        return tf.cast(centred * tf.reshape(scale, shape) + bias, x.dtype)

    def count(self, x: tf.Tensor) -> tf.Tensor:
        """How many entries of each channel there are."""
        return tf.cast(tf.size(x) // shape_of(x)[1], x.dtype)

    def track(self, mean: tf.Tensor, variance: tf.Tensor, count: tf.Tensor) -> None:
        """Move the running statistics; their variance is the unbiased one."""
        unbiased = variance * (count / tf.maximum(count - 1, 1))
        for running, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            old = tf.cast(running, new.dtype)
            moved = (1 - self.momentum) * old + self.momentum * new
            running.assign(tf.cast(moved, running.dtype))
        self.num_batches_tracked.assign(self.num_batches_tracked + 1)
