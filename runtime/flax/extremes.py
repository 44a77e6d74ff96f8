"""The largest and the smallest along axes, with the gradient of the entry that was found.

JAX's own gradient looks for the entries that equal the result. Compiled, they may be computed a
second time with another rounding, so that none does and the gradient is 0 / 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def largest(
    x: jax.Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> jax.Array:
    """The first of the largest entries along axes, or of all; one comparison an entry."""
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    places = sorted(place % x.ndim for place in axes)
    for place in places:
        index = jnp.argmax(x, axis=place, keepdims=True)
        x = jnp.take_along_axis(x, index, axis=place, mode="clip")
    return x if keepdims else jnp.squeeze(x, places)


def smallest(
    x: jax.Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> jax.Array:
    """The first of the smallest entries along axes, or of all."""
    return -largest(-x, axis, keepdims)
