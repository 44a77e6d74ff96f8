"""Caches: what a model keeps of the tokens it has seen, as a registered pytree.

Inside a forward pass a cache is a handle that layers write to. At a model's boundary it is a
value: models copy the cache that they are given, and return the copy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from ..errors import InputError, show
from ..states import Layout, StateSpec, cross_cache, kept, kept_after_crop, kv_cache, refuse_crop
from .functional import is_traced


class KeyValue:
    """Keys [b, m, t, d] and values [b, m, t, e] of all tokens so far."""

    preallocated: ClassVar[bool] = True

    def __init__(
        self,
        spec: StateSpec,
        key: jax.Array | None = None,
        value: jax.Array | None = None,
    ):
        self.spec = spec
        self.key = key
        self.value = value
        self.owner: Cache | None = None  # set by the cache that holds this state

    @property
    def filled(self) -> bool:
        """Whether there is anything to read; known when tracing."""
        return self.key is not None

    def fill(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keeps these instead of any others, and returns them."""
        self.key, self.value = k, v
        return k, v

    def read(self) -> tuple[jax.Array, jax.Array]:
        """All keys and values kept."""
        return self.key, self.value

    def update(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Adds the keys [b, m, s, d] and values [b, m, s, e] of new tokens; returns all of them.

        In a cache of fixed size those are `capacity` ones, of which `causal` lets pass what has
        been written. A growing one with a window keeps what the next token reads.
        """
        if self.owner.capacity is not None:
            self.owner.check_room(k.shape[2])
            return self.fill(self._write(self.key, k), self._write(self.value, v))
        if self.key is not None:
            k = jnp.concatenate([self.key, k.astype(self.key.dtype)], axis=2)
            v = jnp.concatenate([self.value, v.astype(self.value.dtype)], axis=2)
        out = k.shape[2] - kept(k.shape[2], self.spec.window)
        self.fill(k[:, :, out:], v[:, :, out:])
        return k, v

    def _write(self, old: jax.Array, new: jax.Array) -> jax.Array:
        start = jnp.asarray(self.owner.length, jnp.int32)
        zero = jnp.zeros((), jnp.int32)
        return lax.dynamic_update_slice(old, new.astype(old.dtype), (zero, zero, start, zero))

    def crop(self, length: int, dropped: int) -> None:
        """Forgets the last `dropped` of `length` tokens; room in a cache of fixed size stays."""
        if self.owner.capacity is None and self.key is not None and dropped:
            left = kept_after_crop(length, dropped, self.spec.window)
            self.fill(self.key[:, :, :left], self.value[:, :, :left])


class CrossKeyValue(KeyValue):
    """Keys and values of another sequence, computed once."""

    preallocated = False  # the other sequence's length is not the cache's

    def crop(self, length: int, dropped: int) -> None:
        """Does nothing: the other sequence stays as it is."""


class TensorState(KeyValue):
    """A tensor [b, ...] that each call replaces; it is kept as `key`."""

    preallocated = False  # what it holds does not tell the number of tokens

    def recall(self, first: jax.Array) -> jax.Array:
        """What was kept last; `first` where nothing was."""
        return first if self.key is None else self.key

    def keep(self, tensor: jax.Array) -> None:
        """Takes the place of what was kept."""
        self.key = tensor if self.key is None else tensor.astype(self.key.dtype)

    def read(self) -> tuple[jax.Array]:
        """The tensor."""
        return (self.key,)

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do without tokens to forget; otherwise impossible."""
        if dropped:
            refuse_crop()


KINDS = {"kv": KeyValue, "cross": CrossKeyValue, "tensor": TensorState}


def _allocate(spec: StateSpec, batch: int, capacity: int, dtype: Any) -> KeyValue:
    """A state with room for `capacity` tokens."""
    kind = KINDS[spec.kind]
    if spec.kind == "tensor":
        wide = jnp.float32 if spec.wide else dtype
        return kind(spec, jnp.zeros((batch, spec.heads, spec.head_dim), wide))
    if not kind.preallocated:
        return kind(spec)
    shapes = ((batch, spec.heads, capacity, size) for size in (spec.head_dim, spec.value_dim))
    return kind(spec, *(jnp.zeros(shape, dtype) for shape in shapes))


class Slots:
    """The states of one position of a stack, as attributes; a pytree that keeps their order."""

    def __init__(self, states: dict[str, KeyValue]):
        self.states = states

    def __getattr__(self, name: str) -> KeyValue:
        try:
            return vars(self)["states"][name]
        except KeyError:
            raise AttributeError(f"no state {name!r} in this position of the cache") from None


class Cache:
    """States by stack position and name, with the number of tokens in them.

    `capacity` is None for a growing cache, whose `length` is an int. In a cache of fixed size
    `length` is a scalar array, so that one compiled program serves all lengths.
    """

    def __init__(
        self,
        slots: Iterable[Slots],
        length: Any = 0,
        capacity: int | None = None,
    ):
        self.length = length
        self.capacity = capacity
        self.replace(slots)

    def replace(self, slots: Iterable[Slots]) -> None:
        """Takes these states in place of those here."""
        self.slots = list(slots)
        for state in self._states():
            state.owner = self

    @classmethod
    def growing(cls, layout: Layout) -> Cache:
        """An empty cache that grows."""
        return cls(_build(layout, lambda spec: KINDS[spec.kind](spec)))

    @classmethod
    def static(cls, layout: Layout, batch: int, capacity: int, dtype: Any) -> Cache:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""
        slots = _build(layout, lambda spec: _allocate(spec, batch, capacity, dtype))
        return cls(slots, jnp.zeros((), jnp.int32), capacity)

    def _states(self) -> Iterator[KeyValue]:
        return (state for slots in self.slots for state in slots.states.values())

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, index: int) -> Slots:
        return self.slots[index]

    def __iter__(self) -> Iterator[tuple[jax.Array, jax.Array]]:
        """(keys, values) of each position's first state."""
        for slots in self.slots:
            yield next(iter(slots.states.values())).read()

    def __repr__(self) -> str:
        kind = "growing" if self.capacity is None else f"capacity {self.capacity}"
        return f"Cache({len(self)} layers, {kind}, length {self.length})"

    def check_room(self, count: int) -> None:
        """Raises InputError if `count` more tokens do not fit, as far as that is known."""
        length = count if is_traced(self.length) else int(self.length) + count
        if length > self.capacity:
            raise InputError(
                "the cache is full",
                key="past_key_values",
                expected=f"at most {self.capacity} tokens",
                found=str(length),
            )

    def advance(self, count: int) -> None:
        """Counts tokens that all layers have written."""
        self.length = self.length + count

    def copy(self) -> Cache:
        """A cache with the same arrays; writing to one does not show in the other."""
        slots = [Slots({n: copy.copy(x) for n, x in item.states.items()}) for item in self.slots]
        return Cache(slots, self.length, self.capacity)

    def reorder(self, index: jax.Array) -> Cache:
        """Replaces batch entry i by entry index[i]: beams that go on."""
        index = jnp.asarray(index)
        take = partial(jnp.take, indices=index, axis=0, mode="clip")
        self.replace(jax.tree.map(take, self.slots))
        return self

    def crop(self, count: int) -> Cache:
        """Keeps the first `count` tokens; all but the last -count, where it is negative."""
        wanted = self.length + count if count < 0 else count
        least = min if self.capacity is None else jnp.minimum
        length, self.length = self.length, least(self.length, wanted)
        for state in self._states():
            state.crop(length, length - self.length)
        return self

    def to_legacy(self) -> tuple[tuple[jax.Array, ...], ...]:
        """Per position, the keys and values of each filled state in order, as plain tuples."""
        return tuple(
            tuple(x for state in slots.states.values() if state.filled for x in state.read())
            for slots in self.slots
        )

    @classmethod
    def from_legacy(
        cls, past: Sequence[Sequence[jax.Array]], layout: Layout | None = None
    ) -> Cache:
        """The inverse of `to_legacy`, as a growing cache; states are kv, cross unless named."""
        if layout is None:
            kinds = {"kv": kv_cache(0, 0), "cross": cross_cache(0, 0)}
            layout = [dict(list(kinds.items())[: len(arrays) // 2]) for arrays in past]
        cache = cls.growing(layout)
        if len(past) != len(cache):
            raise InputError(
                key="past_key_values", expected=f"{len(cache)} layers", found=str(len(past))
            )
        for slots, arrays in zip(cache.slots, past, strict=True):
            states = slots.states.values()
            for state, start in zip(states, range(0, len(arrays), 2), strict=False):
                k, _ = state.fill(*map(jnp.asarray, arrays[start : start + 2]))
                if state.preallocated:
                    cache.length = k.shape[2]
        return cache


def _build(layout: Layout, make: Callable[[StateSpec], KeyValue]) -> list[Slots]:
    return [Slots({name: make(spec) for name, spec in states.items()}) for states in layout]


def as_cache(past: Any, layout: Layout) -> Cache:
    """A cache as it is; the keys and values of each layer in tuples as a growing cache."""
    if isinstance(past, Cache):
        return past
    if isinstance(past, list | tuple):
        return Cache.from_legacy(past, layout)
    raise InputError(
        key="past_key_values", expected="a Cache, or a tuple per layer", found=show(past)
    )


def with_past(blocks: Iterable[Any], past: Cache | None) -> Iterator[tuple[Any, Slots | None]]:
    """Each block of a stack with its slots, None without a cache."""
    for position, block in enumerate(blocks):
        yield block, None if past is None else past[position]


for _kind in KINDS.values():
    jax.tree_util.register_pytree_node(
        _kind,
        lambda state: ((state.key, state.value), state.spec),
        lambda spec, arrays, kind=_kind: kind(spec, *arrays),
    )


jax.tree_util.register_pytree_node(
    Slots,
    lambda slots: (tuple(slots.states.values()), tuple(slots.states)),
    lambda names, states: Slots(dict(zip(names, states, strict=True))),
)


def _flatten(cache: Cache) -> tuple[tuple, tuple]:
    # The length of a growing cache is an int, on which shapes depend.
    if cache.capacity is None:
        return (cache.slots,), (cache.length, None)
    return (cache.slots, cache.length), (0, cache.capacity)


def _unflatten(meta: tuple, data: tuple) -> Cache:
    length, capacity = meta
    return Cache(data[0], data[1] if capacity is not None else length, capacity)


jax.tree_util.register_pytree_node(Cache, _flatten, _unflatten)


def cache_of(slots: Slots | None) -> Cache | None:
    """The cache that the states of one position belong to."""
    return None if slots is None else next(iter(slots.states.values())).owner
