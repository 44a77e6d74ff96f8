"""Rows that each go through a few of many feed-forward layers."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def mixture_of_experts(
    x: tf.Tensor,
    weights: tf.Tensor,
    index: tf.Tensor,
    gate: tf.Tensor | None,
    up: tf.Tensor,
    down: tf.Tensor,
    act: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Sum over j of weights[i, j] * expert index[i, j] of row i: [n, d].

    x [n, d]; weights and index [n, k]; the experts' matrices: gate and up [e, inner, d], down
    [e, d, inner]. Expert: down(act(gate(x)) * up(x)), or down(act(up(x))) without a gate.

    All experts compute all rows, 3 n e inner d products: how many rows an expert is chosen for
    depends on values, and XLA wants sizes that do not.

    Mixture of experts with top-k gating: Shazeer et al. 2017; gated experts: Jiang et al. 2024.
    """
    total = tf.zeros_like(x)
    for number in range(up.shape[0]):
        chosen = tf.cast(index == number, weights.dtype)
        share = tf.reduce_sum(weights * chosen, axis=-1, keepdims=True)
        inner = tf.matmul(x, up[number], transpose_b=True)
        if gate is None:
            inner = act(inner)
        else:
            inner *= act(tf.matmul(x, gate[number], transpose_b=True))
        total += tf.matmul(inner, down[number], transpose_b=True) * share
    return total
