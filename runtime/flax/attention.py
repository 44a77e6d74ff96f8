"""Scaled dot-product attention."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..errors import InputError
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
    b, n, s, d = q.shape
    m, t = k.shape[1:3]
    if n % m:
        raise InputError("heads of queries and keys", expected=f"a multiple of {m}", found=str(n))
    scale = d**-0.5 if scale is None else scale
    wide = jnp.promote_types(q.dtype, jnp.float32)
    if m == n:
        scores = jnp.einsum("bnsd,bntd->bnst", q, k, preferred_element_type=wide)
    else:
        groups = q.reshape(b, m, n // m, s, d)
        scores = jnp.einsum("bmgsd,bmtd->bmgst", groups, k, preferred_element_type=wide)
        scores = scores.reshape(b, n, s, t)
    scores = scores * scale
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    if bias is not None:
        scores = scores + at_least_float32(bias)
    probabilities = jax.nn.softmax(_masked(scores, mask), axis=-1).astype(v.dtype)
    if dropout is not None:
        probabilities = dropout(probabilities)
    if taps.wants(emit):
        taps.add(**{emit: probabilities})
    if m == n:
        return jnp.einsum("bnst,bnte->bnse", probabilities, v)
    groups = probabilities.reshape(b, m, n // m, s, t)
    return jnp.einsum("bmgst,bmte->bmgse", groups, v).reshape(b, n, s, v.shape[-1])


def _masked(scores: jax.Array, mask: Mask | None) -> jax.Array:
    """Scores [b, n, s, t] with the least finite number where a key is not allowed.

    Room of a cache that no token fills yet gets -inf: it takes no part even in the mean that a
    query without any allowed key sees.
    """
    if mask is None:
        return scores
    queries, keys = scores.shape[-2:]
    allowed = mask.allowed(queries, keys)
    if allowed is not None:
        scores = jnp.where(allowed, scores, jnp.finfo(scores.dtype).min)
    written = mask.written(queries, keys)
    if written is not None:
        scores = jnp.where(written, scores, -jnp.inf)
    return scores
