"""Layers with parameters, and random ones: explicit sizes, variables in the constructor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras.random import SeedGenerator

from ..errors import InputError
from ..padding import margins
from .base import Layer, Parameter, is_training, value
from .convolution import convolve
from .functional import shape_of
from .random import draw_seed


class Linear(Layer):
    """y = x W + b over the last axis: [..., in_features] -> [..., out_features].

    `tied`: an embedding whose weight it reads instead of an own one.
    """

    kind = "linear"

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, tied: Layer | None = None
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self._tied_to: Callable[[], Layer | None] = lambda: None
        if tied is None:
            shape = (out_features, in_features)
            self.weight = Parameter(self, "weight", shape, permutation=(1, 0))
        else:
            self.tie(tied)
        self.bias = Parameter(self, "bias", (out_features,)) if bias else None

    def tie(self, source: Layer) -> None:
        """Read the weight of an embedding, [out_features, in_features], instead of an own one."""
        if hasattr(self, "weight"):
            del self.weight
        self._tied_to = lambda: source  # behind a function, or Keras would count it as a part

    @property
    def tied_to(self) -> Layer | None:
        """The embedding whose weight this layer reads."""
        return self._tied_to()

    def call(self, x: tf.Tensor) -> tf.Tensor:
        # Two axes: the gradient of the weight is then one matrix product, and TensorFlow can fuse
        # product and bias.
        shape = None if x.shape.rank == 2 else shape_of(x)
        rows = x if shape is None else tf.reshape(x, (-1, self.in_features))
        if self.tied_to is not None:
            y = tf.matmul(rows, value(self.tied_to.weight), transpose_b=True)
        else:
            y = tf.matmul(rows, value(self.weight))
        if self.bias is not None:
            y = tf.nn.bias_add(y, value(self.bias))
        return y if shape is None else tf.reshape(y, (*shape[:-1], y.shape[-1]))


class Embedding(Layer):
    """Rows of a table: int[...] -> [..., embedding_dim]."""

    kind = "embedding"

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None and padding_idx < 0:
            padding_idx += num_embeddings
        self.padding_idx = padding_idx
        self.weight = Parameter(self, "weight", (num_embeddings, embedding_dim))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        try:
            # Read first: a variable that rows are gathered from is copied at all later reads.
            rows = tf.gather(tf.convert_to_tensor(self.weight.value), ids)
        except tf.errors.InvalidArgumentError as error:  # only eager calls on a CPU notice
            raise self._out_of_range(ids) from error
        if self.padding_idx is not None:
            rows = _without_gradient(rows, tf.equal(ids, self.padding_idx))
        return tf.cast(rows, self.weight.read_dtype)

    def _out_of_range(self, ids: tf.Tensor) -> InputError:
        low, high = int(tf.reduce_min(ids)), int(tf.reduce_max(ids))
        return InputError(
            f"the embedding {self.name!r} has {self.num_embeddings} rows",
            expected=f"ids from 0 to {self.num_embeddings - 1}",
            found=str(low if low < 0 else high),
        )


class ScaledEmbedding(Embedding):
    """Rows of a table, multiplied by `scale`: int[...] -> [..., embedding_dim]."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        scale: float,
        padding_idx: int | None = None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        self.scale = scale

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        rows = super().call(ids)
        return rows * tf.cast(self.scale, rows.dtype)


def _without_gradient(rows: tf.Tensor, frozen: tf.Tensor) -> tf.Tensor:
    """`rows` [..., d], through which no gradient flows where `frozen` [...]."""

    @tf.custom_gradient
    def identity(rows: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.where(frozen[..., None], tf.zeros_like(upstream), upstream)

        return tf.identity(rows), gradient

    return identity(rows)


class LayerNorm(Layer):
    """Zero mean and unit variance over the last axis, then scale and shift; float32 statistics."""

    kind = "norm"

    def __init__(self, size: int, eps: float = 1e-5, bias: bool = True):
        super().__init__()
        self.eps = eps
        self.weight = Parameter(self, "weight", (size,))
        self.bias = Parameter(self, "bias", (size,)) if bias else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        wide = _at_least_float32(x)
        # Subtracting the mean before squaring stays exact for inputs far from zero.
        centred = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        y = centred * tf.math.rsqrt(variance + self.eps) * tf.cast(self.weight, wide.dtype)
        if self.bias is not None:
            y += tf.cast(self.bias, wide.dtype)
        return tf.cast(y, x.dtype)


class RMSNorm(Layer):
    """Unit mean square over the last axis in float32, then, in x's dtype, a scale."""

    kind = "norm"

    def __init__(self, size: int, eps: float = 1e-6):
        super().__init__()
        self.eps = eps
        self.weight = Parameter(self, "weight", (size,))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        wide = _at_least_float32(x)
        square = tf.reduce_mean(tf.square(wide), axis=-1, keepdims=True)
        return tf.cast(wide * tf.math.rsqrt(square + self.eps), x.dtype) * value(self.weight)


def _at_least_float32(x: tf.Tensor) -> tf.Tensor:
    return x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)


