"""What the caches beside the growing and the static one have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import jax

from ...states import Layout, StateSpec
from ..cache import Cache, KeyValue, Slots

Make = Callable[[StateSpec], KeyValue | None]


class SpecialCache(Cache):
    """A cache some of whose states are of a kind of their own."""

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        jax.tree_util.register_pytree_node(cls, _flatten, lambda *parts: _unflatten(cls, *parts))

    @classmethod
    def allocated(cls, layout: Layout, batch: int, capacity: int, dtype: Any, make: Make) -> Self:
        """One of fixed size: states by `make`, and those it gives None for as in any cache."""
        slots = []
        for specs in layout:
            made = {name: make(spec) for name, spec in specs.items()}
            usual = {name: spec for name, spec in specs.items() if made[name] is None}
            usual = Cache.static([usual], batch, capacity, dtype)
            slots.append(Slots({**made, **usual[0].states}))
        return cls(slots, usual.length, capacity)

    def copy(self) -> Self:
        """A cache with the same arrays; writing to one does not show in the other."""
        plain = super().copy()
        return type(self)(plain.slots, plain.length, plain.capacity)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{super().__repr__().removeprefix('Cache')}"


def _flatten(cache: SpecialCache) -> tuple[tuple, tuple]:
    # The length of a growing cache is an int, on which shapes depend.
    if cache.capacity is None:
        return (cache.slots,), (cache.length, None)
    return (cache.slots, cache.length), (None, cache.capacity)


def _unflatten(cls: type[SpecialCache], meta: tuple, data: tuple) -> SpecialCache:
    length, capacity = meta
    return cls(data[0], length if capacity is None else data[1], capacity)
