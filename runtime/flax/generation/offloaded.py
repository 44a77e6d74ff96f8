"""Caches whose keys and values lie in the host's memory, and come to the device to be read.

A backend without such a memory keeps them where they are, which the caches' `repr` tells. In
compiled code XLA copies a layer's whole keys and values in and out. Untested on GPUs and TPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import jax
import jax.numpy as jnp

from ...states import Layout, StateSpec
from ..cache import Cache, CrossKeyValue, KeyValue
from .special import SpecialCache

HOST = "pinned_host"


def has_host_memory() -> bool:
    """Whether the default device can read a memory of the host's."""
    return HOST in {memory.kind for memory in jax.devices()[0].addressable_memories()}


def to_host(x: jax.Array) -> jax.Array:
    """x in the host's memory, if the device can read that."""
    return jax.device_put(x, jax.memory.Space.Host) if has_host_memory() else x


def to_device(x: jax.Array) -> jax.Array:
    """x in the device's memory."""
    return jax.device_put(x, jax.memory.Space.Device) if has_host_memory() else x


class OffloadedKeyValue(KeyValue):
    """Keys [b, m, t, d] and values [b, m, t, e] in the host's memory."""

    def fill(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keeps these on the host, and returns them."""
        self.key, self.value = to_host(k), to_host(v)
        return k, v

    def read(self) -> tuple[jax.Array, jax.Array]:
        """All keys and values kept, on the device."""
        return to_device(self.key), to_device(self.value)

    def update(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Adds those of new tokens; returns all of them, on the device."""
        if self.key is not None:
            self.key, self.value = self.read()  # for the update; it leaves them on the host
        return super().update(k, v)

    def crop(self, length: int, dropped: int) -> None:
        """Forgets the last `dropped` of `length` tokens; room in a cache of fixed size stays."""
        if self.owner.capacity is None and self.filled and dropped:
            self.key, self.value = self.read()
            super().crop(length, dropped)


class OffloadedCross(OffloadedKeyValue, CrossKeyValue):
    """Keys and values of another sequence in the host's memory."""

    def crop(self, length: int, dropped: int) -> None:
        """Does nothing: the other sequence stays as it is."""


for _kind in (OffloadedKeyValue, OffloadedCross):
    jax.tree_util.register_pytree_node(
        _kind,
        lambda state: ((state.key, state.value), state.spec),
        lambda spec, arrays, kind=_kind: kind(spec, *arrays),
    )


def _empty(spec: StateSpec) -> KeyValue | None:
    if spec.kind == "tensor":
        return None
    return OffloadedCross(spec) if spec.kind == "cross" else OffloadedKeyValue(spec)


def changed(state: KeyValue, change: Callable[[jax.Array], jax.Array]) -> KeyValue:
    """A state with other arrays, which are computed on the device and lie where they lay."""
    if not isinstance(state, OffloadedKeyValue):
        return jax.tree.map(change, state)
    return jax.tree.map(lambda x: to_host(change(to_device(x))), state)


class OffloadedCache(SpecialCache):
    """Keys and values on the host; states that sum up all tokens stay on the device."""

    @classmethod
    def growing(cls, layout: Layout) -> Self:
        """An empty cache that grows."""
        plain = Cache.growing(layout)
        for slots in plain.slots:
            made = {name: _empty(state.spec) for name, state in slots.states.items()}
            slots.states.update((name, state) for name, state in made.items() if state is not None)
        return cls(plain.slots)

    @classmethod
    def static(cls, layout: Layout, batch: int, capacity: int, dtype: Any) -> Self:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""

        def make(spec: StateSpec) -> KeyValue | None:
            state = _empty(spec)
            if spec.kind == "kv":
                shape = (batch, spec.heads, capacity)
                state.fill(
                    *(jnp.zeros((*shape, d), dtype) for d in (spec.head_dim, spec.value_dim))
                )
            return state

        return cls.allocated(layout, batch, capacity, dtype, make)

    def reorder(self, index: jax.Array) -> Self:
        """Replaces batch entry i by entry index[i]: beams that go on."""
        take = partial(jnp.take, indices=jnp.asarray(index), axis=0, mode="clip")
        for slots in self.slots:
            slots.states = {name: changed(state, take) for name, state in slots.states.items()}
        self.replace(self.slots)
        return self

    def __repr__(self) -> str:
        where = "on the host" if has_host_memory() else "on the device, for lack of a host memory"
        return f"{super().__repr__().removesuffix(')')}, {where})"
