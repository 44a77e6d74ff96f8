"""Caches whose keys and values lie in the CPU's memory, and come to the device to be read.

On CUDA the next layer's are on their way, on a stream of their own, while a layer computes.
Untested on a GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor

from ...errors import InputError
from ...states import Layout, StateSpec
from ..states import Extent, Slots, State, TensorState
from .special import SpecialCache, check_room


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """That of copies which are needed later."""
    return torch.cuda.Stream(device)


def at_home(x: Tensor, device: torch.device, room: int | None = None) -> Tensor:
    """A copy of x [b, n, t, d] in the CPU's memory, with room for as many tokens.

    Tokens lie one behind another, so that the first ones are copied in one piece; for CUDA in
    memory that it can read by itself.
    """
    b, n, length, d = x.shape
    shape = (length if room is None else room, b, n, d)
    home = torch.zeros(shape, dtype=x.dtype, pin_memory=device.type == "cuda").permute(1, 2, 0, 3)
    home[:, :, :length] = x
    return home


class OffloadedCross:
    """Keys [b, n, t, d] and values [b, n, t, e] of another sequence, filled once."""

    __slots__ = ("ahead", "device", "keys", "next", "values")

    count = 2  # tensors

    def __init__(self, device: torch.device, keys: Tensor | None = None, values=None):
        self.device = device  # where they are read
        self.keys = keys
        self.values = values
        self.next: OffloadedCross | None = None  # what will be read after this
        self.ahead: tuple[int, list[Tensor]] | None = None  # the first tokens, on their way

    @property
    def filled(self) -> bool:
        """Whether there is anything to read."""
        return self.keys is not None

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds."""
        return [self.keys, self.values]

    @property
    def held(self) -> int:
        """The number of tokens."""
        return self.keys.shape[2]

    def fill(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keeps these, and returns them."""
        self.keys, self.values = at_home(k, self.device), at_home(v, self.device)
        return k, v

    def read(self) -> tuple[Tensor, Tensor]:
        """All keys and values, on the device."""
        held, ahead, self.ahead = self.held, self.ahead, None
        if self.next is not None:
            self.next.prefetch()
        if ahead is None or ahead[0] != held:
            return tuple(x[:, :, :held].to(self.device) for x in self.tensors)
        stream = torch.cuda.current_stream(self.device)
        stream.wait_stream(_stream(self.device))
        for x in ahead[1]:
            x.record_stream(stream)
        return tuple(ahead[1])

    def prefetch(self) -> None:
        """Begins to copy what will be read next, if copies can go on beside computations."""
        if self.device.type == "cuda" and self.filled:
            held = self.held
            with torch.cuda.stream(_stream(self.device)):
                first = (x[:, :, :held] for x in self.tensors)
                self.ahead = held, [x.to(self.device, non_blocking=True) for x in first]

    def copy(self, extent: Extent) -> OffloadedCross:
        """One that changes by itself; tensors are shared, since they are never written to."""
        return OffloadedCross(self.device, self.keys, self.values)

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i]."""
        if self.filled:
            taken = (x.index_select(0, index.to(x.device)) for x in self.tensors)
            self.keys, self.values = (at_home(x, self.device) for x in taken)
        self.ahead = None

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do: what lies beyond the length is not read, the other sequence stays."""
        self.ahead = None


class OffloadedState(OffloadedCross):
    """Keys [b, n, t, d] and values [b, n, t, e] of all tokens so far, with room for more."""

    __slots__ = ("extent",)

    def __init__(
        self,
        extent: Extent,
        device: torch.device,
        keys: Tensor | None = None,
        values: Tensor | None = None,
    ):
        super().__init__(device, keys, values)
        self.extent = extent

    @property
    def held(self) -> int:
        """The number of tokens before this call."""
        return self.extent.offset

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Adds those of new tokens, [b, n, s, d] and [b, n, s, e]; returns all, on the device."""
        if torch.compiler.is_compiling():
            raise InputError("an offloaded cache is not for compiled code", key="past_key_values")
        offset, end = self.held, self.held + k.shape[2]
        check_room(end, self.extent.capacity)
        past = self.read() if offset else None
        self._reserve(k, v, end)
        self.keys[:, :, offset:end] = k
        self.values[:, :, offset:end] = v
        if past is None:
            return k, v
        new = (k.to(past[0].dtype), v.to(past[1].dtype))
        return tuple(torch.cat(both, dim=2) for both in zip(past, new, strict=True))

    def _reserve(self, k: Tensor, v: Tensor, end: int) -> None:
        """Makes room for `end` tokens; for twice as many as there is, where it does not do."""
        if not self.filled:
            self.keys, self.values = (at_home(x[:, :, :0], self.device, end) for x in (k, v))
        room = self.keys.shape[2]
        if room < end:
            room = max(end, 2 * room)
            self.keys, self.values = (at_home(x, self.device, room) for x in self.tensors)

    def copy(self, extent: Extent) -> OffloadedState:
        """One that changes by itself."""
        held = [at_home(x, self.device) for x in self.tensors] if self.filled else []
        return OffloadedState(extent, self.device, *held)


class OffloadedCache(SpecialCache):
    """Keys and values on the CPU; states that sum up all tokens stay on the device."""

    def __init__(self, slots: Iterable[Slots], extent: Extent):
        super().__init__(slots, extent)
        for one, other in zip(self.slots, self.slots[1:], strict=False):
            following = dict(other.items())
            for name, state in one.items():
                if isinstance(state, OffloadedCross):
                    state.next = following.get(name)

    @classmethod
    def growing(cls, layout: Layout, device: torch.device | str = "cpu") -> Self:
        """An empty cache that grows; it is read on `device`."""
        extent, device = Extent(), torch.device(device)

        def empty(spec: StateSpec) -> State:
            if spec.kind == "tensor":
                return TensorState()
            cross = spec.kind == "cross"
            return OffloadedCross(device) if cross else OffloadedState(extent, device)

        slots = ({name: empty(spec) for name, spec in specs.items()} for specs in layout)
        return cls((Slots(states, extent) for states in slots), extent)

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
        device = torch.device("cpu" if device is None else device)

        def make(spec: StateSpec, extent: Extent) -> State | None:
            if spec.kind == "tensor":
                return None
            if spec.kind == "cross":
                return OffloadedCross(device)
            sizes = (spec.head_dim, spec.value_dim)
            empty = (torch.zeros((batch, spec.heads, 0, size), dtype=dtype) for size in sizes)
            return OffloadedState(extent, device, *(at_home(x, device, capacity) for x in empty))

        return cls.allocated(layout, batch, capacity, dtype, device, make)
