"""Caches for generation by kind, and what searches do with any of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...generation.caches import (
    OFFLOADED,
    SLIDING,
    check_fits,
    check_kind,
    check_length,
    refuse_empty,
    without_windows,
)
from ..cache import Cache
from ..loading import to_dtype
from ..states import Extent, GrowingState, Slots, State, StaticState
from .offloaded import OffloadedCache, OffloadedCross, OffloadedState, at_home
from .quantized import QuantizedCache
from .sliding import RingState, SlidingCache
from .special import with_extent

TENSORS = ("keys", "values", "key_scales", "value_scales", "value")  # attributes of states


def make_cache(
    model: Any,
    kind: str = "dynamic",
    batch: int | None = None,
    capacity: int | None = None,
    dtype: torch.dtype | str | None = None,
    **options: Any,
) -> Cache:
    """An empty cache for a model, of one of the kinds in `triptych.generation.caches.KINDS`.

    Those that do not grow are for `batch` sequences of at most `capacity` tokens.
    """
    check_kind(kind, batch, capacity, options)
    if kind == "static":
        return model.init_cache(batch, capacity, dtype)
    cache = model.init_cache()  # raises where a model keeps nothing
    if kind == "dynamic":
        return cache
    layout = model.cache_layout()
    if kind == "dynamic_full":
        return Cache.growing(without_windows(layout))
    if kind == "offloaded":
        return OffloadedCache.growing(layout, model.device)
    dtype = model.dtype if dtype is None else to_dtype(dtype)
    special = SlidingCache if kind in SLIDING else QuantizedCache
    special = OffloadedCache if kind in OFFLOADED else special
    return special.static(layout, batch, capacity, dtype, model.device)


def fitted(cache: Cache, capacity: int) -> Cache:
    """A cache of fixed size with room for `capacity` tokens that holds those of another one.

    A special kind stays what it is; a growing cache becomes a static one. Nothing is shared that
    would be written to.
    """
    length = int(cache.length)
    check_fits(length, capacity)
    first = next((x for state in _states(cache) if state.filled for x in state.tensors), None)
    extent = Extent(capacity, getattr(first, "device", None))
    extent.set(length)

    def fit(state: State) -> State:
        if isinstance(state, RingState) or not isinstance(
            state, GrowingState | StaticState | OffloadedState
        ):
            return state.copy(extent)
        if not state.filled:
            refuse_empty()
        if isinstance(state, OffloadedState):
            held = (at_home(x[:, :, :length], state.device, capacity) for x in state.tensors)
            return OffloadedState(extent, state.device, *held)
        place = partial(_placed, length=length, capacity=capacity)
        if isinstance(state, GrowingState):
            return StaticState(extent, place(state.keys), place(state.values))
        return _changed(with_extent(state, extent), lambda x: place(x[:, :, :length]))

    return type(cache)(_each_state(cache, fit, extent), extent)


def expanded(cache: Cache, count: int) -> Cache:
    """A new cache with every batch row `count` times in a row."""
    return _each_tensor(cache, lambda x: x.repeat_interleave(count, 0))


def selected(cache: Cache, index: Tensor) -> Cache:
    """The batch rows at `index`, int [b']: in place if they are as many as before."""
    tensors = (x for state in _states(cache) if state.filled for x in state.tensors)
    if any(x.shape[0] != len(index) for x in tensors):
        return _each_tensor(cache, lambda x: x.index_select(0, index.to(x.device)))
    cache.reorder(index)
    return cache


def with_length(cache: Cache, length: int | Tensor) -> Cache:
    """The same cache, cut to its first `length` tokens."""
    check_length(int(length), int(cache.length))
    cache.crop(int(length))
    return cache


def _states(cache: Cache) -> list[State]:
    return [state for slots in cache.slots for state in slots.states()]


def _placed(x: Tensor, length: int, capacity: int) -> Tensor:
    """x [b, n, t, d], of the last t of `length` tokens, as [b, n, capacity, d]."""
    result = x.new_zeros((*x.shape[:2], capacity, x.shape[3]))
    result[:, :, length - x.shape[2] : length] = x
    return result


def _changed(state: State, change: Callable[[Tensor], Tensor]) -> State:
    """A state with other tensors, which lie where they lay."""
    state = copy.copy(state)
    offloaded = isinstance(state, OffloadedCross)
    for name in TENSORS:
        x = getattr(state, name, None)
        if x is not None:
            x = change(x)
            setattr(state, name, at_home(x, state.device) if offloaded else x)
    if offloaded:
        state.ahead = None
    return state


def _each_state(cache: Cache, change: Callable[[State], State], extent: Extent) -> list[Slots]:
    return [
        Slots({name: change(state) for name, state in slots.items()}, extent)
        for slots in cache.slots
    ]


def _each_tensor(cache: Cache, change: Callable[[Tensor], Tensor]) -> Cache:
    """A new cache of the same extent, with other tensors."""
    extent = Extent(cache.capacity, getattr(cache.length, "device", None))
    extent.set(int(cache.length))
    slots = _each_state(cache, lambda x: with_extent(_changed(x, change), extent), extent)
    return type(cache)(slots, extent)
