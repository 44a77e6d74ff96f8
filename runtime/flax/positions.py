"""Where keys are, and how far away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from ..buckets import log_bucket_table

if TYPE_CHECKING:
    from .cache import Cache


def key_positions(count: int, past: Cache | None = None) -> jax.Array:
    """The positions of all keys once a cache holds `count` new tokens, too: int32[1, t].

    In a preallocated cache those of all its room.
    """
    if past is not None:
        count = past.length + count if past.capacity is None else past.capacity
    return jnp.arange(count, dtype=jnp.int32)[None, :]


def log_buckets(distance: jax.Array, exact: int, count: int, limit: int) -> jax.Array:
    """The bucket of each distance, of the shape of `distance`; one gather from a small table.

    Distances below `exact` are buckets of their own, farther ones fall into count - exact steps
    that grow up to `limit`.
    """
    table = jnp.asarray(log_bucket_table(exact, count, limit))
    return jnp.take(table, jnp.clip(distance, 0, limit), axis=0, mode="clip")
