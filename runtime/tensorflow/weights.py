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

from ..checkpoint import Slot, Transform, stored_tensors
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
    is_tied: bool = False  # the parameter of another layer, by the configuration

    @property
    def slot(self) -> Slot:
        """What the checkpoint's side needs to know."""
        shape = self.parameter.checkpoint_shape
        required = not isinstance(self.parameter, Derived) and self.parameter.required
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
    found = list(_walk(module, "", None))
    owners: dict[int, str] = {}
    for leaf in sorted(found, key=lambda leaf: leaf.is_tied):
        owners.setdefault(id(leaf.parameter), leaf.name)
    shared = [owners[id(leaf.parameter)] for leaf in found]
    return [
        leaf if owner == leaf.name else replace(leaf, tied_to=owner)
        for leaf, owner in zip(found, shared, strict=True)
    ]


def _walk(module: Layer, prefix: str, transform: Transform | None) -> Iterator[Leaf]:
    """`prefix` ends in a dot, or is empty; `transform` belongs to a layer further out.

    A module's own tensors come before those of its parts, as in PyTorch.
    """
    children = [item for item in vars(module).items() if not item[0].startswith("_")]
    own = [item for item in children if isinstance(item[1], Parameter)]
    parts = [item for item in children if not isinstance(item[1], Parameter)]
    yield from _named(own, module, prefix, transform)
    if isinstance(module, Linear) and module.tied_to is not None:
        at_leaf = transform and transform.of_leaf("weight", 2)
        yield Leaf(f"{prefix}weight", module.tied_to.weight, module, at_leaf, is_tied=True)
    if hasattr(module, "stored_tensors"):
        for name, tensor in module.stored_tensors().items():
            yield Leaf(prefix + name, Derived(np.asarray(tensor)), module)
    yield from _named(parts, module, prefix, transform)


def _named(
    children: list[tuple[str, Any]], module: Layer, prefix: str, transform: Transform | None
) -> Iterator[Leaf]:
    """The leaves of some attributes of a module, under the names that checkpoints have."""
    names = getattr(module, "checkpoint_names", {})
    for attribute, child in children:
        segment = names.get(attribute, attribute.removesuffix("_"))
        if not isinstance(segment, Transform):
            yield from _visit(child, module, prefix, segment, transform)
        elif isinstance(child, Parameter):
            yield Leaf(prefix + attribute, child, module, segment.at(prefix))
        else:
            yield from _visit(child, module, prefix, attribute, segment.at(prefix))


def _visit(
    child: Any, owner: Layer, prefix: str, segment: str, transform: Transform | None
) -> Iterator[Leaf]:
    """The leaves of an attribute, which may be a list or a dictionary of parts."""
    if isinstance(child, Parameter):
        name = prefix + segment if segment else prefix.removesuffix(".")
        at_leaf = transform and transform.of_leaf(segment, len(child.checkpoint_shape))
        yield Leaf(name, child, owner, at_leaf)
    elif isinstance(child, keras.layers.Layer):
        yield from _walk(child, f"{prefix}{segment}." if segment else prefix, transform)
    elif isinstance(child, list | tuple | dict):
        for key, item in child.items() if isinstance(child, dict) else enumerate(child):
            place = f"{segment}.{key}" if segment else str(key)
            yield from _visit(item, owner, prefix, place, transform)


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
