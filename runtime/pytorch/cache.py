"""The state of a model between calls, known to callers as `past_key_values`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import TypeVar

import torch
from torch import Tensor

from ..errors import InputError, show
from ..states import Layout, StateSpec, cross_cache, kv_cache
from .states import (
    CrossState,
    Extent,
    GrowingState,
    Slots,
    State,
    StaticState,
    TensorState,
)

T = TypeVar("T")


class Cache:
    """One `Slots` per position of the stack, and the number of tokens they hold.

    Growing (`capacity` None): each call concatenates. Static: allocated once and written in place,
    so that shapes stay the same and compiled code is not compiled again.
    """

    def __init__(self, slots: Iterable[Slots], extent: Extent):
        self.slots = list(slots)
        self.extent = extent

    @classmethod
    def growing(cls, layout: Layout) -> Cache:
        """An empty cache that grows."""

        def empty(spec: StateSpec) -> State:
            if spec.kind == "tensor":
                return TensorState()
            return CrossState() if spec.kind == "cross" else GrowingState(spec.window)

        extent = Extent()
        return cls(_build(layout, empty, extent), extent)

    @classmethod
    def static(
        cls,
        layout: Layout,
        batch: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device | str | None = None,
    ) -> Cache:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""
        extent = Extent(capacity, device)

        def allocate(spec: StateSpec) -> State:
            if spec.kind == "cross":  # as long as another sequence
                return CrossState()
            if spec.kind == "tensor":
                shape = (batch, spec.heads, spec.head_dim)
                wide = torch.float32 if spec.wide else dtype
                return TensorState(torch.zeros(shape, dtype=wide, device=device))
            keys, values = (
                torch.zeros((batch, spec.heads, capacity, size), dtype=dtype, device=device)
                for size in (spec.head_dim, spec.value_dim)
            )
            return StaticState(extent, keys, values)

        return cls(_build(layout, allocate, extent), extent)

    @property
    def length(self) -> int | Tensor:
        """The number of tokens; a 0-d tensor in a static cache."""
        return self.extent.length

    @property
    def offset(self) -> int | Tensor:
        """The position of the next token: an int where it is known, else a 0-d tensor."""
        return self.extent.offset

    @property
    def capacity(self) -> int | None:
        """The most tokens a static cache can hold; None if it grows."""
        return self.extent.capacity

    def advance(self, count: int) -> None:
        """Counts the tokens of a call, after all layers have seen them."""
        self.extent.advance(count)

    def copy(self) -> Cache:
        """A cache with the same tokens that changes by itself."""
        extent = Extent(self.capacity, getattr(self.length, "device", None))
        extent.set(int(self.length))
        copies = (
            Slots({name: state.copy(extent) for name, state in slots.items()}, extent)
            for slots in self.slots
        )
        return Cache(copies, extent)

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i], as beam search does."""
        for state in self._states():
            state.reorder(index)

    def crop(self, count: int) -> None:
        """Forgets all but the first `count` tokens; a negative count, so many of the last."""
        length = int(self.length)
        count = max(0, length + count) if count < 0 else min(count, length)
        for state in self._states():
            state.crop(length, length - count)
        self.extent.set(count)

    def _states(self) -> Iterator[State]:
        for slots in self.slots:
            yield from slots.states()

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, index: int | slice) -> Slots | list[Slots]:
        return self.slots[index]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """(keys, values) of each position's first state."""
        for slots in self.slots:
            for state in list(slots.states())[:1]:
                yield state.read()

    def __repr__(self) -> str:
        kind = "growing" if self.capacity is None else f"capacity {self.capacity}"
        return f"Cache({len(self)} layers, {kind}, length {self.length})"

    def to_legacy(self) -> tuple[tuple[Tensor, ...], ...]:
        """Per position, the keys and values of each filled state in order, as plain tuples."""
        return tuple(
            tuple(x for state in slots.states() if state.filled for x in state.read())
            for slots in self.slots
        )

    @classmethod
    def from_legacy(cls, past: Sequence[Sequence[Tensor]], layout: Layout | None = None) -> Cache:
        """The inverse of `to_legacy`, as a growing cache; states are kv, cross unless named."""
        if layout is None:
            kinds = {"kv": kv_cache(0, 0), "cross": cross_cache(0, 0)}
            layout = [dict(list(kinds.items())[: len(tensors) // 2]) for tensors in past]
        cache = cls.growing(layout)
        if len(past) != len(cache):
            raise InputError(
                key="past_key_values", expected=f"{len(cache)} layers", found=str(len(past))
            )
        for slots, tensors in zip(cache.slots, past, strict=True):
            pairs = zip(tensors[::2], tensors[1::2], strict=True)
            for state, (k, v) in zip(slots.states(), pairs, strict=False):
                state.fill(k, v)
        if past:
            cache.advance(past[0][0].shape[2])
        return cache


def _build(layout: Layout, make: Callable[[StateSpec], State], extent: Extent) -> list[Slots]:
    return [Slots({name: make(spec) for name, spec in states.items()}, extent) for states in layout]


def as_cache(past: object, layout: Layout) -> Cache:
    """A cache as it is; the keys and values of each layer in tuples as a growing cache."""
    if isinstance(past, Cache):
        return past
    if isinstance(past, list | tuple):
        return Cache.from_legacy(past, layout)
    raise InputError(
        key="past_key_values", expected="a Cache, or a tuple per layer", found=show(past)
    )


def with_past(
    layers: Iterable[T], past: Cache | Sequence[Slots] | None
) -> Iterable[tuple[T, Slots | None]]:
    """Each layer with its slots, or with None."""
    if past is None:
        return zip(layers, repeat(None), strict=False)
    slots = past.slots if isinstance(past, Cache) else past
    return zip(layers, slots, strict=True)
