"""Random numbers that are always the same."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from .. import twister


def seeded_normal(seed: int, shape: Sequence[int]) -> tf.Tensor:
    """Standard normal float32 values that depend on the seed alone; a constant of the graph."""
    return tf.constant(twister.seeded_normal(seed, shape))
