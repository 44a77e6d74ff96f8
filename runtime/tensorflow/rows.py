"""Targets of a batch, of which each row has its own number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rows import named_values
from .functional import shape_of

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]


def padded(rows: Rows, name: str, fill: float) -> tf.Tensor:
    """The tensors of one name as one: [b, ...], each axis as long as the longest needs it.

    `rows` are dictionaries, one for each row of the batch, or a dictionary of lists. What a
    tensor does not reach is `fill`.
    """
    tensors = [_tensor(value) for value in named_values(rows, name)]
    shapes = [shape_of(x) for x in tensors]
    sizes = [_longest(lengths) for lengths in zip(*shapes, strict=True)]
    grown = []
    for x, shape in zip(tensors, shapes, strict=True):
        more = [[0, size - have] for have, size in zip(shape, sizes, strict=True)]
        grown.append(tf.pad(x, more, constant_values=tf.cast(fill, x.dtype)))
    return tf.stack(grown)


def _tensor(value: Any) -> tf.Tensor:
    """Whole numbers are int32, as everywhere."""
    x = tf.convert_to_tensor(value)
    return tf.cast(x, tf.int32) if x.dtype.is_integer else x


def _longest(lengths: Sequence[Any]) -> Any:
    """The largest of some sizes, a plain number where all are known when code is traced."""
    known = all(isinstance(length, int) for length in lengths)
    return max(lengths) if known else tf.reduce_max(tf.stack(lengths))
