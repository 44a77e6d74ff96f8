"""A cache of fixed size whose layers with a window keep no more than the window.

It saves memory, not time: a layer's keys are spread out over the whole capacity while that layer
reads them, because masks find each token at its position.
"""

from __future__ import annotations

from typing import Any, Self

import tensorflow as tf
from keras.src import tree

from ...generation.caches import check_ring_crop, ring_size
from ...states import Layout
from ..cache import Cache, KeyValueState
from ..functional import shape_of


class RingState(KeyValueState):
    """Keys [b, n, r, d] and values [b, n, r, e] of the last r tokens: position p at place p % r.

    Where r is the cache's capacity, those of all tokens.
    """

    @property
    def room(self) -> int:
        """How many tokens there is room for."""
        return self.pair[0].shape[2]

    @property
    def is_ring(self) -> bool:
        """Whether later tokens take the places of earlier ones."""
        return self.room < self._cache.capacity

    def update(self, k: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds those of new tokens, [b, n, s, d] and [b, n, s, e].

        Returns [b, n, capacity, d] and [b, n, capacity, e]. Positions out of reach repeat others;
        windows do not let them pass.
        """
        if not self.is_ring:
            return super().update(k, v)
        self._cache.require_space(shape_of(k)[2])
        start, capacity = self._cache.length, self._cache.capacity
        pairs = list(zip(self.pair, (k, v), strict=True))
        self.fill(*(_put(ring, new, start) for ring, new in pairs))
        return tuple(_spread(ring, new, start, capacity) for ring, new in pairs)

    def read(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The keys and values kept, in order; in a graph, of a ring r of them."""
        if not self.is_ring:
            return self.pair
        length, room = self._cache.length, self.room
        places = (length + tf.range(room)) % room
        if tf.executing_eagerly():
            places = places[max(0, room - int(length)) :]
        return tuple(tf.gather(ring, places, axis=2) for ring in self.pair)


def _spread(ring: tf.Tensor, new: tf.Tensor, start: tf.Tensor, capacity: int) -> tf.Tensor:
    """The tokens of `ring` [b, n, r, d] and of `new` [b, n, s, d] at their positions."""
    count, room = shape_of(new)[2], shape_of(ring)[2]
    positions = tf.range(capacity)
    index = positions - start  # in `new`
    is_new = tf.logical_and(index >= 0, index < count)
    places = tf.where(is_new, room + index, positions % room)
    return tf.gather(tf.concat((ring, tf.cast(new, ring.dtype)), axis=2), places, axis=2)


def _put(ring: tf.Tensor, new: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """`ring` [b, n, r, d] with the last of `new` [b, n, s, d], which begin at position `start`."""
    count, room = shape_of(new)[2], shape_of(ring)[2]
    last = start + count - 1
    index = last - (last - tf.range(room)) % room - start  # in `new`, of each place
    rows = tf.gather(tf.cast(new, ring.dtype), tf.maximum(index, 0), axis=2)
    return tf.where((index >= 0)[:, None], rows, ring)


@tree.register_tree_node_class
class SlidingCache(Cache):
    """Rings where there are windows, and room for all tokens elsewhere."""

    def __init__(self, layout: Layout, capacity: int | None = None, length: Any = 0):
        super().__init__(layout, capacity, length)
        for slots in self._slots:
            for name, state in slots.items():
                if state.spec.kind == "kv" and state.spec.window is not None:
                    slots[name] = RingState(self, state.spec)

    @classmethod
    def static(cls, layout: Layout, batch: int, capacity: int, dtype: Any) -> Self:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""
        usual = [{n: s for n, s in x.items() if ring_size(s, capacity) is None} for x in layout]
        usual = Cache.static(usual, batch, capacity, dtype)
        cache = cls(layout, capacity, usual.length)
        for slots, filled in zip(cache._slots, usual._slots, strict=True):
            for name, state in slots.items():
                if name in filled:
                    state.pair = filled[name].pair
                else:
                    shape = (batch, state.spec.heads, state.spec.window)
                    sizes = (state.spec.head_dim, state.spec.value_dim)
                    state.fill(*(tf.zeros((*shape, size), dtype) for size in sizes))
        return cache

    def copy(self) -> Self:
        """Another cache with the same tensors."""
        return type(self).__tf_unflatten__(*self.__tf_flatten__())

    def crop(self, count: int) -> Self:
        """Keep the first `count` tokens; all but the last -count, where it is negative."""
        length = int(self.length)
        dropped = min(length, -count) if count < 0 else max(0, length - count)
        for state in self._states():
            if isinstance(state, RingState) and state.is_ring:
                check_ring_crop(length, dropped, state.room, state.spec.window)
        return super().crop(length - dropped)

    def to_legacy(self) -> tuple[tuple[tf.Tensor, ...], ...]:
        """The tensors of each position: (keys, values[, cross keys, cross values])."""
        filled = ([x for x in slots.values() if x.filled] for slots in self._slots)
        return tuple(tuple(x for state in states for x in state.read()) for states in filled)

    def __repr__(self) -> str:
        return f"SlidingCache{super().__repr__().removeprefix('Cache')}"
