"""Random streams of layers.

Each random layer has a `SeedGenerator` of Keras, which `keras.utils.set_random_seed` seeds. A block
that is computed again for its gradient must draw the same numbers twice: `replayed` gives all
layers inside one seed, from which they take numbered parts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import keras
import tensorflow as tf


class _Replay(threading.local):
    seed: tf.Tensor | None = None
    drawn = 0


_replay = _Replay()


def draw_seed(generator: keras.random.SeedGenerator) -> tf.Tensor:
    """A new seed for one of TensorFlow's stateless operations, int32 [2]."""
    if _replay.seed is None:
        return tf.cast(generator.next(), tf.int32)
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
