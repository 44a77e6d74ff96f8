"""What the caches beside the growing and the static one have in common."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self

import torch

from ...errors import InputError
from ...states import Layout, StateSpec
from ..cache import Cache
from ..states import Extent, Slots, State

Make = Callable[[StateSpec, Extent], State | None]


class SpecialCache(Cache):
    """A cache some of whose states are of a kind of their own."""

    @classmethod
    def allocated(
        cls,
        layout: Layout,
        batch: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device | str | None,
        make: Make,
    ) -> Self:
        """One of fixed size: states by `make`, and those it gives None for as in any cache."""
        extent = Extent(capacity, device)
        slots = []
        for specs in layout:
            made = {name: make(spec, extent) for name, spec in specs.items()}
            usual = {name: spec for name, spec in specs.items() if made[name] is None}
            for name, state in Cache.static([usual], batch, capacity, dtype, device)[0].items():
                made[name] = with_extent(state, extent)
            slots.append(Slots(made, extent))
        return cls(slots, extent)

    def copy(self) -> Self:
        """A cache with the same tokens that changes by itself."""
        plain = super().copy()
        return type(self)(plain.slots, plain.extent)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{super().__repr__().removeprefix('Cache')}"


def with_extent(state: State, extent: Extent) -> State:
    """The same tensors as part of a cache with another extent."""
    state = copy.copy(state)
    if hasattr(state, "extent"):
        state.extent = extent
    return state


def check_room(end: int, capacity: int | None) -> None:
    """Raises InputError if so many tokens do not fit."""
    if capacity is not None and end > capacity:
        raise InputError(
            "the cache is full",
            key="past_key_values",
            expected=f"at most {capacity} tokens",
            found=str(end),
        )
