"""Places along an axis as sines and cosines with evenly spaced frequencies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def fourier_waves(count: int, resolution: int, bands: int, closed: bool = True) -> jax.Array:
    """Each of `count` places, its sines, then its cosines: float32[count, 1 + 2 * bands].

    Places run from -1 to 1, which is the last one if the axis is `closed`, and else the end behind
    it; frequencies from 1 to the Nyquist frequency of the resolution, resolution / 2
    (Jaegle et al. 2021, D). Whole turns are dropped in whole numbers, so that no angle is large
    and all sines are exact. The angles are computed when code is traced, a small constant.
    """
    parts = max(count - 1, 1) if closed else count
    place = 2 * np.arange(count, dtype=np.int64) - parts
    frequency = 2 * (bands - 1) + np.arange(bands, dtype=np.int64) * (resolution - 2)
    turn = 4 * (bands - 1) * parts
    angle = jnp.asarray((place[:, None] * frequency) % turn * (2 * np.pi / turn), jnp.float32)
    place = jnp.asarray(place[:, None] / parts, jnp.float32)
    return jnp.concatenate([place, jnp.sin(angle), jnp.cos(angle)], axis=1)
