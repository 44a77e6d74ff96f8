"""Where keys are, and how far away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from ..buckets import log_bucket_table
from .functional import Size

if TYPE_CHECKING:
    from .cache import Cache


def key_positions(count: Size, past: Cache | None = None) -> tf.Tensor:
    """The positions of all keys once a cache holds `count` new tokens, too: int32 [1, t].

    In a preallocated cache those of all its room.
    """
    if past is not None:
        count = past.length + count if past.capacity is None else past.capacity
    return tf.range(count)[None, :]


def log_buckets(distance: tf.Tensor, exact: int, count: int, limit: int) -> tf.Tensor:
    """The bucket of each distance, of the shape of `distance`; one gather from a small table.

    Distances below `exact` are buckets of their own, farther ones fall into count - exact steps
    that grow up to `limit`.
    """
    table = tf.constant(log_bucket_table(exact, count, limit))
    return tf.gather(table, tf.clip_by_value(distance, 0, limit))
