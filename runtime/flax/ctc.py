"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .base import at_least_float32
from .functional import integers

NEVER = -1e30  # log of the probability of what cannot happen: -inf would make gradients NaN


def ctc_loss(
    logits: jax.Array,
    labels: Any,
    lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> jax.Array:
    """-log of the probability of all alignments of the labels (Graves et al. 2006), O(b s n).

    logits [b, s, classes], of which the first `lengths` [b] steps count; labels int [b, n], where
    negative ones are skipped. "mean" divides each sequence's loss by its number of labels before
    it averages, "sum" adds all up. A sequence too short for its labels has an infinite loss, or
    none with `zero_infinity`.
    """
    labels = integers(labels)
    kept = labels >= 0
    counts = jnp.sum(kept, axis=-1)
    # the labels first, in their order, then what is skipped
    order = jnp.argsort(~kept, axis=-1, stable=True)
    targets = jnp.maximum(jnp.take_along_axis(labels, order, axis=-1), 0)
    losses = ctc_losses(at_least_float32(logits), targets, integers(lengths), counts, blank)
    infinite = losses > -NEVER / 2
    losses = jnp.where(infinite, 0.0 if zero_infinity else jnp.inf, losses)
    return jnp.sum(losses) if reduction == "sum" else jnp.mean(losses / jnp.maximum(counts, 1))


def ctc_losses(
    logits: jax.Array, targets: jax.Array, lengths: jax.Array, counts: jax.Array, blank: int
) -> jax.Array:
    """The loss of each sequence, by the forward variables of section 4.1: one scan over s."""
    batch, number = targets.shape
    blanks = jnp.full((batch, number), blank, targets.dtype)
    symbols = jnp.stack([blanks, targets], axis=-1).reshape(batch, 2 * number)
    symbols = jnp.pad(symbols, [(0, 0), (0, 1)], constant_values=blank)
    before = jnp.pad(symbols, [(0, 0), (2, 0)], constant_values=blank)[:, :-2]
    leaps = jnp.where((symbols != blank) & (symbols != before), 0.0, NEVER)
    scores = jax.nn.log_softmax(logits)
    emitted = jnp.take_along_axis(scores, symbols[:, None, :], axis=-1).transpose(1, 0, 2)
    places = jnp.arange(2 * number + 1)[None]
    first = jnp.where(places < 2, emitted[0], NEVER)

    def step(alpha: jax.Array, inputs: tuple) -> tuple:
        t, emitted = inputs
        one = jnp.pad(alpha, [(0, 0), (1, 0)], constant_values=NEVER)[:, :-1]
        two = jnp.pad(alpha, [(0, 0), (2, 0)], constant_values=NEVER)[:, :-2] + leaps
        new = jax.nn.logsumexp(jnp.stack([alpha, one, two]), axis=0) + emitted
        return jnp.where((t < lengths)[:, None], jnp.maximum(new, NEVER), alpha), None

    alpha, _ = lax.scan(step, first, (jnp.arange(1, len(emitted)), emitted[1:]))
    ends = (places == 2 * counts[:, None]) | (places == 2 * counts[:, None] - 1)
    return -jax.nn.logsumexp(jnp.where(ends, alpha, NEVER), axis=-1)
