"""Normalisation over the batch, with running statistics."""

from __future__ import annotations

from typing import Any

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
        if is_training():
            standard, mean, variance = _standardized(wide, self.eps)
            self.track(mean, variance, self.count(wide))
        else:
            variance = _by_channel(tf.cast(self.running_var, wide.dtype), wide)
            mean = _by_channel(tf.cast(self.running_mean, wide.dtype), wide)
            standard = (wide - mean) * tf.math.rsqrt(variance + self.eps)
        weight, bias = (tf.cast(leaf, wide.dtype) for leaf in (self.weight, self.bias))
        return tf.cast(_scaled(standard, weight, bias), x.dtype)

    def count(self, x: tf.Tensor) -> tf.Tensor:
        """How many entries of each channel there are."""
        return tf.cast(tf.size(x) // shape_of(x)[1], x.dtype)

    def track(self, mean: tf.Tensor, variance: tf.Tensor, count: tf.Tensor) -> None:
        """Move the running statistics; their variance is the unbiased one."""
        unbiased = variance * (count / tf.maximum(count - 1, 1))
        for running, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            old = tf.cast(running, new.dtype)
            moved = (1 - self.momentum) * old + self.momentum * tf.reshape(new, [-1])
            running.assign(tf.cast(moved, running.dtype))
        self.num_batches_tracked.assign(self.num_batches_tracked + 1)


def _by_channel(values: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """[c] -> [1, c, 1, ...] for x [b, c, ...]."""
    return tf.reshape(values, (1, -1) + (1,) * (x.shape.rank - 2))


def _mean(x: tf.Tensor) -> tf.Tensor:
    """The mean of each channel: [b, c, ...] -> [1, c, 1, ...].

    One axis after the other: rounding errors of a sum grow with the number of its terms.
    """
    for axis in range(x.shape.rank - 1, 1, -1):
        x = tf.reduce_mean(x, axis, keepdims=True)
    return tf.reduce_mean(x, 0, keepdims=True)


def _standardized(x: tf.Tensor, eps: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """x with mean 0 and variance 1 in each channel, and what these were; no gradient of the two."""

    @tf.custom_gradient
    def standardize(x: tf.Tensor) -> tuple[Any, Any]:
        mean = _mean(x)
        centred = x - mean
        variance = _mean(tf.square(centred))
        scale = tf.math.rsqrt(variance + eps)
        standard = centred * scale

        def gradient(upstream: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            along = standard * _mean(upstream * standard)
            return scale * (upstream - _mean(upstream) - along)

        return (standard, mean, variance), gradient

    return standardize(x)


@tf.custom_gradient
def _scaled(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """x * weight + bias by channel; sums of gradients as exact as those of the statistics."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        count = tf.cast(tf.size(x) // shape_of(x)[1], x.dtype)
        to_weight, to_bias = (_mean(upstream * x) * count, _mean(upstream) * count)
        to_x = upstream * _by_channel(weight, x)
        return to_x, tf.reshape(to_weight, [-1]), tf.reshape(to_bias, [-1])

    return x * _by_channel(weight, x) + _by_channel(bias, x), gradient
