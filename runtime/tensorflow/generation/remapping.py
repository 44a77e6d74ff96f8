"""Graphs without TensorFlow's fused batched products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

REMAPPING = "remapping"  # of operations to fused ones


@contextmanager
def unfused() -> Iterator[None]:
    """Inside, graphs keep their operations as they are.

    On a CPU, products of attention that are fused with the mask behind them take ten times as long.
    """
    before = tf.config.optimizer.get_experimental_options().get(REMAPPING, True)
    tf.config.optimizer.set_experimental_options({REMAPPING: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({REMAPPING: before})
