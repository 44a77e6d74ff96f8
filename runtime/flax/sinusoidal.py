"""Positions as sines and cosines of many wavelengths."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..sinusoids import sinusoid_table


def sinusoidal_positions(count: int, width: int, steps: float) -> jax.Array:
    """Sines, then cosines of the positions below `count`: float32 [count, width].

    Frequency k of the width / 2 ones is 10000 ** (-k / steps) (Vaswani et al. 2017, 3.5). A
    constant, computed on the host in float64; costs a table for each call that is not compiled.
    """
    return jnp.asarray(sinusoid_table((count, width), steps))
