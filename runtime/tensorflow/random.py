"""Random streams of layers.

Each random layer has its own counter, a variable that Keras seeds (`keras.utils.set_random_seed`).
A block that is computed again for its gradient must draw the same numbers twice: `replayed` gives
all layers inside one seed, from which they take numbered parts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import keras
import tensorflow as tf

from .base import is_training


class _Replay(threading.local):
    seed: tf.Tensor | None = None
    drawn = 0


_replay = _Replay()


class Random:
    """The stream of one layer."""

    def __init__(self) -> None:
        self.generator = keras.random.SeedGenerator()

    def active(self) -> bool:
        """Whether random layers have an effect: in training."""
        return is_training()

    def seed(self) -> tf.Tensor:
        """A new seed for one of TensorFlow's stateless operations, int32[2]."""
        if _replay.seed is None:
            return tf.cast(self.generator.next(), tf.int32)
        _replay.drawn += 1
        return tf.random.experimental.stateless_fold_in(_replay.seed, _replay.drawn)


@contextlib.contextmanager
def replayed(seed: tf.Tensor) -> Iterator[None]:
    """Draws inside depend on `seed` and their order only."""
    previous = _replay.seed, _replay.drawn
    _replay.seed, _replay.drawn = seed, 0
    try:
        yield
    finally:
        _replay.seed, _replay.drawn = previous
