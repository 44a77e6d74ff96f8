"""Elementwise operations of the spec language that are also activations."""

from __future__ import annotations

import tensorflow as tf

from . import activations


def gelu(x: tf.Tensor, approximate: bool = False) -> tf.Tensor:
    """x * P(X <= x) for a standard normal X, or its tanh approximation (Hendrycks, Gimpel 2016)."""
    return (activations.gelu_tanh if approximate else activations.gelu)(x)
