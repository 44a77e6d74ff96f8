"""Positions as sines and cosines of many wavelengths."""

from __future__ import annotations

import tensorflow as tf

from ..sinusoids import sinusoid_table


def sinusoidal_positions(count: int, width: int, steps: float) -> tf.Tensor:
    """Sines, then cosines of the positions below `count`: float32 [count, width].

    Frequency k of the width / 2 ones is 10000 ** (-k / steps) (Vaswani et al. 2017, 3.5). A
    constant, computed on the host in float64; costs a table for each call that is not compiled.
    """
    return tf.constant(sinusoid_table((count, width), steps))
