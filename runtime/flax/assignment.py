"""The cheapest assignment of targets to predictions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def linear_assignment(cost: jax.Array, counts: jax.Array) -> jax.Array:
    """The row of each column, so that the sum of the costs is least; -1 for columns without one.

    cost [b, rows, columns], of which the first counts[b] columns are there -> int32 [b, columns].
    Loops of XLA over one shortest path a column, of at most `rows` steps over all rows (Jonker,
    Volgenant 1987): O(columns^2 rows) at most, without leaving the device; no gradient.
    """
    cost = lax.stop_gradient(jnp.asarray(cost).astype(jnp.float32))
    rows, columns = cost.shape[1:]
    if columns == 0:  # loops over nothing do not compile
        return jnp.zeros((cost.shape[0], 0), jnp.int32)
    if columns > rows:
        # Rows that are dearer than any detour: only columns that must do without get them.
        span = jnp.max(jnp.abs(cost), axis=(1, 2), keepdims=True) * (2 * columns) + 1
        cost = jnp.concatenate(
            [cost, jnp.broadcast_to(span, (cost.shape[0], columns - rows, columns))], axis=1
        )
    found = jax.vmap(_assign)(cost.swapaxes(1, 2), jnp.asarray(counts))
    return jnp.where(found < rows, found, -1)


def _assign(cost: jax.Array, count: jax.Array) -> jax.Array:
    """The row of each of the first `count` columns, for cost [columns, rows]."""
    columns, rows = cost.shape

    def add(start, state):
        column_of, row_of, price, worth = state

        def reaching(path):
            return path[4]

        def step(path):
            distance, previous, done, column, _, _, least = path
            length = least + cost[column] - worth[column] - price
            shorter = ~done & (length < distance)
            distance = jnp.where(shorter, length, distance)
            previous = jnp.where(shorter, column, previous)
            row = jnp.argmin(jnp.where(done, jnp.inf, distance))
            further = column_of[row] >= 0
            column = jnp.where(further, column_of[row], column)
            return distance, previous, done.at[row].set(True), column, further, row, distance[row]

        path = (
            jnp.full(rows, jnp.inf, cost.dtype),
            jnp.full(rows, -1, jnp.int32),
            jnp.zeros(rows, bool),
            jnp.asarray(start, jnp.int32),
            jnp.asarray(True),
            jnp.asarray(0),
            jnp.asarray(0.0, cost.dtype),
        )
        distance, previous, done, _, _, row, least = lax.while_loop(reaching, step, path)
        gain = jnp.where(done, least - distance, 0.0)
        on_tree = done & (column_of >= 0)
        worth = worth.at[jnp.where(on_tree, column_of, columns)].add(gain, mode="drop")
        worth = worth.at[start].add(least)
        price = price - gain

        def turn(walk):
            column_of, row_of, row = walk
            column = previous[row]
            return column_of.at[row].set(column), row_of.at[column].set(row), row_of[column]

        column_of, row_of, _ = lax.while_loop(
            lambda walk: walk[2] >= 0, turn, (column_of, row_of, row.astype(jnp.int32))
        )
        return column_of, row_of, price, worth

    state = (
        jnp.full(rows, -1, jnp.int32),
        jnp.full(columns, -1, jnp.int32),
        jnp.zeros(rows, cost.dtype),
        jnp.zeros(columns, cost.dtype),
    )
    return lax.fori_loop(0, count, add, state)[1]
