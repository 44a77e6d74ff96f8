"""How a tensor of a model is made from stored tensors, and the stored ones from it.

A model's tensor here always has the layout of checkpoints; a framework's own layout comes after.
Keys are names of stored tensors. Where a transform takes a key it also takes another transform:
Split(Transpose("c_attn.weight", (1, 0)), 3, 0, 0) is the first third of a transposed matrix. Split
is always the outermost, because it is saved together with its siblings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import CheckpointError

Read = Callable[[str], np.ndarray]
Shape = tuple[int, ...]


class Transform(ABC):
    """One tensor of a model as a function of stored tensors; invertible."""

    sources: ClassVar[tuple[str, ...]] = ("key",)  # the attributes that hold keys

    def renamed(self, rename: Callable[[str], str]) -> Self:
        """The same transform with other keys."""
        changed = {name: _renamed(getattr(self, name), rename) for name in self.sources}
        return replace(self, **changed)

    def at(self, prefix: str) -> Self:
        """The same transform with `prefix` before all its keys."""
        return self.renamed(lambda key: prefix + key)

    def of_leaf(self, leaf: str, rank: int) -> Transform:
        """From the transform of a layer that of one of its leaves, such as "weight".

        The keys of a layer end before the leaf's name; `rank` is the leaf's number of axes.
        """
        return replace(self, key=_of_leaf(self.key, leaf, rank))

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the stored tensors."""
        return tuple(self.stored_shapes(None))

    def other_names(self, key: str) -> tuple[str, ...]:
        """Names that files also use for one of the stored tensors."""
        inner = (getattr(self, name) for name in self.sources)
        nested = (source for source in inner if isinstance(source, Transform))
        return tuple(name for source in nested for name in source.other_names(key))

    @abstractmethod
    def stored_shapes(self, shape: Shape | None) -> dict[str, Shape | None]:
        """The shape of each stored tensor if the model's has `shape`."""

    @abstractmethod
    def load(self, read: Read) -> np.ndarray:
        """The model's tensor; `read` returns a stored one. A view wherever that is possible."""

    @abstractmethod
    def save(self, array: Any) -> dict[str, np.ndarray]:
        """The stored tensors; for a Split, `array` maps the index of each part to its array."""


Source = str | Transform


def _renamed(source: Source, rename: Callable[[str], str]) -> Source:
    return rename(source) if isinstance(source, str) else source.renamed(rename)


def _shapes(source: Source, shape: Shape | None) -> dict[str, Shape | None]:
    return {source: shape} if isinstance(source, str) else source.stored_shapes(shape)


def _load(source: Source, read: Read) -> np.ndarray:
    return read(source) if isinstance(source, str) else source.load(read)


def _of_leaf(source: Source, leaf: str, rank: int) -> Source:
    return f"{source}.{leaf}" if isinstance(source, str) else source.of_leaf(leaf, rank)


def _renaming(key: str, rank: int) -> Transform:
    """A stored tensor as it is, under another name: a permutation that changes nothing."""
    return Transpose(key, tuple(range(rank)))


def _save(source: Source, array: np.ndarray) -> dict[str, np.ndarray]:
    return {source: array} if isinstance(source, str) else source.save(array)


@dataclass(frozen=True)
class Split(Transform):
    """Part `index` of a stored tensor that is cut along `axis`.

    `parts` is the number of equal parts, or the size of each.
    """

    key: Source
    parts: int | tuple[int, ...]
    index: int
    axis: int = 0

    @property
    def count(self) -> int:
        """The number of parts."""
        return self.parts if isinstance(self.parts, int) else len(self.parts)

    @property
    def whole(self) -> tuple:
        """What is equal for all parts of one stored tensor."""
        return self.key, self.parts, self.axis

    def stored_shapes(self, shape: Shape | None) -> dict[str, Shape | None]:
        if shape is not None:
            own = shape[self.axis]
            size = own * self.parts if isinstance(self.parts, int) else sum(self.parts)
            if not isinstance(self.parts, int) and own != self.parts[self.index]:
                expected = f"size {self.parts[self.index]} along axis {self.axis}"
                raise CheckpointError(key=str(self.key), expected=expected, found=str(own))
            axis = self.axis % len(shape)
            shape = (*shape[:axis], size, *shape[axis + 1 :])
        return _shapes(self.key, shape)

    def load(self, read: Read) -> np.ndarray:
        whole = _load(self.key, read)
        if isinstance(self.parts, int):
            size = whole.shape[self.axis] // self.parts
            begin, end = size * self.index, size * (self.index + 1)
        else:
            bounds = list(accumulate(self.parts, initial=0))
            begin, end = bounds[self.index], bounds[self.index + 1]
        cut = [slice(None)] * whole.ndim
        cut[self.axis] = slice(begin, end)
        return whole[tuple(cut)]

    def save(self, array: Mapping[int, Any]) -> dict[str, np.ndarray]:
        missing = [str(index) for index in range(self.count) if index not in array]
        if missing:
            found = f"none for {', '.join(missing)}"
            raise CheckpointError(key=str(self.key), expected="all parts", found=found)
        parts = [np.asarray(array[index]) for index in range(self.count)]
        return _save(self.key, np.concatenate(parts, self.axis))


