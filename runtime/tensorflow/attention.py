"""Scaled dot product attention over [b, heads, s, d]."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ..errors import InputError, nearest
from .functional import shape_of
from .masks import Mask
from .taps import NO_TAPS, Taps

EMPTY = Mask()
Dropout = Callable[[tf.Tensor], tf.Tensor]


def attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    mask: Mask | None = None,
    bias: tf.Tensor | None = None,
    scale: float | None = None,
    dropout: Dropout | None = None,
    softcap: float | None = None,
    emit: str | None = None,
    taps: Taps | None = None,
) -> tf.Tensor:
    """softmax(q k' * scale + bias) v over the keys that the mask allows: [b, n, s, e].

    q [b, n, s, d]; k [b, m, t, d] and v [b, m, t, e], where m divides n (grouped queries);
    bias [b|1, n|1, s|1, t]; scale is d**-0.5 by default. `dropout` is applied to the
    probabilities, `softcap` * tanh(scores / softcap) to the scores. The softmax is in float32. A
    query without an allowed key gets the mean of all values. The probabilities are added to
    `taps` under the name `emit` if it is wanted.

    Scaled dot product attention: Vaswani et al. 2017; grouped queries: Ainslie et al. 2023.
    """
    taps = NO_TAPS if taps is None else taps
    implementation = _implementation(taps.attention)
    context, probabilities = implementation(q, k, v, mask or EMPTY, bias, scale, dropout, softcap)
    if emit is not None and taps.wants(emit):
        if probabilities is None:
            probabilities = explicit(q, k, v, mask or EMPTY, bias, scale, dropout, softcap)[1]
        taps.add(**{emit: probabilities})
    return context


def explicit(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    mask: Mask,
    bias: tf.Tensor | None = None,
    scale: float | None = None,
    dropout: Dropout | None = None,
    softcap: float | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Attention step by step: (context, probabilities [b, n, s, t] after dropout)."""
    b, heads, s, d = shape_of(q)
    _, groups, t, e = shape_of(v)
    if heads % groups:
        expected = f"query heads in multiples of {groups}"
        raise InputError("attention", expected=expected, found=str(heads))
    # The heads of a group are stacked along the queries, since they read the same keys.
    grouped, stacked = heads != groups, (b, groups, -1)
    if scale is None:
        scale = d**-0.5 if isinstance(d, int) else tf.math.rsqrt(tf.cast(d, tf.float32))
    q = q * tf.cast(scale, q.dtype)
    q = tf.reshape(q, (*stacked, d)) if grouped else q
    scores = tf.matmul(q, k, transpose_b=True)
    scores = tf.reshape(scores, (b, heads, s, t)) if grouped else scores

    if softcap is not None:
        scores = softcap * tf.tanh(scores / softcap)
    if scores.dtype != tf.float64:
        scores = tf.cast(scores, tf.float32)
    if bias is not None:
        scores += tf.cast(bias, scores.dtype)
    allowed = mask.allowed(s, t)
    if allowed is not None:
        # The least finite number: a row of nothing else is uniform, where -inf would give NaN.
        # Subtracted, not put in place: the gradient is then that of the mean as well. An addition
        # would be fused with the product, into a kernel that is slow where masks broadcast.
        scores -= tf.where(allowed, tf.zeros((), scores.dtype), scores.dtype.max)
        if bias is not None:  # which can be as low itself
            scores = tf.where(scores < scores.dtype.min, scores.dtype.min, scores)
    written = mask.written(s, t)
    if written is not None:
        scores = tf.where(written, scores, tf.constant(-float("inf"), scores.dtype))
    probabilities = tf.cast(tf.nn.softmax(scores, axis=-1), v.dtype)
    if dropout is not None:
        probabilities = dropout(probabilities)

    weights = tf.reshape(probabilities, (*stacked, t)) if grouped else probabilities
    context = tf.matmul(weights, v)
    return (tf.reshape(context, (b, heads, s, e)) if grouped else context), probabilities


Implementation = Callable[..., tuple[tf.Tensor, tf.Tensor | None]]

# XLA fuses the explicit steps, so that there is nothing else to choose from yet.
IMPLEMENTATIONS: dict[str, Implementation] = dict.fromkeys(("eager", "fused", "sdpa"), explicit)


def register_attention(name: str, implementation: Implementation) -> None:
    """Make an implementation, called like `explicit`, available as `attn_implementation`.

    It may return None for the probabilities.
    """
    IMPLEMENTATIONS[name] = implementation


def _implementation(name: str | None) -> Implementation:
    if name is None:
        return explicit
    if name not in IMPLEMENTATIONS:
        raise InputError(
            key="attn_implementation",
            expected=f"one of {', '.join(sorted(IMPLEMENTATIONS))}",
            found=name,
            hint=nearest(name, IMPLEMENTATIONS),
        )
    return IMPLEMENTATIONS[name]
