"""Caches as PyTorch's tree functions see them, so that exported models may take and return them."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils import _pytree

from .cache import Cache
from .states import (
    CrossState,
    Extent,
    GrowingState,
    Slots,
    State,
    StaticState,
    TensorState,
)

KINDS: dict[str, type[State]] = {
    kind.__name__: kind for kind in (CrossState, GrowingState, StaticState, TensorState)
}
# per position and state: (name, kind, whether it is filled, window)
Layout = tuple[tuple[tuple[str, str, bool, int | None], ...], ...]


def flatten(cache: Cache) -> tuple[list[Tensor], tuple[Layout, int | None, int | None]]:
    """Tensors, and what is not one: the layout, the capacity, and a growing cache's length."""
    static = cache.capacity is not None
    tensors = [cache.length] if static else []
    layout = []
    for slots in cache.slots:
        layout.append(
            tuple(
                (name, type(state).__name__, bool(state.filled), getattr(state, "window", None))
                for name, state in slots.items()
            )
        )
        for state in slots.states():
            tensors += state.tensors if state.filled else []
    return tensors, (tuple(layout), cache.capacity, None if static else cache.length)


def unflatten(tensors: Any, context: tuple[Layout, int | None, int | None]) -> Cache:
    """The inverse of `flatten`."""
    layout, capacity, length = context
    rest = iter(tensors)
    extent = Extent(capacity)
    extent.length = next(rest) if capacity is not None else length
    extent.count = length
    slots = []
    for states in layout:
        made = {}
        for name, kind, filled, window in states:
            held = [next(rest) for _ in range(KINDS[kind].count)] if filled else []
            before = {StaticState: (extent,), GrowingState: (window,)}.get(KINDS[kind], ())
            made[name] = KINDS[kind](*before, *held)
        slots.append(Slots(made, extent))
    return Cache(slots, extent)


_pytree.register_pytree_node(
    Cache, flatten, unflatten, serialized_type_name="triptych.pytorch.Cache"
)
