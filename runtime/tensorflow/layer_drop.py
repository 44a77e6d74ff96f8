"""Layers that are left out at random."""

from __future__ import annotations

import tensorflow as tf
from keras.random import SeedGenerator

from .base import Layer, is_training
from .random import draw_seed


class LayerDrop(Layer):
    """Whether a layer takes part in this call (Fan et al. 2019): any x -> bool [].

    In training, False with probability `rate`.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = float(rate)
        self.seed_generator = SeedGenerator() if self.rate > 0 else None

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.seed_generator is None or not is_training():
            return tf.constant(True)
        return tf.random.stateless_uniform((), seed=draw_seed(self.seed_generator)) >= self.rate
