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

    One `lax.scan` over s, each step of b d n numbers; gradients keep s b d n.

    Args:
        x, steps: Inputs and their step sizes [b, s, d].
        decay: Of the states, negative [d, n].
        into, out: What writes to the state and reads from it [b, s, n].
        state: Before the first position [b, d, n].

    Returns:
        (y [b, s, d] of the type of x, the last state [b, d, n])
    """
    decay = decay.astype(jnp.float32)

    def advance(state, now):
        x, steps, into, out = now
        factor = jnp.exp(steps[..., None] * decay)
        state = factor * state + (steps * x)[..., None] * into[:, None]
        return state, jnp.einsum("bdn,bn->bd", state, out)

    time_first = (jnp.swapaxes(a, 0, 1).astype(jnp.float32) for a in (x, steps, into, out))
    last, outputs = lax.scan(advance, state.astype(jnp.float32), tuple(time_first))
    return jnp.swapaxes(outputs, 0, 1).astype(x.dtype), last
