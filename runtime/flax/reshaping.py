"""Joining and splitting axes of tensors whose other sizes need not be known."""

from __future__ import annotations

from collections.abc import Sequence

import jax


def flatten_axes(x: jax.Array, first: int, last: int) -> jax.Array:
    """Joins the axes from `first` to `last`, both included."""
    return x.reshape(*x.shape[:first], -1, *x.shape[last + 1 :])


def split_axis(x: jax.Array, axis: int, sizes: Sequence[int]) -> jax.Array:
    """Splits one axis into several; one size may be -1."""
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])
