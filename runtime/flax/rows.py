"""Targets of a batch, of which each row has its own number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..rows import named_values

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]


def padded(rows: Rows, name: str, fill: float) -> jax.Array:
    """The tensors of one name as one: [b, ...], each axis as long as the longest needs it.

    `rows` are dictionaries, one for each row of the batch, or a dictionary of lists. What a
    tensor does not reach is `fill`.
    """
    arrays = [jnp.asarray(value) for value in named_values(rows, name)]
    sizes = [max(lengths) for lengths in zip(*(x.shape for x in arrays), strict=True)]
    return jnp.stack([_grown(x, sizes, fill) for x in arrays])


def _grown(x: jax.Array, sizes: list[int], fill: float) -> jax.Array:
    more = [(0, size - have) for have, size in zip(x.shape, sizes, strict=True)]
    return jnp.pad(x, more, constant_values=fill)
