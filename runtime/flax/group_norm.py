"""Normalisation within groups of channels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from .base import Layer, Parameter, at_least_float32, value
from .initialization import ones, zeros


class GroupNorm(Layer):
    """Zero mean and unit variance within each group of channels of [b, c, ...] (Wu, He 2018).

    Then a scale and a shift for each channel; float32 statistics.
    """

    kind = "norm"

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, *, rngs: nnx.Rngs):
        self.num_groups, self.eps = num_groups, eps
        self.weight = Parameter(num_channels, init=ones(), rngs=rngs)
        self.bias = Parameter(num_channels, init=zeros(), rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        groups = at_least_float32(x).reshape(x.shape[0], self.num_groups, -1)
        centred = groups - jnp.mean(groups, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
        y = (centred * lax.rsqrt(variance + self.eps)).reshape(x.shape)
        sizes = (-1, *[1] * (x.ndim - 2))
        y = y * value(self.weight).reshape(sizes).astype(y.dtype)
        y = y + value(self.bias).reshape(sizes).astype(y.dtype)
        return y.astype(self.weight.compute_dtype)
