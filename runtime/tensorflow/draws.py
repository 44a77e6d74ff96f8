"""Random values of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..draws import Draws

SAMPLERS = {"normal": tf.random.normal, "uniform": tf.random.uniform}


def draws_of(given: Mapping[str, Any] | None) -> Draws:
    """What is given, otherwise values of TensorFlow's generator."""
    return Draws(given, sample, convert)


def sample(distribution: str, shape: Sequence[Any], like: tf.Tensor) -> tf.Tensor:
    return SAMPLERS[distribution](shape, dtype=like.dtype)


def convert(values: Any, like: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(values), like.dtype)


__all__ = ["Draws", "draws_of"]
