"""Convolutions of sequences [b, c, s], computed on [b, s, c]."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from .base import Layer, Parameter, at_least_float32, value
from .initialization import kaiming_uniform, ones, uniform

_WEIGHT = kaiming_uniform(a=math.sqrt(5.0))  # variance 1 / (3 inputs)


class WeightNorm(Layer):
    """A weight kept as length g and direction v: g v / |v|, with norms over all axes but one.

    Weight normalization (Salimans, Kingma 2016), section 2. Checkpoints call g and v original0
    and original1. `shape`, `axis` and `permutation` are those of the checkpoint's weight.
    """

    def __init__(
        self, shape: tuple[int, ...], axis: int, permutation: tuple[int, ...], *, rngs: nnx.Rngs
    ):
        self.axis = axis
        self.axes = tuple(i for i, stored in enumerate(permutation) if stored != axis)
        sizes = tuple(size if i == axis else 1 for i, size in enumerate(shape))
        self.original0 = Parameter(sizes, permutation=permutation, init=ones(), rngs=rngs)
        self.original1 = Parameter(shape, permutation=permutation, init=_WEIGHT, rngs=rngs)

    def __call__(self) -> jax.Array:
        direction = value(self.original1)
        wide = at_least_float32(direction)
        weight = wide * (at_least_float32(value(self.original0)) / _norm(wide, self.axes))
        return weight.astype(direction.dtype)

    # First lengths are those of the first directions, which leaves the weight as it is.
    derived = {"original0": "original1"}

    def derive(self, attribute: str, direction: jax.Array) -> jax.Array:
        """The first value of an attribute from that of another, both in checkpoint layout."""
        axes = tuple(i for i in range(direction.ndim) if i != self.axis)
        return _norm(jnp.asarray(direction), axes)


def _norm(direction: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    square = jnp.sum(jnp.square(at_least_float32(direction)), axis=axes, keepdims=True)
    return jnp.sqrt(square).astype(direction.dtype)


class _Convolution(Layer):
    """A weight, whole or normalised, and a bias."""

    kind = "conv"
    checkpoint_names = {"normed": "parametrizations.weight"}

    def _add_weight(
        self, shape, permutation, bias: int | None, weight_norm: int | None, rngs: nnx.Rngs
    ) -> None:
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        init = uniform(-bound, bound)
        self.bias = None if bias is None else Parameter(bias, init=init, rngs=rngs)
        if weight_norm is None:
            self.weight = Parameter(shape, permutation=permutation, init=_WEIGHT, rngs=rngs)
        else:
            self.normed = WeightNorm(shape, weight_norm, permutation, rngs=rngs)

    def kernel(self) -> jax.Array:
        """The weight in this layer's layout."""
        return self.normed() if hasattr(self, "normed") else value(self.weight)

    def convolved(self, x: jax.Array, kernel: jax.Array, **options: Any) -> jax.Array:
        """x [b, in, s] -> [b, out, s'], with the bias; rounded once, after both."""
        y = lax.conv_general_dilated(
            jnp.asarray(x).astype(kernel.dtype).transpose(0, 2, 1),
            kernel,
            dimension_numbers=("NHC", "HIO", "NHC"),
            feature_group_count=self.groups,
            preferred_element_type=jnp.promote_types(kernel.dtype, jnp.float32),
            **options,
        )
        if self.bias is not None:
            y = y + value(self.bias).astype(y.dtype)
        return y.astype(kernel.dtype).transpose(0, 2, 1)


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
        *,
        rngs: nnx.Rngs,
    ):
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups = groups
        shape = (out_channels, in_channels // groups, kernel_size)
        self._add_weight(shape, (2, 1, 0), out_channels if bias else None, weight_norm, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.convolved(
            x,
            self.kernel(),
            window_strides=(self.stride,),
            padding=[(self.padding, self.padding)],
            rhs_dilation=(self.dilation,),
        )


class ConvTranspose1d(_Convolution):
    """The transpose of a convolution: [b, in, s] -> [b, out, (s - 1) stride + k - 2 padding + ...].

    The kernel is kept as [k, in, out / groups]; that of checkpoints is [in, out / groups, k].
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
        *,
        rngs: nnx.Rngs,
    ):
        self.kernel_size, self.stride, self.groups = kernel_size, stride, groups
        self.padding, self.output_padding = padding, output_padding
        shape = (in_channels, out_channels // groups, kernel_size)
        self._add_weight(shape, (2, 0, 1), out_channels if bias else None, weight_norm, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.kernel()[::-1]  # backwards: the output reads what the convolution wrote
        size, inputs, outputs = kernel.shape
        if self.groups > 1:
            kernel = kernel.reshape(size, self.groups, inputs // self.groups, outputs)
            kernel = kernel.transpose(0, 2, 1, 3).reshape(size, -1, self.groups * outputs)
        edge = self.kernel_size - 1 - self.padding
        return self.convolved(
            x,
            kernel,
            window_strides=(1,),
            padding=[(edge, edge + self.output_padding)],
            lhs_dilation=(self.stride,),
        )
