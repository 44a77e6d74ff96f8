"""Scaled dot-product attention."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..errors import InputError, nearest
from .base import at_least_float32
from .masks import Mask
from .taps import NO_TAPS, Taps


def attention(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    mask: Mask | None = None,
    bias: jax.Array | None = None,
    scale: float | None = None,
    dropout: Callable[[jax.Array], jax.Array] | None = None,
    softcap: float | None = None,
    emit: str | None = None,
    taps: Taps = NO_TAPS,
) -> jax.Array:
    """softmax(q k' scale + bias) v over the keys that the mask allows.

    A query without an allowed key gets the mean of all values, and finite gradients.

    Args:
        q: Queries [b, n, s, d].
        k, v: Keys [b, m, t, d] and values [b, m, t, e]; n is a multiple of m, and each head of
            them serves n / m heads of queries.
        mask: Which keys each query may attend to.
        bias: Added to the scores, broadcast to [b, n, s, t].
        scale: d ** -0.5 by default.
        dropout: Applied to the probabilities.
        softcap: Scores become softcap * tanh(scores / softcap).
        emit: Name under which `taps` gets the probabilities [b, n, s, t].

    Returns:
        [b, n, s, e]
    """
    if q.shape[1] % k.shape[1]:
        expected = f"a multiple of {k.shape[1]}"
        raise InputError("heads of queries and keys", expected=expected, found=str(q.shape[1]))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    compute = explicit
    if taps.attention is not None and softcap is None and not taps.wants(emit):
        compute = _implementation(taps.attention)
    context, probabilities = compute(q, k, v, mask or Mask(), bias, scale, dropout, softcap)
    if taps.wants(emit):
        taps.add(**{emit: probabilities})
    return context


def explicit(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    mask: Mask,
    bias: jax.Array | None,
    scale: float,
    dropout: Callable[[jax.Array], jax.Array] | None,
    softcap: float | None,
) -> tuple[jax.Array, jax.Array]:
    """Attention step by step, which XLA fuses: (context, probabilities [b, n, s, t])."""
    b, n, s, d = q.shape
    m, t = k.shape[1:3]
    wide = jnp.promote_types(q.dtype, jnp.float32)
    # The heads of a group are one more axis of the queries, since they read the same keys.
    q = q if m == n else q.reshape(b, m, n // m, s, d)
    pattern = "bnsd,bntd->bnst" if m == n else "bmgsd,bmtd->bmgst"
    scores = jnp.einsum(pattern, q, k, preferred_element_type=wide).reshape(b, n, s, t) * scale
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    if bias is not None:
        scores = scores + at_least_float32(bias)
    probabilities = jax.nn.softmax(_masked(scores, mask), axis=-1).astype(v.dtype)
    if dropout is not None:
        probabilities = dropout(probabilities)
    if m == n:
        return jnp.einsum("bnst,bnte->bnse", probabilities, v), probabilities
    groups = probabilities.reshape(b, m, n // m, s, t)
    context = jnp.einsum("bmgst,bmte->bmgse", groups, v)
    return context.reshape(b, n, s, v.shape[-1]), probabilities


IMPLEMENTATIONS: dict[str, Callable] = {"eager": explicit, "fused": explicit, "sdpa": explicit}


def register_attention(name: str, implementation: Callable) -> None:
    """Makes an implementation, called like `explicit`, available as `attn_implementation`.

    It returns (context, probabilities); the probabilities may be None.
    """
    IMPLEMENTATIONS[name] = implementation


def _implementation(name: str) -> Callable:
    if name not in IMPLEMENTATIONS:
        known = ", ".join(sorted(IMPLEMENTATIONS))
        hint = nearest(name, IMPLEMENTATIONS)
        raise InputError(
            key="attn_implementation", expected=f"one of {known}", found=name, hint=hint
        )
    return IMPLEMENTATIONS[name]


def _masked(scores: jax.Array, mask: Mask) -> jax.Array:
    """Scores [b, n, s, t] with the least finite number added where a key is not allowed.

    Added, not put in their place: the gradient of a query without any allowed key is then that of
    the mean it sees.
    Room of a cache that no token fills yet gets -inf: it takes no part even in the mean that a
    query without any allowed key sees.
    """
    queries, keys = scores.shape[-2:]
    allowed = mask.allowed(queries, keys)
    if allowed is not None:
        least = jnp.finfo(scores.dtype).min
        scores += jnp.where(allowed, 0, least)
        scores = jnp.where(scores < least, least, scores)  # a bias can be as low itself
    written = mask.written(queries, keys)
    if written is not None:
        scores = jnp.where(written, scores, -jnp.inf)
    return scores
