"""Caches for generation by kind, and what searches do with any of them.

All functions are pure, and may be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ...generation.caches import (
    OFFLOADED,
    SLIDING,
    check_fits,
    check_kind,
    check_length,
    refuse_empty,
    without_windows,
)
from ...states import refuse_crop
from ..base import as_dtype
from ..cache import Cache, KeyValue, Slots
from ..functional import is_traced
from .offloaded import OffloadedCache, changed
from .quantized import QuantizedCache
from .sliding import RingKeyValue, SlidingCache


def make_cache(
    model: Any,
    kind: str = "dynamic",
    batch: int | None = None,
    capacity: int | None = None,
    dtype: Any = None,
    **options: Any,
) -> Cache:
    """An empty cache for a model, of one of the kinds in `triptych.generation.caches.KINDS`.

    Those that do not grow are for `batch` sequences of at most `capacity` tokens.
    """
    check_kind(kind, batch, capacity, options)
    if kind == "dynamic":
        return model.init_cache()
    if kind == "static":
        return model.init_cache(batch, capacity, dtype)
    model.init_cache()  # raises where a model keeps nothing
    layout = model.cache_layout()
    if kind == "dynamic_full":
        return Cache.growing(without_windows(layout))
    if kind == "offloaded":
        return OffloadedCache.growing(layout)
    dtype = model.compute_dtype if dtype is None else as_dtype(dtype)
    special = SlidingCache if kind in SLIDING else QuantizedCache
    special = OffloadedCache if kind in OFFLOADED else special
    return special.static(layout, batch, capacity, dtype)


def fitted(cache: Cache, capacity: int) -> Cache:
    """A cache of fixed size with room for `capacity` tokens that holds those of another one.

    A special kind stays what it is; a growing cache becomes a static one.
    """
    if not is_traced(cache.length):
        check_fits(int(cache.length), capacity)

    def fit(state: KeyValue) -> KeyValue:
        if state.spec.kind != "kv" or isinstance(state, RingKeyValue):
            return state
        if not state.filled:
            refuse_empty()
        grows = cache.capacity is None
        before = cache.length - state.key.shape[2] if grows else 0  # what windows have dropped
        return changed(state, partial(_placed, before=before, capacity=capacity))

    length = jnp.asarray(cache.length, jnp.int32)
    return type(cache)(_each_state(cache, fit), length, capacity)


def expanded(cache: Cache, count: int) -> Cache:
    """Every batch row `count` times in a row."""
    return _each_array(cache, partial(jnp.repeat, repeats=count, axis=0))


def selected(cache: Cache, index: jax.Array) -> Cache:
    """The batch rows at `index`, int [b']."""
    return _each_array(cache, partial(jnp.take, indices=index, axis=0, mode="clip"))


def with_length(cache: Cache, length: int | jax.Array) -> Cache:
    """The first `length` tokens of a cache that has no fewer.

    In a cache of fixed size `length` may be traced, if all layers keep all tokens.
    """
    if not (is_traced(length) or is_traced(cache.length)):
        check_length(int(length), int(cache.length))
        return cache.copy().crop(int(length))
    states = (state for slots in cache.slots for state in slots.states.values())
    if any(isinstance(state, RingKeyValue) or state.spec.kind == "tensor" for state in states):
        refuse_crop()
    result = cache.copy()
    result.length = jnp.asarray(length, jnp.int32)
    return result


def _placed(x: jax.Array, before: int, capacity: int) -> jax.Array:
    """x [b, m, t, d] as [b, m, capacity, d], its first entry at position `before`."""
    x = x[:, :, : capacity - before]
    after = capacity - before - x.shape[2]
    return jnp.pad(x, ((0, 0), (0, 0), (before, after), (0, 0)))


def _each_state(cache: Cache, change: Callable[[KeyValue], KeyValue]) -> list[Slots]:
    return [Slots({name: change(x) for name, x in slots.states.items()}) for slots in cache.slots]


def _each_array(cache: Cache, change: Callable[[jax.Array], jax.Array]) -> Cache:
    slots = _each_state(cache, lambda state: changed(state, change))
    return type(cache)(slots, cache.length, cache.capacity)