@dataclass(frozen=True)
class Stack(Transform):
    """`count` stored tensors, one after the other along a new `axis`.

    `key` holds '{}' where the stored names have the number.
    """

    key: Source
    count: int
    axis: int = 0

    def stored_shapes(self, shape: Shape | None) -> dict[str, Shape | None]:
        if shape is not None:
            if shape[self.axis] != self.count:
                expected, found = f"{self.count} tensors to stack", str(shape[self.axis])
                raise CheckpointError(key=str(self.key), expected=expected, found=found)
            axis = self.axis % len(shape)
            shape = shape[:axis] + shape[axis + 1 :]
        return {k: s for item in self._items() for k, s in _shapes(item, shape).items()}

    def load(self, read: Read) -> np.ndarray:
        return np.stack([_load(item, read) for item in self._items()], self.axis)

    def save(self, array: Any) -> dict[str, np.ndarray]:
        layers = np.moveaxis(np.asarray(array), self.axis, 0)
        saved = [_save(item, part) for item, part in zip(self._items(), layers, strict=True)]
        return {key: part for parts in saved for key, part in parts.items()}

    def _items(self) -> list[Source]:
        numbers = map(str, range(self.count))
        return [_renamed(self.key, lambda key, n=n: key.replace("{}", n)) for n in numbers]


@dataclass(frozen=True)
class Transpose(Transform):
    """A stored tensor with its axes permuted: axis `i` is the stored one's `axes[i]`."""

    key: Source
    axes: tuple[int, ...]

    def of_leaf(self, leaf: str, rank: int) -> Transform:
        if rank == len(self.axes):
            return super().of_leaf(leaf, rank)
        # A bias beside a transposed matrix has nothing to transpose.
        inner = _of_leaf(self.key, leaf, rank)
        return inner if isinstance(inner, Transform) else _renaming(inner, rank)

    def stored_shapes(self, shape: Shape | None) -> dict[str, Shape | None]:
        if shape is not None:
            shape = tuple(shape[axis] for axis in self._inverse())
        return _shapes(self.key, shape)

    def load(self, read: Read) -> np.ndarray:
        return _load(self.key, read).transpose(self.axes)

    def save(self, array: Any) -> dict[str, np.ndarray]:
        return _save(self.key, np.asarray(array).transpose(self._inverse()))

    def _inverse(self) -> tuple[int, ...]:
        return tuple(sorted(range(len(self.axes)), key=self.axes.__getitem__))


@dataclass(frozen=True)
class WeightNorm(Transform):
    """A stored direction `v` scaled to the stored norm `g`; norms are over all axes but `dim`.

    With `dim=None` there is one norm, over all axes. Statistics are computed in float32 or better.
    """

    g_key: str
    v_key: str
    dim: int | None = 0

    sources = ("g_key", "v_key")

    # The same pair under PyTorch's older and newer names.
    OLD = ("weight_g", "weight_v")
    NEW = ("parametrizations.weight.original0", "parametrizations.weight.original1")

    def of_leaf(self, leaf: str, rank: int) -> Transform:
        return self if leaf == "weight" else _renaming(f"{self._layer}{leaf}", rank)

    @property
    def _layer(self) -> str:
        """The name of the normalised layer, with a dot."""
        for names in (self.OLD, self.NEW):
            if self.g_key.endswith(names[0]):
                return self.g_key.removesuffix(names[0])
        return f"{self.g_key.rpartition('.')[0]}."

    def other_names(self, key: str) -> tuple[str, ...]:
        for names, others in ((self.OLD, self.NEW), (self.NEW, self.OLD)):
            for name, other in zip(names, others, strict=True):
                if key.endswith(name):
                    return (key.removesuffix(name) + other,)
        return ()

    def stored_shapes(self, shape: Shape | None) -> dict[str, Shape | None]:
        norms = None
        if shape is not None:
            kept = None if self.dim is None else self.dim % len(shape)
            norms = tuple(n if axis == kept else 1 for axis, n in enumerate(shape))
            norms = () if self.dim is None else norms
        return {self.g_key: norms, self.v_key: shape}

    def load(self, read: Read) -> np.ndarray:
        g, v = read(self.g_key), read(self.v_key)
        exact = np.promote_types(v.dtype, np.float32)
        norms = self._norms(v.astype(exact))
        scale = np.divide(g.astype(exact), norms, out=np.zeros_like(norms), where=norms != 0)
        return (v.astype(exact) * scale).astype(v.dtype)

    def save(self, array: Any) -> dict[str, np.ndarray]:
        v = np.asarray(array)
        norms = self._norms(v.astype(np.promote_types(v.dtype, np.float32))).astype(v.dtype)
        return {self.g_key: norms.reshape(self.stored_shapes(v.shape)[self.g_key]), self.v_key: v}

    def _norms(self, v: np.ndarray) -> np.ndarray:
        axes = tuple(a for a in range(v.ndim) if self.dim is None or a != self.dim % v.ndim)
        return np.sqrt(np.sum(np.square(v), axis=axes, keepdims=True))
