"""Rows that each go through a few of many feed-forward layers."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

# rows [m, in] with matrices [e, out, in], one for each group of rows
GROUPED = lax.RaggedDotDimensionNumbers(
    dot_dimension_numbers=(((1,), (2,)), ((), ())),
    lhs_ragged_dimensions=[0],
    rhs_group_dimensions=[0],
)


def mixture_of_experts(
    x: jax.Array,
    weights: jax.Array,
    index: jax.Array,
    gate: jax.Array | None,
    up: jax.Array,
    down: jax.Array,
    act: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """Sum over j of weights[i, j] * expert index[i, j] of row i: [n, d].

    Rows are sorted by expert, so that 3 n k inner d products are computed where the backend has a
    ragged product; others (CPUs) compute 3 n k e inner d.

    Mixture of experts with top-k gating: Shazeer et al. 2017; gated experts: Jiang et al. 2024.

    Args:
        x: Rows [n, d].
        weights, index: Of the experts of each row [n, k].
        gate, up: Matrices of the experts [e, inner, d].
        down: Likewise [e, d, inner]. Expert: down(act(gate(x)) * up(x)), or down(act(up(x)))
            without a gate.
        act: The activation.
    """
    n, k = index.shape
    chosen = index.reshape(-1)
    order = jnp.argsort(chosen, stable=True)
    counts = jnp.bincount(chosen, length=up.shape[0]).astype(jnp.int32)
    rows = jnp.take(x, order // k, axis=0, mode="clip")
    inner = _grouped(rows, up, counts)
    inner = act(inner) if gate is None else act(_grouped(rows, gate, counts)) * inner
    found = _grouped(inner, down, counts)
    place = jnp.argsort(order)  # of each row's choices among the sorted ones
    found = jnp.take(found, place, axis=0, mode="clip").reshape(n, k, -1)
    return jnp.sum(found * weights[..., None], axis=1)


def _grouped(rows: jax.Array, matrices: jax.Array, counts: jax.Array) -> jax.Array:
    """Rows [m, in] times matrices [e, out, in]: `counts[g]` rows belong to matrix g."""
    return lax.ragged_dot_general(rows, matrices, counts, GROUPED)
