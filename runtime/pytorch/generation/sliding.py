"""A cache of fixed size whose layers with a window keep no more than the window.

It saves memory, not time: a layer's keys are spread out over all positions while that layer reads
them, because masks find each token at its position.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from ...generation.caches import check_ring_crop, ring_size
from ...states import Layout, StateSpec
from ..states import Extent, StaticState
from .special import SpecialCache, check_room


class RingState(StaticState):
    """Keys [b, n, r, d] and values [b, n, r, e] of the last r tokens: position p at place p % r."""

    __slots__ = ("window",)

    def __init__(self, extent: Extent, keys: Tensor, values: Tensor, window: int):
        super().__init__(extent, keys, values)
        self.window = window

    def read(self) -> tuple[Tensor, Tensor]:
        """The keys and values kept, in order."""
        length, room = int(self.extent.length), self.keys.shape[2]
        places = torch.arange(max(0, length - room), length, device=self.keys.device) % room
        return self.keys.index_select(2, places), self.values.index_select(2, places)

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Writes those of new tokens, [b, n, s, d] and [b, n, s, e].

        Returns all so far; in compiled code the whole capacity, whose shape does not change.
        Positions out of reach repeat others; windows do not let them pass.
        """
        offset, end = self.extent.offset, self.extent.capacity
        if not isinstance(offset, Tensor):
            end = offset + k.shape[2]
            check_room(end, self.extent.capacity)
        return _put(self.keys, k, offset, end), _put(self.values, v, offset, end)

    def copy(self, extent: Extent) -> RingState:
        """One that changes by itself."""
        return RingState(extent, self.keys.clone(), self.values.clone(), self.window)

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do, as long as no token that is needed then has been overwritten."""
        check_ring_crop(length, dropped, self.keys.shape[2], self.window)


def _put(ring: Tensor, new: Tensor, offset: int | Tensor, end: int) -> Tensor:
    """Writes `new` [b, n, s, d] into the ring; returns the keys of positions up to `end`."""
    room, count, new = ring.shape[2], new.shape[2], new.to(ring.dtype)
    positions = torch.arange(end, device=new.device)
    index = positions - offset  # in `new`
    places = torch.where((index >= 0) & (index < count), room + index, positions % room)
    spread = torch.cat((ring, new), dim=2).index_select(2, places)
    last = min(count, room)
    written = torch.arange(count - last, count, device=new.device) + offset
    ring.index_copy_(2, written % room, new[:, :, count - last :])
    return spread


class SlidingCache(SpecialCache):
    """Rings where there are windows, and room for all tokens elsewhere."""

    @classmethod
    def static(
        cls,
        layout: Layout,
        batch: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device | str | None = None,
    ) -> Self:
        """An empty cache for `batch` sequences of at most `capacity` tokens."""

        def ring(spec: StateSpec, extent: Extent) -> RingState | None:
            room = ring_size(spec, capacity)
            if room is None:
                return None
            keys, values = (
                torch.zeros((batch, spec.heads, room, size), dtype=dtype, device=device)
                for size in (spec.head_dim, spec.value_dim)
            )
            return RingState(extent, keys, values, spec.window)

        return cls.allocated(layout, batch, capacity, dtype, device, ring)
