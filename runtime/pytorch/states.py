"""What the layers of a model keep between calls, and how much of it is filled."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import InputError
from ..states import kept, kept_after_crop, refuse_crop


class Extent:
    """How many tokens a cache holds; shared by all its states.

    A static cache keeps the number as a 0-d tensor, which compiled code can change without being
    compiled again. Code that is not compiled also counts in Python, which spares it from waiting
    for a device; `count` is None when compiled code has moved on without counting.
    """

    __slots__ = ("capacity", "count", "length")

    def __init__(self, capacity: int | None = None, device: torch.device | str | None = None):
        self.capacity = capacity
        self.count: int | None = 0
        self.length: int | Tensor = 0
        if capacity is not None:
            self.length = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def offset(self) -> int | Tensor:
        """The number of tokens: an int where it is known, else a 0-d tensor."""
        if self.capacity is None:
            return self.length
        if torch.compiler.is_compiling():
            return self.length
        if self.count is None:
            self.count = int(self.length)
        return self.count

    def set(self, length: int) -> None:
        """Makes it this many tokens."""
        self.count = length
        if self.capacity is None:
            self.length = length
        else:
            self.length.fill_(length)

    def advance(self, count: int) -> None:
        """Counts new tokens."""
        if self.capacity is None:
            self.length += count
            return
        self.length.add_(count)
        if torch.compiler.is_compiling():
            self.count = None  # written without being read, or each value would be compiled for
        elif self.count is not None:
            self.count += count


class CrossState:
    """Keys [b, n, t, d] and values [b, n, t, e] of another sequence, filled once."""

    __slots__ = ("keys", "values")

    count = 2  # tensors

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None):
        self.keys = keys
        self.values = values

    @property
    def filled(self) -> bool:
        """Whether there is anything to read."""
        return self.keys is not None

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds."""
        return [self.keys, self.values]

    def fill(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keeps these, and returns them."""
        self.keys, self.values = k, v
        return k, v

    def read(self) -> tuple[Tensor, Tensor]:
        """All keys and values."""
        return self.keys, self.values

    def copy(self, extent: Extent) -> CrossState:
        """One that changes by itself; tensors are shared, since they are never written to."""
        return type(self)(self.keys, self.values)

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i]."""
        if self.filled:
            self.fill(self.keys.index_select(0, index), self.values.index_select(0, index))

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do: the other sequence stays."""


class GrowingState(CrossState):
    """Keys and values of all tokens so far, or of those in reach of a window, concatenated."""

    __slots__ = ("window",)

    def __init__(
        self, window: int | None, keys: Tensor | None = None, values: Tensor | None = None
    ):
        super().__init__(keys, values)
        self.window = window

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Appends those of new tokens, [b, n, s, d] and [b, n, s, e]; returns all so far."""
        if self.keys is not None:
            k, v = torch.cat((self.keys, k), dim=2), torch.cat((self.values, v), dim=2)
        out = k.shape[2] - kept(k.shape[2], self.window)
        self.fill(k[:, :, out:], v[:, :, out:])
        return k, v

    def copy(self, extent: Extent) -> GrowingState:
        """One that changes by itself; tensors are shared, since they are never written to."""
        return GrowingState(self.window, self.keys, self.values)

    def crop(self, length: int, dropped: int) -> None:
        """Forgets the last `dropped` of `length` tokens."""
        if self.filled and dropped:
            left = kept_after_crop(length, dropped, self.window)
            self.fill(self.keys[:, :, :left], self.values[:, :, :left])


class StaticState:
    """Preallocated keys [b, n, capacity, d] and values [b, n, capacity, e], written in place."""

    __slots__ = ("extent", "keys", "values")

    count = 2
    filled = True

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds."""
        return [self.keys, self.values]

    def __init__(self, extent: Extent, keys: Tensor, values: Tensor):
        self.extent = extent
        self.keys = keys
        self.values = values

    def read(self) -> tuple[Tensor, Tensor]:
        """What is filled; in compiled code, everything."""
        offset = self.extent.offset
        if isinstance(offset, Tensor):
            return self.keys, self.values
        return self.keys[:, :, :offset], self.values[:, :, :offset]

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Writes those of new tokens, [b, n, s, d] and [b, n, s, e].

        Returns all so far; in compiled code the whole capacity, whose shape does not change.
        """
        offset, new = self.extent.offset, k.shape[2]
        if isinstance(offset, Tensor):
            positions = torch.arange(new, device=k.device) + offset
            self.keys.index_copy_(2, positions, k.to(self.keys.dtype))
            self.values.index_copy_(2, positions, v.to(self.values.dtype))
            return self.keys, self.values
        end = offset + new
        if end > self.extent.capacity:
            raise InputError(
                "the cache is full",
                key="past_key_values",
                expected=f"at most {self.extent.capacity} tokens",
                found=str(end),
            )
        self.keys[:, :, offset:end] = k
        self.values[:, :, offset:end] = v
        return self.keys[:, :, :end], self.values[:, :, :end]

    def copy(self, extent: Extent) -> StaticState:
        """One that changes by itself."""
        return StaticState(extent, self.keys.clone(), self.values.clone())

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i]."""
        self.keys.copy_(self.keys.index_select(0, index))
        self.values.copy_(self.values.index_select(0, index))

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do: what lies beyond the length is neither read nor kept."""


class TensorState:
    """A tensor [b, ...] that each call replaces."""

    __slots__ = ("value",)

    count = 1

    def __init__(self, value: Tensor | None = None):
        self.value = value

    @property
    def filled(self) -> bool:
        """Whether there is anything to read."""
        return self.value is not None

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds."""
        return [self.value]

    def recall(self, first: Tensor) -> Tensor:
        """What was kept last; `first` where nothing was."""
        return first if self.value is None else self.value

    def keep(self, value: Tensor) -> None:
        """Takes the place of what was kept."""
        self.value = value if self.value is None else value.to(self.value.dtype)

    def read(self) -> tuple[Tensor]:
        """The tensor."""
        return (self.value,)

    def copy(self, extent: Extent) -> TensorState:
        """One that changes by itself; the tensor is shared, since it is never written to."""
        return TensorState(self.value)

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i]."""
        if self.filled:
            self.value = self.value.index_select(0, index)

    def crop(self, length: int, dropped: int) -> None:
        """Nothing to do without tokens to forget; otherwise impossible."""
        if dropped:
            refuse_crop()


State = CrossState | GrowingState | StaticState | TensorState


class Slots:
    """The states of one position of the stack, as attributes."""

    def __init__(self, states: dict[str, State], extent: Extent):
        self._states = states
        self._extent = extent

    def __getattr__(self, name: str) -> State:
        try:
            return self.__dict__["_states"][name]
        except KeyError:
            raise AttributeError(f"no state {name!r} in this position of the cache") from None

    @property
    def offset(self) -> int | Tensor:
        """The position of the next token."""
        return self._extent.offset

    @property
    def capacity(self) -> int | None:
        """The most tokens a preallocated cache can hold; None if it grows."""
        return self._extent.capacity

    def items(self) -> Iterable[tuple[str, State]]:
        """The states by name, in their order."""
        return self._states.items()

    def states(self) -> Iterable[State]:
        """The states in their order."""
        return self._states.values()
