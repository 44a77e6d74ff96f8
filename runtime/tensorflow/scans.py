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
    float32 by one loop over s, each step of b n d numbers, the long axis last; it keeps s b n d.

    Gu, Dao 2023, section 3.2, with the Euler rule for what goes in.
    """
    wide = [tf.cast(tensor, tf.float32) for tensor in (x, steps, into, out)]
    x_, steps_, into_, out_ = (tf.transpose(tensor, [1, 0, 2]) for tensor in wide)  # time first
    decay = tf.transpose(tf.cast(decay, tf.float32))
    first = tf.transpose(tf.cast(state, tf.float32), [0, 2, 1])

    def advance(before: tuple, now: tuple) -> tuple:
        x, steps, into, out = now
        factor = tf.exp(steps[:, None] * decay)
        state = factor * before[0] + (steps * x)[:, None] * into[..., None]
        return state, tf.linalg.matvec(state, out, transpose_a=True)

    start = first, tf.zeros_like(first[:, 0])
    states, outputs = tf.scan(advance, (x_, steps_, into_, out_), start)
    last = tf.transpose(states[-1], [0, 2, 1])
    return tf.cast(tf.transpose(outputs, [1, 0, 2]), x.dtype), last


def wkv(
    keys: tf.Tensor, values: tf.Tensor, decay: tf.Tensor, first: tf.Tensor, state: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Attention without queries: (y [b, s, d] of the type of the keys, the last state [b, 3, d]).

    y[t] is the mean of values[i], i <= t, with weights exp(keys[i] - (t - 1 - i) * decay) for
    earlier ones and exp(keys[t] + first) for the last.

    keys and values [b, s, d]; decay (positive) and first [d]; state: numerator and denominator,
    over the exponential of the largest exponent, which is the third row (-1e38 before the first
    token). In float32 by one loop over s, each step of b d numbers.

    Peng et al. 2023, section 3.1 and appendix D.
    """
    decay, first = tf.cast(decay, tf.float32), tf.cast(first, tf.float32)

    def advance(before: tuple, now: tuple) -> tuple:
        (numerator, denominator, top, _), (key, new) = before, now
        high = tf.maximum(top, key + first)
        old, own = tf.exp(top - high), tf.exp(key + first - high)
        output = (old * numerator + own * new) / (old * denominator + own)
        high = tf.maximum(top - decay, key)
        old, own = tf.exp(top - decay - high), tf.exp(key - high)
        return old * numerator + own * new, old * denominator + own, high, output

    start = tf.unstack(tf.cast(state, tf.float32), axis=1)
    elements = tuple(tf.transpose(tf.cast(x, tf.float32), [1, 0, 2]) for x in (keys, values))
    *rows, outputs = tf.scan(advance, elements, (*start, tf.zeros_like(start[0])))
    last = tf.stack([row[-1] for row in rows], axis=1)
    return tf.cast(tf.transpose(outputs, [1, 0, 2]), keys.dtype), last
