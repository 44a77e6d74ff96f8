"""Convolutions of sequences [b, c, s], computed as those of pictures of height 1."""

from __future__ import annotations

import tensorflow as tf

from .base import Layer, Parameter, value
from .convolution import convolve
from .functional import shape_of
from .initialization import Rule


class WeightNorm(Layer):
    """A weight kept as length g and direction v: g v / |v|, with norms over all axes but one.

    Weight normalization (Salimans, Kingma 2016), section 2. Checkpoints call g and v original0
    and original1. `shape`, `axis` and `permutation` are those of the checkpoint's weight.
    """

    def __init__(self, shape: tuple[int, ...], axis: int, permutation: tuple[int, ...]):
        super().__init__()
        self.axes = [i for i, stored in enumerate(permutation) if stored != axis]
        sizes = [size if i == axis else 1 for i, size in enumerate(shape)]
        # First lengths are those of the first directions, which leaves the weight as it is.
        lengths = Rule(lambda _shape, _dtype, _fans: self.norm(self.original1))
        self.original1 = Parameter(self, "original1", shape, permutation=permutation)
        self.original0 = Parameter(self, "original0", sizes, permutation=permutation, init=lengths)

    def norm(self, direction: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(direction, tf.float32)
        square = tf.reduce_sum(tf.square(wide), axis=self.axes, keepdims=True)
        return tf.cast(tf.sqrt(square), direction.dtype)

    def call(self) -> tf.Tensor:
        direction, lengths = value(self.original1), value(self.original0)
        if direction.dtype == tf.float64:
            return direction * (lengths / self.norm(direction))
        wide = tf.cast(direction, tf.float32)
        weight = wide * (tf.cast(lengths, tf.float32) / self.norm(wide))
        return tf.cast(weight, direction.dtype)


class _Convolution(Layer):
    """A weight, whole or normalised, and a bias."""

    kind = "conv"
    checkpoint_names = {"normed": "parametrizations.weight"}

    def _add_weight(self, shape, permutation, bias: int | None, weight_norm: int | None) -> None:
        if weight_norm is None:
            self.weight = Parameter(self, "weight", shape, permutation=permutation)
        self.bias = None if bias is None else Parameter(self, "bias", (bias,))
        if weight_norm is not None:
            self.normed = WeightNorm(shape, weight_norm, permutation)

    def kernel(self) -> tf.Tensor:
        """The weight in this layer's layout."""
        return self.normed() if hasattr(self, "normed") else value(self.weight)

    def finished(self, y: tf.Tensor) -> tf.Tensor:
        """[b, s, out] with the bias, as [b, out, s]."""
        if self.bias is not None:
            y = tf.nn.bias_add(y, value(self.bias))
        return tf.transpose(y, (0, 2, 1))


class Conv1d(_Convolution):
    """Cross-correlation: [b, in, s] -> [b, out, s'], with zero padding on both sides.

    The kernel is kept as [k, in / groups, out]. `weight_norm`: the axis of the checkpoint's weight
    [out, in / groups, k] that keeps norms of its own.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        weight_norm: int | None = None,
    ):
        super().__init__()
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups = groups
        shape = (out_channels, in_channels // groups, kernel_size)
        self._add_weight(shape, (2, 1, 0), out_channels if bias else None, weight_norm)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = convolve(
            tf.transpose(x, (0, 2, 1))[:, None],
            self.kernel()[None],
            (1, self.stride),
            ((0, 0), (self.padding, self.padding)),
            (1, self.dilation),
            self.groups,
        )
        return self.finished(y[:, 0])


class ConvTranspose1d(_Convolution):
    """The transpose of a convolution: [b, in, s] -> [b, out, (s - 1) stride + k - 2 padding + ...].

    The kernel is kept as [k, out / groups, in]; that of checkpoints is [in, out / groups, k].
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        groups: int = 1,
        bias: bool = True,
        weight_norm: int | None = None,
    ):
        super().__init__()
        self.kernel_size, self.stride, self.groups = kernel_size, stride, groups
        self.padding, self.output_padding = padding, output_padding
        shape = (in_channels, out_channels // groups, kernel_size)
        self._add_weight(shape, (2, 1, 0), out_channels if bias else None, weight_norm)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.transpose(x, (0, 2, 1))
        batch, length, _ = shape_of(x)
        whole = (length - 1) * self.stride + self.kernel_size
        parts = [
            tf.nn.conv1d_transpose(
                inputs, kernel, (batch, whole, kernel.shape[1]), self.stride, "VALID"
            )
            for inputs, kernel in zip(
                tf.split(x, self.groups, axis=-1),
                tf.split(self.kernel(), self.groups, axis=-1),
                strict=True,
            )
        ]
        y = parts[0] if self.groups == 1 else tf.concat(parts, axis=-1)
        y = tf.pad(y, [[0, 0], [0, self.output_padding], [0, 0]])
        return self.finished(y[:, self.padding : whole + self.output_padding - self.padding])
