"""Convolutions of films."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from ..sizes import triple
from .base import Layer, Parameter, value
from .initialization import kaiming_uniform, uniform

_WEIGHT = kaiming_uniform(a=math.sqrt(5.0))  # variance 1 / (3 inputs)


class Conv3d(Layer):
    """Cross-correlation: [b, in, t, h, w] -> [b, out, t', h', w'], with zeros on both sides.

    Computed on [b, t, h, w, c]; the kernel is stored as [kt, kh, kw, in, out].
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
        *,
        rngs: nnx.Rngs,
    ):
        self.strides, self.padding = triple(stride), triple(padding)
        shape = (out_channels, in_channels, *triple(kernel_size))
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        init = uniform(-bound, bound)
        self.weight = Parameter(shape, permutation=(2, 3, 4, 1, 0), init=_WEIGHT, rngs=rngs)
        self.bias = Parameter(out_channels, init=init, rngs=rngs) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        weight = value(self.weight)
        y = lax.conv_general_dilated(
            jnp.asarray(x).astype(weight.dtype).transpose(0, 2, 3, 4, 1),
            weight,
            window_strides=self.strides,
            padding=[(size, size) for size in self.padding],
            dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
            preferred_element_type=jnp.promote_types(weight.dtype, jnp.float32),
        )
        if self.bias is not None:  # rounded once, after both
            y = y + value(self.bias).astype(y.dtype)
        return y.astype(weight.dtype).transpose(0, 4, 1, 2, 3)
