"""Layers with explicit sizes; their inputs and outputs are in checkpoint layout (NCHW)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from ..padding import margins
from .base import CONV2D, LINEAR, Layer, Parameter, at_least_float32, value
from .functional import check_range
from .initialization import kaiming_uniform, normal, ones, uniform, zeros

_WEIGHT = kaiming_uniform(a=math.sqrt(5.0))  # variance 1 / (3 inputs)


def _bias(size: int, inputs: int, rngs: nnx.Rngs) -> nnx.Param:
    bound = 1 / math.sqrt(max(inputs, 1))
    return Parameter(size, init=uniform(-bound, bound), rngs=rngs)


def _wide(dtype: jnp.dtype) -> jnp.dtype:
    """The dtype of sums, to which a bias is added before they are rounded to `dtype`, once."""
    return jnp.promote_types(dtype, jnp.float32)


def _with_bias(sums: jax.Array, bias: nnx.Param | None, dtype: jnp.dtype) -> jax.Array:
    if bias is not None:
        sums = sums + value(bias).astype(sums.dtype)
    return sums.astype(dtype)


class Linear(Layer):
    """y = x W + b over the last axis: [..., in_features] -> [..., out_features].

    `tied`: the embedding whose table [out_features, in_features] is used as the weight.
    """

    kind = "linear"

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        tied: nnx.Module | None = None,
        rngs: nnx.Rngs,
    ):
        shape = (out_features, in_features)
        if tied is None:
            self.weight = Parameter(shape, permutation=LINEAR, init=_WEIGHT, rngs=rngs)
        else:
            self.weight = tied.weight
            self.tied = ("weight",)
        self.bias = _bias(out_features, in_features, rngs) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        weight = value(self.weight)
        # A weight shared with an embedding is stored as the table: [out, in].
        axis = 0 if self.weight.permutation == LINEAR else 1
        x = jnp.asarray(x).astype(weight.dtype)
        sums = None if self.bias is None else _wide(weight.dtype)
        product = (((x.ndim - 1,), (axis,)), ((), ()))
        y = lax.dot_general(x, weight, product, preferred_element_type=sums)
        return _with_bias(y, self.bias, weight.dtype)


class Embedding(Layer):
    """Rows of a table: int[...] -> [..., embedding_dim].

    An id out of range is an InputError; in compiled code, where none can be raised, the nearest
    row. No gradient reaches the row `padding_idx` from here.
    """

    kind = "embedding"

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rngs: nnx.Rngs,
    ):
        self.num_embeddings = num_embeddings
        if padding_idx is not None and padding_idx < 0:
            padding_idx += num_embeddings
        self.padding_idx = padding_idx
        self.weight = Parameter((num_embeddings, embedding_dim), init=normal(1.0), rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        ids = check_range(ids, self.weight.shape[0], "the ids")
        rows = jnp.take(self.weight[...], ids, axis=0, mode="clip")
        if self.padding_idx is not None:
            kept = (ids != self.padding_idx)[..., None]
            rows = jnp.where(kept, rows, lax.stop_gradient(rows))
        return rows.astype(self.weight.compute_dtype)


class ScaledEmbedding(Embedding):
    """Rows of a table, multiplied by `scale`: int[...] -> [..., embedding_dim]."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        scale: float,
        padding_idx: int | None = None,
        *,
        rngs: nnx.Rngs,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx, rngs=rngs)
        self.scale = scale

    def __call__(self, ids: jax.Array) -> jax.Array:
        return super().__call__(ids) * self.scale


class LayerNorm(Layer):
    """Zero mean and unit variance over the last axis, then scale and shift; float32 statistics."""

    kind = "norm"

    def __init__(self, size: int, eps: float = 1e-5, bias: bool = True, *, rngs: nnx.Rngs):
        self.eps = eps
        self.weight = Parameter(size, init=ones(), rngs=rngs)
        self.bias = Parameter(size, init=zeros(), rngs=rngs) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        wide = at_least_float32(x)
        # Subtracting the mean before squaring stays exact for inputs far from zero.
        centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
        y = centred * lax.rsqrt(variance + self.eps) * value(self.weight).astype(wide.dtype)
        if self.bias is not None:
            y = y + value(self.bias).astype(wide.dtype)
        return y.astype(self.weight.compute_dtype)


