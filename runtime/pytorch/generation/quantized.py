"""A cache of fixed size whose keys and values are int8, with one scale per token and head."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor

from ...states import Layout, StateSpec
from ..states import CrossState, Extent, State, StaticState
from .special import SpecialCache, check_room

LARGEST = 127


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """x [..., d] as int8 [..., d] and float32 scales [..., 1]; the largest entry becomes 127."""
    x = x.float()
    scale = x.abs().amax(-1, keepdim=True) / LARGEST
    return torch.round(x / torch.where(scale == 0, 1.0, scale)).to(torch.int8), scale


def dequantize(x: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """The inverse of `quantize`, up to rounding."""
    return (x * scale).to(dtype)


class QuantizedState(StaticState):
    """int8 keys [b, n, capacity, d] and values [b, n, capacity, e], and scales [b, n, capacity, 1].

    What queries see has been quantised, new tokens as well as old ones: it does not depend on how
    a sequence is split into calls.
    """

    __slots__ = ("dtype", "key_scales", "value_scales")

    def __init__(
        self,
        extent: Extent,
        keys: Tensor,
        values: Tensor,
        key_scales: Tensor,
        value_scales: Tensor,
        dtype: torch.dtype,
    ):
        super().__init__(extent, keys, values)
        self.key_scales, self.value_scales = key_scales, value_scales
        self.dtype = dtype  # of what is read

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds."""
        return [self.keys, self.values, self.key_scales, self.value_scales]

    def read(self) -> tuple[Tensor, Tensor]:
        """What is filled; in compiled code, everything."""
        offset = self.extent.offset
        return self._first(self.extent.capacity if isinstance(offset, Tensor) else offset)

    def _first(self, count: int) -> tuple[Tensor, Tensor]:
        keys, values, key_scales, value_scales = (x[:, :, :count] for x in self.tensors)
        keys = dequantize(keys, key_scales, self.dtype)
        return keys, dequantize(values, value_scales, self.dtype)

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Writes those of new tokens, [b, n, s, d] and [b, n, s, e].

        Returns all so far; in compiled code the whole capacity, whose shape does not change.
        """
        offset, end = self.extent.offset, self.extent.capacity
        if not isinstance(offset, Tensor):
            end = offset + k.shape[2]
            check_room(end, self.extent.capacity)
        (keys, key_scales), (values, value_scales) = quantize(k), quantize(v)
        positions = torch.arange(k.shape[2], device=k.device) + offset
        new = (keys, values, key_scales, value_scales)
        for tensor, entries in zip(self.tensors, new, strict=True):
            tensor.index_copy_(2, positions, entries)
        return self._first(end)

    def copy(self, extent: Extent) -> QuantizedState:
        """One that changes by itself."""
        return QuantizedState(extent, *(x.clone() for x in self.tensors), self.dtype)

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i]."""
        for tensor in self.tensors:
            tensor.copy_(tensor.index_select(0, index))


class QuantizedCross(CrossState):
    """Keys and values of another sequence, quantised once."""

    __slots__ = ("dtype", "key_scales", "value_scales")

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.key_scales = self.value_scales = None
        self.dtype = dtype

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds."""
        return [self.keys, self.values, self.key_scales, self.value_scales]

    def fill(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keeps these, and returns them as they are read."""
        (self.keys, self.key_scales), (self.values, self.value_scales) = quantize(k), quantize(v)
        return self.read()

    def read(self) -> tuple[Tensor, Tensor]:
        """All keys and values."""
        keys = dequantize(self.keys, self.key_scales, self.dtype)
        return keys, dequantize(self.values, self.value_scales, self.dtype)

    def copy(self, extent: Extent) -> QuantizedCross:
        """One that changes by itself; tensors are shared, since they are never written to."""
        return copy.copy(self)

    def reorder(self, index: Tensor) -> None:
        """Replaces batch entry i by entry index[i]."""
        if self.filled:
            self.keys, self.values, self.key_scales, self.value_scales = (
                x.index_select(0, index) for x in self.tensors
            )


class QuantizedCache(SpecialCache):
    """Keys and values in int8; states that sum up all tokens stay as they are."""

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

        def make(spec: StateSpec, extent: Extent) -> State | None:
            if spec.kind == "tensor":
                return None
            if spec.kind == "cross":
                return QuantizedCross(dtype)
            shape = (batch, spec.heads, capacity)
            sizes = (spec.head_dim, spec.value_dim)
            tensors = [torch.zeros((*shape, d), dtype=torch.int8, device=device) for d in sizes]
            scales = [torch.zeros((*shape, 1), device=device, dtype=torch.float32) for _ in sizes]
            return QuantizedState(extent, *tensors, *scales, dtype)

        return cls.allocated(layout, batch, capacity, dtype, device, make)
