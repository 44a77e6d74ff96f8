"""Layers that are left out at random."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


class LayerDrop(nnx.Module):
    """Whether a layer takes part in this call (Fan et al. 2019): any x -> bool [].

    In training, False with probability `rate`.
    """

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.rate = float(rate)
        self.deterministic = True  # set by nnx's train() and eval()
        self.stream = rngs.dropout.fork() if self.rate > 0 else None

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic or self.stream is None:
            return jnp.asarray(True)
        return jax.random.uniform(self.stream()) >= self.rate
