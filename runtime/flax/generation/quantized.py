"""A cache of fixed size whose keys and values are int8, with one scale per token and head."""

from __future__ import annotations

from typing import Any, Self

import jax
import jax.numpy as jnp

from ...states import Layout, StateSpec
from ..cache import CrossKeyValue, KeyValue
from .special import SpecialCache

LARGEST = 127


def quantize(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """x [..., d] as int8 [..., d] and float32 scales [..., 1]; the largest entry becomes 127."""
    x = x.astype(jnp.float32)
    scale = jnp.max(jnp.abs(x), axis=-1, keepdims=True) / LARGEST
    return jnp.round(x / jnp.where(scale == 0, 1, scale)).astype(jnp.int8), scale


def dequantize(x: jax.Array, scale: jax.Array, dtype: Any) -> jax.Array:
    """The inverse of `quantize`, up to rounding."""
    return (x.astype(jnp.float32) * scale).astype(dtype)


class QuantizedKeyValue(KeyValue):
    """int8 keys [b, m, t, d] and values [b, m, t, e], and their scales [b, m, t, 1].

    What queries see has been quantised, new tokens as well as old ones: it does not depend on how
    a sequence is split into calls.
    """

    def __init__(self, spec: StateSpec, dtype: Any, *arrays: jax.Array | None):
        key, value, *scales = arrays or (None, None)
        super().__init__(spec, key, value)
        self.key_scale, self.value_scale = scales or (None, None)
        self.dtype = dtype  # of what is read

    def read(self) -> tuple[jax.Array, jax.Array]:
        """All keys and values kept, in the dtype of computations."""
        key = dequantize(self.key, self.key_scale, self.dtype)
        return key, dequantize(self.value, self.value_scale, self.dtype)

    def update(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Adds the keys [b, m, s, d] and values [b, m, s, e] of new tokens; returns all of them."""
        self.owner.check_room(k.shape[2])
        (key, key_scale), (value, value_scale) = quantize(k), quantize(v)
        self.key, self.key_scale = self._write(self.key, key), self._write(
            self.key_scale, key_scale
        )
        self.value = self._write(self.value, value)
        self.value_scale = self._write(self.value_scale, value_scale)
        return self.read()


class QuantizedCross(QuantizedKeyValue, CrossKeyValue):
    """Keys and values of another sequence, quantised once."""

    def fill(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keeps these instead of any others, and returns them as they are read."""
        (self.key, self.key_scale), (self.value, self.value_scale) = quantize(k), quantize(v)
        return self.read()


for _kind in (QuantizedKeyValue, QuantizedCross):
    jax.tree_util.register_pytree_node(
        _kind,
        lambda state: (
            (state.key, state.value, state.key_scale, state.value_scale),
            (state.spec, state.dtype),
        ),
        lambda meta, arrays, kind=_kind: kind(*meta, *arrays),
    )


class QuantizedCache(SpecialCache):
    """Keys and values in int8; states that sum up all tokens stay as they are."""

    @classmethod
    def static(cls, layout: Layout, batch: int, capacity: int, dtype: Any) -> Self:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""

        def make(spec: StateSpec) -> KeyValue | None:
            if spec.kind == "tensor":
                return None
            if spec.kind == "cross":
                return QuantizedCross(spec, dtype)
            shape = (batch, spec.heads, capacity)
            arrays = (jnp.zeros((*shape, d), jnp.int8) for d in (spec.head_dim, spec.value_dim))
            scales = (jnp.zeros((*shape, 1), jnp.float32) for _ in range(2))
            return QuantizedKeyValue(spec, dtype, *arrays, *scales)

        return cls.allocated(layout, batch, capacity, dtype, make)
