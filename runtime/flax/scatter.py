"""Rows put into the places of others."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..errors import InputError
from .functional import is_traced


def masked_scatter(x: jax.Array, mask: jax.Array, source: jax.Array) -> jax.Array:
    """x [b, s, d] with the rows of `source` [..., d], in their order, where `mask` [b, s] holds.

    There must be as many rows as places; compiled code, which cannot look, uses the last row again
    where there are too few. Costs a cumulative sum over the mask and one gather of b * s rows.
    """
    rows = source.reshape(-1, source.shape[-1])
    if not is_traced(mask) and int(mask.sum()) != rows.shape[0]:
        expected = f"{rows.shape[0]}, as many as rows"
        raise InputError("places to fill", expected=expected, found=str(int(mask.sum())))
    index = jnp.clip(jnp.cumsum(mask.ravel()) - 1, 0, rows.shape[0] - 1)
    return jnp.where(mask[..., None], rows[index].reshape(x.shape), x)
