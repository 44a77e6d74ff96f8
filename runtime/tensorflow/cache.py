"""State that a model carries from call to call: keys and values of past tokens.

A cache is a list with one `Slots` per position of the stack, whose attributes are the states that
the layers declare. Layers change it in place; models copy it on entry, so that a caller's cache is
never changed, and a cache passes in and out of a `tf.function` as a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf
from keras.src import tree

from ..errors import InputError, show
from ..states import (
    Layout,
    StateSpec,
    cross_cache,
    kept,
    kept_after_crop,
    kv_cache,
    refuse_crop,
)
from .functional import Size, shape_of


class KeyValueState:
    """Keys [b, n, t, d] and values [b, n, t, e] of one layer."""

    def __init__(self, cache: Cache, spec: StateSpec, pair: Sequence[tf.Tensor] = ()):
        self._cache = cache
        self.spec = spec
        self.pair = tuple(pair)

    @property
    def filled(self) -> bool:
        """Whether there is anything to read; known when tracing."""
        return bool(self.pair)

    def fill(self, k: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Keep these, instead of any others, and return them."""
        self.pair = (k, v)
        return self.pair

    def read(self) -> tuple[tf.Tensor, tf.Tensor]:
        return self.pair

    def update(self, k: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Add those of new tokens, [b, n, s, d] and [b, n, s, e]; returns all so far."""
        if self._cache.capacity is not None:
            self._cache.require_space(shape_of(k)[2])
            start = self._cache.length
            pairs = zip(self.pair, (k, v), strict=True)
            return self.fill(*(_write(old, new, start) for old, new in pairs))
        if self.pair:
            k, v = (tf.concat(both, axis=2) for both in zip(self.pair, (k, v), strict=True))
        if self.spec.window is None:
            return self.fill(k, v)
        length = shape_of(k)[2]
        out = length - kept(length, self.spec.window)
        self.pair = (k[:, :, out:], v[:, :, out:])
        return k, v


class TensorState(KeyValueState):
    """A tensor [b, ...] that each call replaces."""

    def recall(self, first: tf.Tensor) -> tf.Tensor:
        """What was kept last; `first` where nothing was."""
        return self.pair[0] if self.pair else first

    def keep(self, tensor: tf.Tensor) -> None:
        """Takes the place of what was kept."""
        self.pair = (tf.cast(tensor, self.pair[0].dtype) if self.pair else tensor,)


def _write(old: tf.Tensor, new: tf.Tensor, start: Size) -> tf.Tensor:
    """`old` [b, n, c, d] with `new` [b, n, s, d] from position `start` on.

    No operation of TensorFlow updates a slice both with and without XLA; this one reads as much
    as the attention that follows.
    """
    new = tf.cast(new, old.dtype)
    index = tf.range(shape_of(old)[2]) - start
    count = shape_of(new)[2]
    if isinstance(count, int) and count == 1:
        return tf.where(tf.equal(index, 0)[:, None], new, old)
    written = tf.logical_and(index >= 0, index < count)
    rows = tf.gather(new, tf.clip_by_value(index, 0, count - 1), axis=2)
    return tf.where(written[:, None], rows, old)


class Slots:
    """The states of one position of the stack, as attributes."""

    def __init__(self, states: dict[str, KeyValueState]):
        self.__dict__.update(states)


def _state(cache: Cache, spec: StateSpec) -> KeyValueState:
    return (TensorState if spec.kind == "tensor" else KeyValueState)(cache, spec)


@tree.register_tree_node_class
class Cache:
    """All states of a model, and the number of tokens in them.

    Growing (`capacity` None): every call concatenates. Static: allocated once, written at
    `length`, a scalar tensor, so that all steps have the same shapes.
    """

    def __init__(self, layout: Layout, capacity: int | None = None, length: Size = 0):
        self.capacity = capacity
        self.length = length
        self._slots = [
            {name: _state(self, spec) for name, spec in states.items()} for states in layout
        ]

    @classmethod
    def growing(cls, layout: Layout) -> Cache:
        """An empty cache that grows."""
        return cls(layout)

    @classmethod
    def static(cls, layout: Layout, batch: int, capacity: int, dtype: Any) -> Cache:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""
        cache = cls(layout, capacity, tf.constant(0))
        for state in cache._states():
            if state.spec.kind == "kv":
                shape = (batch, state.spec.heads, capacity)
                sizes = (state.spec.head_dim, state.spec.value_dim)
                state.fill(*(tf.zeros((*shape, size), dtype) for size in sizes))
            elif state.spec.kind == "tensor":
                wide = tf.float32 if state.spec.wide else dtype
                state.keep(tf.zeros((batch, state.spec.heads, state.spec.head_dim), wide))
        return cache

    def _states(self) -> Iterator[KeyValueState]:
        for slots in self._slots:
            yield from slots.values()

    def _layout(self) -> tuple[tuple[tuple[str, StateSpec], ...], ...]:
        return tuple(
            tuple((name, state.spec) for name, state in slots.items()) for slots in self._slots
        )

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, position: int | slice) -> Slots | list[Slots]:
        if isinstance(position, slice):
            return [Slots(states) for states in self._slots[position]]
        return Slots(self._slots[position])

    def __iter__(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """(keys, values) of the first state of each position."""
        for slots in self._slots:
            yield next(iter(slots.values())).read()

    def __repr__(self) -> str:
        kind = "growing" if self.capacity is None else f"capacity {self.capacity}"
        return f"Cache({len(self)} layers, {kind}, length {self.length})"

    def require_space(self, count: Size) -> None:
        """Raises InputError if so many tokens do not fit; a graph cannot tell."""
        sizes = (self.length, count)
        if any(tf.is_tensor(size) and not hasattr(size, "numpy") for size in sizes):
            return
        total = int(self.length) + int(count)
        if total > self.capacity:
            raise InputError(
                "the cache is full",
                key="past_key_values",
                expected=f"at most {self.capacity} tokens",
                found=str(total),
            )

    def advance(self, count: Size) -> None:
        """`count` tokens have been added to all states."""
        self.length = self.length + count

    def copy(self) -> Cache:
        """Another cache with the same tensors."""
        return self._with(state.pair for state in self._states())

    def _with(self, pairs: Iterable[Sequence[tf.Tensor]]) -> Cache:
        layout = [dict(states) for states in self._layout()]
        cache = Cache(layout, self.capacity, self.length)
        for state, pair in zip(cache._states(), pairs, strict=True):
            state.pair = tuple(pair)
        return cache

    def reorder(self, index: tf.Tensor) -> Cache:
        """Batch entries taken at `index`, int [b]: beams that go on."""
        for state in self._states():
            state.pair = tuple(tf.gather(x, index, axis=0) for x in state.pair)
        return self

    def crop(self, count: int) -> Cache:
        """Keep the first `count` tokens; all but the last -count, where it is negative."""
        wanted = self.length + count if count < 0 else count
        length = self.length
        if tf.is_tensor(length):
            self.length = tf.minimum(length, wanted)
        else:
            self.length = min(length, wanted)
        sums = any(state.spec.kind == "tensor" for state in self._states())
        if sums and int(length) > int(self.length):
            refuse_crop()
        if self.capacity is None:
            for state in self._states():
                if state.spec.kind == "kv":
                    left = kept_after_crop(length, length - self.length, state.spec.window)
                    state.pair = tuple(x[:, :, :left] for x in state.pair)
        return self

    def to_legacy(self) -> tuple[tuple[tf.Tensor, ...], ...]:
        """The tensors of each position: (keys, values[, cross keys, cross values])."""
        return tuple(
            tuple(x for state in slots.values() for x in state.pair) for slots in self._slots
        )

    @classmethod
    def from_legacy(
        cls, tensors: Sequence[Sequence[tf.Tensor]], layout: Layout | None = None
    ) -> Cache:
        """A growing cache from the tensors of each position."""
        if layout is None:
            layout = [_guess(position) for position in tensors]
        cache = cls(layout)
        if len(tensors) != len(cache):
            found = f"{len(tensors)} layers"
            raise InputError(key="past_key_values", expected=f"{len(cache)} layers", found=found)
        for slots, position in zip(cache._slots, tensors, strict=True):
            for state, start in zip(slots.values(), range(0, len(position), 2), strict=False):
                state.fill(*map(tf.convert_to_tensor, position[start : start + 2]))
                if state.spec.kind == "kv":
                    cache.length = shape_of(state.pair[0])[2]
        return cache

    # tf.function and tf.nest see the tensors, and compare the rest.

    def __tf_flatten__(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        traced = tf.is_tensor(self.length)
        filled = tuple(len(state.pair) for state in self._states())
        metadata = (self.capacity, None if traced else self.length, self._layout(), filled)
        tensors = tuple(x for state in self._states() for x in state.pair)
        return metadata, (self.length, *tensors) if traced else tensors

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The same for Keras."""
        metadata, tensors = self.__tf_flatten__()
        return tensors, metadata

    @classmethod
    def tree_unflatten(cls, metadata: tuple[Any, ...], tensors: Iterable[Any]) -> Cache:
        """The inverse of `tree_flatten`."""
        return cls.__tf_unflatten__(metadata, tuple(tensors))

    @classmethod
    def __tf_unflatten__(cls, metadata: tuple[Any, ...], components: tuple[Any, ...]) -> Cache:
        capacity, length, layout, filled = metadata
        tensors = list(components)
        if length is None:
            length = tensors.pop(0)
        cache = cls([dict(states) for states in layout], capacity, length)
        for state, count in zip(cache._states(), filled, strict=True):
            state.pair = tuple(tensors.pop(0) for _ in range(count))
        return cache


def _guess(tensors: Sequence[tf.Tensor]) -> dict[str, StateSpec]:
    """The states of a layer with these tensors, under the usual names."""
    makers = {"kv": kv_cache, "cross": cross_cache}
    shapes = [x.shape for x in tensors]
    return {
        name: make(shapes[i][1], shapes[i][3], shapes[i + 1][3])
        for i, (name, make) in zip(range(0, len(shapes), 2), makers.items(), strict=False)
    }


def as_cache(past: Any, layout: Layout) -> Cache:
    """A cache as it is; the keys and values of each layer in tuples as a growing cache."""
    if isinstance(past, Cache):
        return past
    if isinstance(past, list | tuple):
        return Cache.from_legacy(past, layout)
    raise InputError(
        key="past_key_values", expected="a Cache, or a tuple per layer", found=show(past)
    )


def with_past(
    blocks: Iterable[Any], past: Cache | Sequence[Slots] | None
) -> Iterator[tuple[Any, Slots | None]]:
    """Each block of a stack with its slots, or with None."""
    for position, block in enumerate(blocks):
        yield block, None if past is None else past[position]


def cache_of(slots: Slots | None) -> Cache | None:
    """The cache that the states of one position belong to."""
    return None if slots is None else next(iter(vars(slots).values()))._cache
