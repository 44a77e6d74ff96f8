"""Random values of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..draws import Draws
from ..errors import InputError

SAMPLERS = {
    "normal": jax.random.normal,
    "uniform": jax.random.uniform,
    "gumbel": jax.random.gumbel,
}


def draws_of(given: Mapping[str, Any] | Draws | None) -> Draws:
    """What is given by name; the rest is drawn with the JAX key given as "key"."""
    if isinstance(given, Draws):  # those of a model around this one
        return given
    given = dict(given or {})
    key = given.pop("key", None)

    def sample(distribution: str, shape: Sequence[int], like: jax.Array) -> jax.Array:
        nonlocal key
        if key is None:
            hint = 'Give draws={"key": jax.random.key(0)}, or the values by name'
            raise InputError("the model draws random numbers", key="draws", hint=hint)
        key, own = jax.random.split(key)
        return SAMPLERS[distribution](own, tuple(shape), dtype=like.dtype)

    return Draws(given, sample, convert)


def convert(values: Any, like: jax.Array) -> jax.Array:
    return jnp.asarray(values, dtype=like.dtype)


__all__ = ["Draws", "draws_of"]
