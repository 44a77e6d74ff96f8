"""The parameters of a model by the names and in the layout of checkpoints."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..checkpoint import Slot, Split, Stack, Transform, Transpose, WeightNorm, stored_tensors
from .base import Layer, Parameter
from .layers import Linear


class _Deferred(threading.local):
    on = False


_deferred = _Deferred()


@contextlib.contextmanager
def deferred_values() -> Iterator[None]:
    """Models made inside leave their parameters without values."""
    previous, _deferred.on = _deferred.on, True
    try:
        yield
    finally:
        _deferred.on = previous


def is_deferred() -> bool:
    """Whether a model that is made now leaves its parameters without values."""
    return _deferred.on


@dataclass(frozen=True)
class Derived:
    """An array that checkpoints hold although it follows from the configuration."""

    array: np.ndarray
    permutation: None = None
    is_buffer: bool = True
    has_value: bool = True

    @property
    def checkpoint_shape(self) -> tuple[int, ...]:
        """Its shape, which is that in checkpoints."""
        return self.array.shape

    def numpy(self) -> np.ndarray:
        """Its value; whole numbers as the other frameworks store them."""
        return self.array.astype(np.int64) if self.array.dtype.kind == "i" else self.array


@dataclass(frozen=True)
class Leaf:
    """A parameter at its place in a model.

    `name` is that in the model's checkpoints; where a transform leads from other stored tensors to
    the parameter, it is unique but not stored. `tied_to` is the name of the same parameter at the
    place that owns it.
    """

    name: str
    parameter: Parameter | Derived
    owner: Layer
    transform: Transform | None = None
    tied_to: str | None = None

    @property
    def slot(self) -> Slot:
        """What the checkpoint's side needs to know."""
        shape = self.parameter.checkpoint_shape
        required = not isinstance(self.parameter, Derived)
        return Slot(self.name, shape, self.transform, self.tied_to, required)

    def assign(self, array: np.ndarray) -> None:
        """Take over an array in checkpoint layout."""
        if isinstance(self.parameter, Derived):
            return
        permutation = self.parameter.permutation
        if permutation is not None:
            array = array.transpose(permutation)
        dtype = tf.as_dtype(self.parameter.dtype).as_numpy_dtype
        self.parameter.assign(array.astype(dtype, copy=False))  # TensorFlow copies it once

    def numpy(self) -> np.ndarray:
        """The value in checkpoint layout."""
        array = self.parameter.numpy()
        permutation = self.parameter.permutation
        return array if permutation is None else array.transpose(np.argsort(permutation))


def leaves(module: Layer) -> list[Leaf]:
    """All parameters below a module, each place of a shared one too, in order of construction."""
    owners: dict[int, str] = {}
    found = []
    for leaf in _walk(module, "", None):
        first = owners.setdefault(id(leaf.parameter), leaf.name)
        found.append(leaf if first == leaf.name else replace(leaf, tied_to=first))
    return found


def _walk(module: Layer, prefix: str, transform: Transform | None) -> Iterator[Leaf]:
    """`prefix` ends in a dot, or is empty; `transform` belongs to a layer further out."""
    names = getattr(module, "checkpoint_names", {})
    for attribute, child in list(vars(module).items()):
        if attribute.startswith("_"):
            continue
        segment = names.get(attribute, attribute.removesuffix("_"))
        if isinstance(segment, Transform):
            if isinstance(child, Parameter):
                yield Leaf(prefix + attribute, child, module, segment.at(prefix))
            else:
                yield from _visit(child, module, prefix, attribute, segment.at(prefix))
        else:
            yield from _visit(child, module, prefix, segment, transform)
    if hasattr(module, "stored_tensors"):
        for name, tensor in module.stored_tensors().items():
            yield Leaf(prefix + name, Derived(np.asarray(tensor)), module)
    if isinstance(module, Linear) and module.tied_to is not None:
        weight = module.tied_to.weight
        yield Leaf(f"{prefix}weight", weight, module, _complete(transform, "weight", 2))


def _visit(
    child: Any, owner: Layer, prefix: str, segment: str, transform: Transform | None
) -> Iterator[Leaf]:
    if isinstance(child, Parameter):
        name = prefix + segment if segment else prefix.removesuffix(".")
        at_leaf = _complete(transform, segment, len(child.checkpoint_shape))
        yield Leaf(name, child, owner, at_leaf)
    elif isinstance(child, keras.layers.Layer):
        yield from _walk(child, f"{prefix}{segment}." if segment else prefix, transform)
    elif isinstance(child, list | tuple):
        for index, item in enumerate(child):
            place = f"{segment}.{index}" if segment else str(index)
            yield from _visit(item, owner, prefix, place, transform)
    elif isinstance(child, dict):
        for key, item in child.items():
            place = f"{segment}.{key}" if segment else str(key)
            yield from _visit(item, owner, prefix, place, transform)


def _complete(transform: Transform | None, leaf: str, rank: int) -> Any:
    """The transform of a layer for one of its leaves, such as "weight"."""
    match transform:
        case None:
            return None
        case str():
            return f"{transform}.{leaf}"
        case WeightNorm():
            # The key's place names the layer. A permutation of one axis changes nothing.
            beside = Transpose(f"{_layer(transform)}{leaf}", (0,))
            return transform if leaf == "weight" else beside
        case Transpose():
            key = _complete(transform.key, leaf, rank)
            if rank == len(transform.axes):
                return replace(transform, key=key)
            # A bias beside a transposed matrix has nothing to transpose.
            return key if isinstance(key, Transform) else Transpose(key, tuple(range(rank)))
        case Split() | Stack():
            return replace(transform, key=_complete(transform.key, leaf, rank))
    return transform


def _layer(transform: WeightNorm) -> str:
    """The name of a normalised layer, with a dot."""
    for names in (WeightNorm.OLD, WeightNorm.NEW):
        if transform.g_key.endswith(names[0]):
            return transform.g_key.removesuffix(names[0])
    return f"{transform.g_key.rpartition('.')[0]}."


def parameters(module: Layer) -> dict[str, Parameter]:
    """{checkpoint name: parameter}, shared ones once."""
    own = (leaf for leaf in leaves(module) if leaf.tied_to is None)
    return {leaf.name: leaf.parameter for leaf in own if not leaf.parameter.is_buffer}


def state_dict(module: Layer) -> dict[str, np.ndarray]:
    """{checkpoint name: array in checkpoint layout}, shared ones once."""
    return {name: np.asarray(array) for name, array in stored(module).items()}


def stored(module: Layer) -> dict[str, Any]:
    """What a checkpoint of the model holds; joined tensors are made when they are read."""
    by_name = {leaf.name: leaf for leaf in leaves(module)}
    slots = [leaf.slot for leaf in by_name.values()]
    return stored_tensors(slots, lambda name: by_name[name].numpy())


def descend(module: Any, path: str) -> Any:
    """The part at an attribute path; attributes that Keras reserves end in an underscore."""
    for segment in path.split("."):
        if segment.isdigit():
            module = module[int(segment)]
        else:
            attributes = vars(module)
            module = getattr(module, segment if segment in attributes else f"{segment}_")
    return module
