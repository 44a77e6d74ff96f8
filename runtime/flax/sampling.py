"""Values between the pixels of a map."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def grid_sample(x: jax.Array, points: jax.Array, align_corners: bool = False) -> jax.Array:
    """x [b, c, h, w] at points [b, i, j, 2], bilinearly: [b, c, i, j]; outside of x all is 0.

    A point (x, y) runs from -1 to 1: between the outer edges of the outer pixels or, with
    `align_corners`, between their centres. Four reads of c numbers a point.
    """
    x, points = jnp.asarray(x), jnp.asarray(points)
    b, c, h, w = x.shape
    rows = x.transpose(0, 2, 3, 1).reshape(b, h * w, c)
    sizes = jnp.asarray([w, h], points.dtype)
    scale = (sizes - 1) / 2 if align_corners else sizes / 2
    shift = 0.5 * (sizes - 1)
    at = (points * scale + shift).reshape(b, -1, 2)
    first = jnp.floor(at)
    share = at - first
    total = jnp.zeros((b, at.shape[1], c), x.dtype)
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = first[..., 0] + right, first[..., 1] + below
        inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
        weight = (share[..., 0] if right else 1 - share[..., 0]) * (
            share[..., 1] if below else 1 - share[..., 1]
        )
        index = jnp.clip(row, 0, h - 1).astype(jnp.int32) * w
        index = index + jnp.clip(column, 0, w - 1).astype(jnp.int32)
        values = jnp.take_along_axis(rows, index[..., None], axis=1)
        total = total + values * jnp.where(inside, weight, 0)[..., None].astype(x.dtype)
    return total.reshape(b, *points.shape[1:3], c).transpose(0, 3, 1, 2)