class RMSNorm(Layer):
    """Unit mean square over the last axis in float32, then, in the layer's dtype, a scale."""

    kind = "norm"

    def __init__(self, size: int, eps: float = 1e-6, *, rngs: nnx.Rngs):
        self.eps = eps
        self.weight = Parameter(size, init=ones(), rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        wide = at_least_float32(x)
        y = wide * lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + self.eps)
        weight = value(self.weight)
        return weight * y.astype(weight.dtype)


class _Random(nnx.Module):
    """Base of layers that draw in training mode, each from a stream of its own."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.rate = float(rate)
        self.deterministic = True  # set by nnx's train() and eval()
        self.stream = rngs.dropout.fork() if self.rate > 0 else None

    def kept(self, shape: Sequence[int]) -> jax.Array:
        """bool of this shape, False with probability `rate`."""
        return jax.random.bernoulli(self.stream(), 1 - self.rate, tuple(shape))

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic or self.rate == 0:
            return x
        if self.rate >= 1:
            return jnp.zeros_like(x)
        kept = self.kept(self.mask_shape(x.shape))
        return jnp.where(kept, x / (1 - self.rate), jnp.zeros_like(x))


class Dropout(_Random):
    """In training, zeroes entries with probability `rate` and scales the rest up."""


class Dropout2d(_Random):
    """In training, zeroes whole channels of [b, c, h, w], and scales the rest up."""

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:2], 1, 1)


class DropPath(_Random):
    """In training, zeroes whole entries of the first axis, and scales the rest up."""

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(1,) * (len(shape) - 1))


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


class Conv2d(Layer):
    """Cross-correlation: [b, in, h, w] -> [b, out, h', w'], with zeros on both sides.

    `padding`: how many, or "same": as many as keep height and width at stride 1. Computed on
    [b, h, w, c]; the kernel is stored as [kh, kw, in / groups, out].
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
        *,
        rngs: nnx.Rngs,
    ):
        self.stride = _pair(stride)
        self.dilation = _pair(dilation)
        self.padding = margins(padding, _pair(kernel_size), self.dilation, self.stride)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *_pair(kernel_size))
        self.weight = Parameter(shape, permutation=CONV2D, init=_WEIGHT, rngs=rngs)
        self.bias = _bias(out_channels, math.prod(shape[1:]), rngs) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        weight = value(self.weight)
        y = lax.conv_general_dilated(
            jnp.asarray(x).astype(weight.dtype).transpose(0, 2, 3, 1),
            weight,
            window_strides=self.stride,
            padding=self.padding,
            rhs_dilation=self.dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=self.groups,
            preferred_element_type=_wide(weight.dtype),
        )
        return _with_bias(y, self.bias, weight.dtype).transpose(0, 3, 1, 2)


class ConvTranspose2d(Layer):
    """The gradient of a convolution as a layer: [b, in, h, w] -> [b, out, h', w'].

    h' = (h - 1) stride - 2 padding + kernel + output_padding. The kernel is stored as
    [kh, kw, in, out]. As costly as the convolution from [b, out, h', w'] (Zeiler et al. 2010).
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
        *,
        rngs: nnx.Rngs,
    ):
        self.stride = stride
        before = kernel_size - 1 - padding
        self.margins = (before, before + output_padding)
        shape = (in_channels, out_channels, kernel_size, kernel_size)
        self.weight = Parameter(shape, permutation=(2, 3, 0, 1), init=_WEIGHT, rngs=rngs)
        self.bias = _bias(out_channels, math.prod(shape[1:]), rngs) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        weight = value(self.weight)
        y = lax.conv_general_dilated(
            jnp.asarray(x).astype(weight.dtype).transpose(0, 2, 3, 1),
            jnp.flip(weight, (0, 1)),
            window_strides=(1, 1),
            padding=[self.margins] * 2,
            lhs_dilation=(self.stride, self.stride),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            preferred_element_type=_wide(weight.dtype),
        )
        return _with_bias(y, self.bias, weight.dtype).transpose(0, 3, 1, 2)


class PixelShuffle(nnx.Module):
    """Channels become pixels: [b, c r r, h, w] -> [b, c, h r, w r]."""

    def __init__(self, factor: int):
        self.factor = factor

    def __call__(self, x: jax.Array) -> jax.Array:
        r = self.factor
        b, c, h, w = x.shape
        x = x.reshape(b, c // (r * r), r, r, h, w).transpose(0, 1, 4, 2, 5, 3)
        return x.reshape(b, c // (r * r), h * r, w * r)
