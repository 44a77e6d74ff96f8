"""Recurrences along a sequence."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def selective_scan(
    x: jax.Array,
    steps: jax.Array,
    decay: jax.Array,
    into: jax.Array,
    out: jax.Array,
    state: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The selective state space, computed in float32 (Gu, Dao 2023, section 3.2).

    state[t] = exp(decay * steps[t]) * state[t - 1] + steps[t] * into[t] * x[t]
    y[t] = sum over n of out[t] * state[t]

    One `lax.scan` over s, each step of b n d numbers, the long axis last; gradients keep s b n d.

    Args:
        x, steps: Inputs and their step sizes [b, s, d].
        decay: Of the states, negative [d, n].
        into, out: What writes to the state and reads from it [b, s, n].
        state: Before the first position [b, d, n].

    Returns:
        (y [b, s, d] of the type of x, the last state [b, d, n])
    """
    decay = decay.astype(jnp.float32).T

    def advance(state, now):
        x, steps, into, out = now
        factor = jnp.exp(steps[:, None] * decay)
        state = factor * state + (steps * x)[:, None] * into[..., None]
        return state, jnp.einsum("bnd,bn->bd", state, out)

    time_first = (jnp.swapaxes(a, 0, 1).astype(jnp.float32) for a in (x, steps, into, out))
    last, outputs = lax.scan(advance, state.astype(jnp.float32).mT, tuple(time_first))
    return jnp.swapaxes(outputs, 0, 1).astype(x.dtype), last.mT


def wkv(
    keys: jax.Array, values: jax.Array, decay: jax.Array, first: jax.Array, state: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Attention without queries, in float32 (Peng et al. 2023, section 3.1 and appendix D).

    y[t] is the mean of values[i], i <= t, with weights exp(keys[i] - (t - 1 - i) * decay) for
    earlier ones and exp(keys[t] + first) for the last. One `lax.scan` over s, each step of b d
    numbers.

    Args:
        keys, values: [b, s, d].
        decay, first: What is lost a step, positive, and the last key's bonus [d].
        state: Numerator and denominator, over the exponential of the largest exponent, which is
            the third row (-1e38 before the first token) [b, 3, d].

    Returns:
        (y [b, s, d] of the type of the keys, the last state [b, 3, d])
    """
    decay, first = decay.astype(jnp.float32), first.astype(jnp.float32)

    def advance(state, now):
        (numerator, denominator, top), (key, new) = state, now
        high = jnp.maximum(top, key + first)
        old, own = jnp.exp(top - high), jnp.exp(key + first - high)
        output = (old * numerator + own * new) / (old * denominator + own)
        high = jnp.maximum(top - decay, key)
        old, own = jnp.exp(top - decay - high), jnp.exp(key - high)
        return (old * numerator + own * new, old * denominator + own, high), output

    start = tuple(jnp.moveaxis(state.astype(jnp.float32), 1, 0))
    elements = tuple(jnp.swapaxes(x, 0, 1).astype(jnp.float32) for x in (keys, values))
    last, outputs = lax.scan(advance, start, elements)
    return jnp.swapaxes(outputs, 0, 1).astype(keys.dtype), jnp.stack(last, axis=1)
