"""Small operations on what a model is given."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .functional import select_rows


def first_given(*inputs: Any) -> Any:
    """The first input that is not None."""
    return next(x for x in inputs if x is not None)


def merge_leading(x: jax.Array | None, axes: int) -> jax.Array | None:
    """Joins the first axes: [b, choices, ...] -> [b * choices, ...]; None stays None."""
    return None if x is None else jax.lax.collapse(jnp.asarray(x), 0, axes)


def last_token(x: jax.Array, ids: jax.Array | None, padding_id: int | None) -> jax.Array:
    """The row of each sequence's last token that is no padding: x [b, s, d] -> [b, d].

    Without a padding id (or without ids) it is the last row.
    """
    if ids is None or padding_id is None:
        return x[:, -1]
    places = jnp.arange(ids.shape[1], dtype=jnp.int32)
    return select_rows(x, jnp.max(jnp.where(ids != padding_id, places, 0), axis=-1))