class Dropout(Layer):
    """In training, zeroes entries with probability `rate` and scales the rest up."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = float(rate)
        self.seed_generator = SeedGenerator() if self.rate > 0 else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.seed_generator is None or not is_training():
            return x
        if self.rate >= 1:
            return tf.zeros_like(x)
        seed = draw_seed(self.seed_generator)
        return tf.nn.experimental.stateless_dropout(x, self.rate, seed=seed)


class _PartDropout(Layer):
    """In training, zeroes parts with probability `rate` and scales the rest up."""

    axes = 1  # that tell the parts of an input

    def __init__(self, rate: float):
        super().__init__()
        self.rate = float(rate)
        self.seed_generator = SeedGenerator() if self.rate > 0 else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.seed_generator is None or not is_training():
            return x
        if self.rate >= 1:
            return tf.zeros_like(x)
        parts = [*shape_of(x)[: self.axes], *[1] * (x.shape.rank - self.axes)]
        kept = tf.random.stateless_uniform(parts, seed=draw_seed(self.seed_generator)) >= self.rate
        return tf.where(kept, x / (1 - self.rate), tf.zeros_like(x))


class DropPath(_PartDropout):
    """In training, zeroes whole entries of the first axis, and scales the rest up."""


class Dropout2d(_PartDropout):
    """In training, zeroes whole channels of [b, c, h, w], and scales the rest up."""

    axes = 2


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


class Conv2d(Layer):
    """Cross-correlation: [b, in, h, w] -> [b, out, h', w'], with zeros on both sides.

    `padding`: how many, or "same": as many as keep height and width at stride 1. TensorFlow
    computes it on [b, h, w, c]; the kernel is kept as [kh, kw, in / groups, out].
    """

    kind = "conv"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        super().__init__()
        self.strides = _pair(stride)
        self.dilations = _pair(dilation)
        self.padding = margins(padding, _pair(kernel_size), self.dilations, self.strides)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *_pair(kernel_size))
        self.weight = Parameter(self, "weight", shape, permutation=(2, 3, 1, 0))
        self.bias = Parameter(self, "bias", (out_channels,)) if bias else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.transpose(x, (0, 2, 3, 1))
        kernel = value(self.weight)
        y = convolve(x, kernel, self.strides, self.padding, self.dilations, self.groups)
        if self.bias is not None:
            y = tf.nn.bias_add(y, value(self.bias))
        return tf.transpose(y, (0, 3, 1, 2))


class ConvTranspose2d(Layer):
    """The gradient of a convolution as a layer: [b, in, h, w] -> [b, out, h', w'].

    h' = (h - 1) stride - 2 padding + kernel + output_padding. The kernel is kept as
    [kh, kw, out, in]. As costly as the convolution from [b, out, h', w'] (Zeiler et al. 2010).
    """

    kind = "conv"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        bias: bool = True,
    ):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.output_padding = padding, output_padding
        shape = (in_channels, out_channels, kernel_size, kernel_size)
        self.weight = Parameter(self, "weight", shape, permutation=(2, 3, 1, 0))
        self.bias = Parameter(self, "bias", (out_channels,)) if bias else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        kernel = value(self.weight)
        b, _, *sizes = shape_of(x)
        # The whole reach of the kernel first; padding takes a margin of it away.
        whole = [(size - 1) * self.stride + self.kernel_size for size in sizes]
        y = tf.nn.conv2d_transpose(
            tf.transpose(x, (0, 2, 3, 1)),
            kernel,
            (b, *whole, kernel.shape[2]),
            self.stride,
            padding="VALID",
        )
        if self.output_padding > self.padding:
            more = [0, self.output_padding - self.padding]
            y = tf.pad(y, [[0, 0], more, more, [0, 0]])
        ends = [size - 2 * self.padding + self.output_padding for size in whole]
        first = self.padding
        y = y[:, first : first + ends[0], first : first + ends[1]]
        if self.bias is not None:
            y = tf.nn.bias_add(y, value(self.bias))
        return tf.transpose(y, (0, 3, 1, 2))


class PixelShuffle(Layer):
    """Channels become pixels: [b, c r r, h, w] -> [b, c, h r, w r]."""

    def __init__(self, factor: int):
        super().__init__()
        self.factor = factor

    def call(self, x: tf.Tensor) -> tf.Tensor:
        r = self.factor
        b, c, h, w = shape_of(x)
        x = tf.reshape(x, (b, c // (r * r), r, r, h, w))
        return tf.reshape(tf.transpose(x, (0, 1, 4, 2, 5, 3)), (b, c // (r * r), h * r, w * r))
