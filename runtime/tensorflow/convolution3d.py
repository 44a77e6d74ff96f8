"""Convolutions of films."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..sizes import triple
from .base import Layer, Parameter, value


class Conv3d(Layer):
    """Cross-correlation: [b, in, t, h, w] -> [b, out, t', h', w'], with zeros on both sides.

    TensorFlow computes it on [b, t, h, w, c]; the kernel is kept as [kt, kh, kw, in, out].
    """

    kind = "conv"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        bias: bool = True,
    ):
        super().__init__()
        self.strides, self.padding = triple(stride), triple(padding)
        shape = (out_channels, in_channels, *triple(kernel_size))
        self.weight = Parameter(self, "weight", shape, permutation=(2, 3, 4, 1, 0))
        self.bias = Parameter(self, "bias", (out_channels,)) if bias else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.transpose(x, (0, 2, 3, 4, 1))
        if any(self.padding):
            x = tf.pad(x, [[0, 0], *([size, size] for size in self.padding), [0, 0]])
        y = tf.nn.conv3d(x, value(self.weight), (1, *self.strides, 1), "VALID")
        if self.bias is not None:
            y = tf.nn.bias_add(y, value(self.bias))
        return tf.transpose(y, (0, 4, 1, 2, 3))
