"""Random values of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..draws import Draws


def gumbel(shape: Sequence[Any], dtype: tf.DType) -> tf.Tensor:
    values = tf.random.uniform(shape, 1e-37, 1.0, tf.float32)
    return tf.cast(-tf.math.log(-tf.math.log(values)), dtype)


SAMPLERS = {"normal": tf.random.normal, "uniform": tf.random.uniform, "gumbel": gumbel}


def draws_of(given: Mapping[str, Any] | Draws | None) -> Draws:
    """What is given, otherwise values of TensorFlow's generator."""
    if isinstance(given, Draws):  # those of a model around this one
        return given
    return Draws(given, sample, convert)


def sample(distribution: str, shape: Sequence[Any], like: tf.Tensor) -> tf.Tensor:
    return SAMPLERS[distribution](shape, dtype=like.dtype)


def convert(values: Any, like: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(values), like.dtype)


__all__ = ["Draws", "draws_of"]
