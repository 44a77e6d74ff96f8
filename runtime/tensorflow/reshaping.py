"""Joining and splitting axes of tensors whose other sizes need not be known."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from .functional import shape_of


def flatten_axes(x: tf.Tensor, first: int, last: int) -> tf.Tensor:
    """Joins the axes from `first` to `last`, both included."""
    sizes = shape_of(x)
    return tf.reshape(x, [*sizes[:first], -1, *sizes[last + 1 :]])


def split_axis(x: tf.Tensor, axis: int, sizes: Sequence[int]) -> tf.Tensor:
    """Splits one axis into several; one size may be -1."""
    outer = shape_of(x)
    return tf.reshape(x, [*outer[:axis], *sizes, *outer[axis + 1 :]])
