"""Random numbers that are always the same."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from .. import twister


def seeded_normal(seed: int, shape: Sequence[int]) -> jax.Array:
    """Standard normal float32 values that depend on the seed alone; a constant of the program."""
    return jnp.asarray(twister.seeded_normal(seed, shape))
