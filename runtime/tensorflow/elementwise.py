"""Elementwise operations of the spec language that are also activations."""

from __future__ import annotations

import tensorflow as tf

from . import activations


def gelu(x: tf.Tensor, approximate: bool = False) -> tf.Tensor:
    """x * P(X <= x) for a standard normal X, or its tanh approximation (Hendrycks, Gimpel 2016)."""
    return (activations.gelu_tanh if approximate else activations.gelu)(x)


def lgamma(x: tf.Tensor) -> tf.Tensor:
    """The logarithm of the gamma function, which TensorFlow's CPU lacks in bfloat16."""
    wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    return tf.cast(tf.math.lgamma(wide), x.dtype)
