"""Recurrences along a sequence."""

from __future__ import annotations

import tensorflow as tf


def selective_scan(
    x: tf.Tensor,
    steps: tf.Tensor,
    decay: tf.Tensor,
    into: tf.Tensor,
    out: tf.Tensor,
    state: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The selective state space: (y [b, s, d] of the type of x, the last state [b, d, n]).

    state[t] = exp(decay * steps[t]) * state[t - 1] + steps[t] * into[t] * x[t]
    y[t] = sum over n of out[t] * state[t]

    x and steps [b, s, d]; decay [d, n]; into and out [b, s, n]; state [b, d, n]. Computed in
    float32 by one loop over s, each step of b d n numbers; gradients keep s b d n.

    Gu, Dao 2023, section 3.2, with the Euler rule for what goes in.
    """
    wide = [tf.cast(tensor, tf.float32) for tensor in (x, steps, into, out)]
    x_, steps_, into_, out_ = (tf.transpose(tensor, [1, 0, 2]) for tensor in wide)  # time first
    decay = tf.cast(decay, tf.float32)
    first = tf.cast(state, tf.float32)

    def advance(before: tuple, now: tuple) -> tuple:
        x, steps, into, out = now
        factor = tf.exp(steps[..., None] * decay)
        state = factor * before[0] + (steps * x)[..., None] * into[:, None]
        return state, tf.linalg.matvec(state, out)

    start = first, tf.zeros_like(first[..., 0])
    states, outputs = tf.scan(advance, (x_, steps_, into_, out_), start)
    return tf.cast(tf.transpose(outputs, [1, 0, 2]), x.dtype), states[-1]
