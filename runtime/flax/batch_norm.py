"""Normalisation over the batch, with running statistics."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from .base import Buffer, Layer, Parameter, at_least_float32, value
from .initialization import Rule, ones, zeros


class BatchNorm(Layer):
    """Zero mean and unit variance of each channel: [b, c, ...] (Ioffe, Szegedy 2015).

    In training by the statistics of the batch, of which the running ones take over the share
    `momentum`; else by the running ones. Statistics are computed in float32.
    """

    kind = "norm"
    own_rules: ClassVar[dict[str, Rule]] = {
        "running_mean": zeros(),
        "running_var": ones(),
        "num_batches_tracked": zeros(),
    }

    def __init__(self, size: int, eps: float = 1e-5, momentum: float = 0.1, *, rngs: nnx.Rngs):
        self.eps = eps
        self.momentum = momentum
        self.deterministic = True  # set by nnx's train() and eval()
        self.weight = Parameter(size, init=ones(), rngs=rngs)
        self.bias = Parameter(size, init=zeros(), rngs=rngs)
        self.running_mean = Parameter(size, kind=Buffer)
        self.running_var = Parameter(size, init=ones(), kind=Buffer)
        self.num_batches_tracked = Parameter((), dtype="int32", kind=Buffer, required=False)

    def __call__(self, x: jax.Array) -> jax.Array:
        wide = at_least_float32(x)
        shape = (1, -1) + (1,) * (wide.ndim - 2)
        if self.deterministic:
            centred = wide - self.running_mean[...].astype(wide.dtype).reshape(shape)
            variance = self.running_var[...].astype(wide.dtype)
        else:
            axes = (0, *range(2, wide.ndim))
            mean = jnp.mean(wide, axes)
            centred = wide - mean.reshape(shape)
            variance = jnp.mean(jnp.square(centred), axes)
            self.track(mean, variance, wide.size // mean.size)
        scale = lax.rsqrt(variance + self.eps) * value(self.weight).astype(wide.dtype)
        y = centred * scale.reshape(shape) + value(self.bias).astype(wide.dtype).reshape(shape)
        return y.astype(self.weight.compute_dtype)

    def track(self, mean: jax.Array, variance: jax.Array, count: int) -> None:
        """Moves the running statistics; their variance is the unbiased one."""
        unbiased = variance * (count / max(count - 1, 1))
        for running, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            old = running[...]
            moved = (1 - self.momentum) * old + self.momentum * lax.stop_gradient(new)
            running.set_value(moved.astype(old.dtype))
        self.num_batches_tracked.set_value(self.num_batches_tracked[...] + 1)
