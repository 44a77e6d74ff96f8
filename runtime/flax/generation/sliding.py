"""A cache of fixed size whose layers with a window keep no more than the window.

It saves memory, not time: a layer's keys are spread out over the whole capacity while that layer
reads them, because masks find each token at its position.
"""

from __future__ import annotations

from typing import Any, Self

import jax
import jax.numpy as jnp

from ...generation.caches import check_ring_crop, ring_size
from ...states import Layout, StateSpec
from ..cache import KeyValue
from ..functional import is_traced
from .special import SpecialCache


class RingKeyValue(KeyValue):
    """Keys [b, m, r, d] and values [b, m, r, e] of the last r tokens: position p at place p % r."""

    def update(self, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Adds the keys [b, m, s, d] and values [b, m, s, e] of new tokens.

        Returns [b, m, capacity, d] and [b, m, capacity, e]. Positions out of reach repeat others;
        windows do not let them pass.
        """
        self.owner.check_room(k.shape[2])
        spread = self._spread(self.key, k), self._spread(self.value, v)
        self.fill(self._put(self.key, k), self._put(self.value, v))
        return spread

    def _spread(self, ring: jax.Array, new: jax.Array) -> jax.Array:
        room, positions = ring.shape[2], jnp.arange(self.owner.capacity)
        index = positions - self.owner.length  # among the new tokens
        is_new = (index >= 0) & (index < new.shape[2])
        places = jnp.where(is_new, room + index, positions % room)
        both = jnp.concatenate([ring, new.astype(ring.dtype)], axis=2)
        return jnp.take(both, places, axis=2, mode="clip")

    def _put(self, ring: jax.Array, new: jax.Array) -> jax.Array:
        count, room = new.shape[2], ring.shape[2]
        last = min(count, room)
        places = (self.owner.length + count - last + jnp.arange(last)) % room
        return ring.at[:, :, places].set(new[:, :, count - last :].astype(ring.dtype))

    def read(self) -> tuple[jax.Array, jax.Array]:
        """The keys and values kept, in order; where the length is traced, r of them."""
        length, room = self.owner.length, self.key.shape[2]
        places = (length + jnp.arange(room)) % room
        if not is_traced(length):
            places = places[max(0, room - int(length)) :]
        return self.key[:, :, places], self.value[:, :, places]

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do, as long as no token that is needed then has been overwritten."""
        check_ring_crop(int(length), int(dropped), self.key.shape[2], self.spec.window)


jax.tree_util.register_pytree_node(
    RingKeyValue,
    lambda state: ((state.key, state.value), state.spec),
    lambda spec, arrays: RingKeyValue(spec, *arrays),
)


class SlidingCache(SpecialCache):
    """Rings where there are windows, and room for all tokens elsewhere."""

    @classmethod
    def static(cls, layout: Layout, batch: int, capacity: int, dtype: Any) -> Self:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""

        def ring(spec: StateSpec) -> RingKeyValue | None:
            room = ring_size(spec, capacity)
            if room is None:
                return None
            shape = (batch, spec.heads, room)
            arrays = (jnp.zeros((*shape, d), dtype) for d in (spec.head_dim, spec.value_dim))
            return RingKeyValue(spec, *arrays)

        return cls.allocated(layout, batch, capacity, dtype, ring)
