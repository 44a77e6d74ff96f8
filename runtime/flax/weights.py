"""The tensors of a model by their names in checkpoints.

Names come from walking the attributes of modules. `checkpoint_names`, a class attribute, maps an
attribute to another segment ('' adds none) or to a transform; a trailing underscore does not
count. The layers of a scanned `Stack` are named like those of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ..checkpoint import Slot, Transform, stored_tensors
from .base import Buffer
from .blocks import Stack

Index = tuple[int, ...]


@dataclass(frozen=True)
class Derived:
    """An array that checkpoints hold although it follows from the configuration."""

    array: np.ndarray
    permutation: None = None

    def get_value(self) -> np.ndarray:
        # Whole numbers are stored as the other frameworks have them.
        return self.array.astype(np.int64) if self.array.dtype.kind == "i" else self.array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        return self.get_value().dtype


@dataclass(frozen=True)
class Leaf:
    """One parameter or buffer of a model; in a scanned Stack, one layer's part of it."""

    name: str  # in checkpoints, or of its own where a transform makes it
    attribute: str
    owner: nnx.Module
    variable: nnx.Variable | Derived
    index: Index = ()  # within a scanned Stack
    transform: Transform | None = None
    tied_to: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """In checkpoint layout."""
        stored = self.variable.shape[len(self.index) :]
        order = self.variable.permutation
        if order is None:
            return stored
        return tuple(stored[order.index(axis)] for axis in range(len(stored)))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.variable.dtype)

    def sibling(self, attribute: str) -> Leaf:
        """Another parameter of the same layer."""
        name = f"{self.name.removesuffix(self.attribute)}{attribute}"
        variable = getattr(self.owner, attribute)
        return replace(self, name=name, attribute=attribute, variable=variable)

    def read(self) -> np.ndarray:
        """Its values in checkpoint layout."""
        array = np.asarray(self.variable.get_value()[self.index])
        if array.dtype.kind == "i":
            array = array.astype(np.int64)  # as the other frameworks store them
        order = self.variable.permutation
        return array if order is None else array.transpose(np.argsort(order))

    def stored(self, array: Any) -> Any:
        """Values in checkpoint layout as they are stored here; never the same memory."""
        order = self.variable.permutation
        array = array if order is None else array.transpose(order)
        if isinstance(array, jax.Array):
            return array.astype(self.dtype)
        return np.array(array, self.dtype, order="C")

    @property
    def slot(self) -> Slot:
        """What the core needs to know of it."""
        required = not isinstance(self.variable, Derived) and self.variable.required
        return Slot(self.name, self.shape, self.transform, self.tied_to, required)


@dataclass(frozen=True)
class LayerParameter:
    """One layer's part of a parameter in a Stack; reads and writes like a variable."""

    variable: nnx.Variable
    index: Index

    def get_value(self) -> jax.Array:
        return self.variable.get_value()[self.index]

    def set_value(self, value: Any) -> None:
        self.variable.set_value(self.variable.get_value().at[self.index].set(value))

    def __getitem__(self, key: Any) -> jax.Array:
        return self.get_value()[key]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.variable.shape[len(self.index) :]

    @property
    def dtype(self) -> Any:
        return self.variable.dtype

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


def leaves(model: nnx.Module) -> list[Leaf]:
    """All parameters and buffers in the order of construction; shared ones point to their owner."""
    found = list(_walk(model, "", (), None))
    order = {name: place for place, name in enumerate(getattr(model, "leaf_names", ()))}
    found.sort(key=lambda leaf: order.get(leaf.name, len(order)))
    owners: dict[tuple[int, Index], str] = {}  # the leaves keep what the ids stand for alive
    # What was tied to a module belongs to that module, wherever in the order it stands.
    for leaf in sorted(found, key=lambda leaf: leaf.attribute in getattr(leaf.owner, "tied", ())):
        owners.setdefault((id(leaf.variable), leaf.index), leaf.name)
    result = []
    for leaf in found:
        owner = owners[id(leaf.variable), leaf.index]
        result.append(leaf if owner == leaf.name else replace(leaf, tied_to=owner))
    return result


def _walk(module: Any, prefix: str, index: Index, transform: Transform | None) -> Iterator[Leaf]:
    """`prefix` ends in a dot, or is empty; `transform` belongs to a module further out."""
    names = getattr(module, "checkpoint_names", {})
    for attribute, child in _children(module):
        segment = names.get(attribute, attribute.rstrip("_"))
        inner, own = transform, isinstance(segment, Transform)
        if own:
            inner, segment = segment.at(prefix), attribute.rstrip("_")
        name = f"{prefix}{segment}" if segment else prefix.removesuffix(".")
        if isinstance(child, Derived):
            yield Leaf(name, attribute, module, child, (), inner)
        elif isinstance(child, nnx.Param | Buffer):
            if inner is not None and not own:
                inner = inner.of_leaf(segment, len(child.shape) - len(index))
            yield Leaf(name, attribute, module, child, index, inner)
        elif isinstance(child, Stack) and child.scanned:
            for i in range(len(child)):
                yield from _walk(
                    child.block, f"{name}.{i}." if name else f"{i}.", (*index, i), inner
                )
        else:
            yield from _walk(child, f"{name}." if name else "", index, inner)


def _children(module: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(module, nnx.List | Stack):
        items = ((str(i), child) for i, child in enumerate(module))
    else:
        items = vars(module).items()
    kinds = nnx.Module | nnx.List | nnx.Dict | nnx.Param | Buffer
    found = [(name, child) for name, child in items if isinstance(child, kinds)]
    # A module's own tensors come before those of its parts, as in PyTorch.
    yield from (item for item in found if isinstance(item[1], nnx.Param | Buffer))
    if hasattr(module, "stored_tensors"):
        for name, array in module.stored_tensors().items():
            yield name, Derived(np.asarray(array))
    yield from (item for item in found if not isinstance(item[1], nnx.Param | Buffer))


def parameters(model: nnx.Module) -> dict[str, nnx.Param | LayerParameter]:
    """Trainable parameters by checkpoint name, shared ones once."""
    return {
        leaf.name: LayerParameter(leaf.variable, leaf.index) if leaf.index else leaf.variable
        for leaf in leaves(model)
        if leaf.tied_to is None and isinstance(leaf.variable, nnx.Param)
    }


def tensors(model: nnx.Module) -> dict[str, Any]:
    """What a checkpoint holds: arrays, or what becomes one when it is asked for."""
    own = {leaf.name: leaf for leaf in leaves(model)}
    return stored_tensors([leaf.slot for leaf in own.values()], lambda name: own[name].read())


def state_dict(model: nnx.Module, of: nnx.State | None = None) -> dict[str, np.ndarray]:
    """What a checkpoint holds: {name: numpy array in checkpoint layout}, tied ones once.

    `of`: a state of the model's parameters (gradients, say) to take the place of their values.
    """
    if of is not None:
        graphdef, _, rest = nnx.split(model, nnx.Param, ...)
        model = nnx.merge(graphdef, of, rest)
    return {name: np.asarray(array) for name, array in tensors(model).items()}


def fill(items: Iterable[Leaf], value: Callable[[Leaf], Any]) -> None:
    """Sets variables to `value(leaf)`, arrays in checkpoint layout; one variable at a time.

    Of a variable in a Stack, either all layers are among `items`, or it has values already.
    """
    groups: dict[int, list[Leaf]] = {}
    for leaf in items:
        if leaf.tied_to is None and not isinstance(leaf.variable, Derived):
            groups.setdefault(id(leaf.variable), []).append(leaf)
    for group in groups.values():
        variable, depth = group[0].variable, len(group[0].index)
        if not depth:
            (leaf,) = group
            variable.set_value(jnp.asarray(leaf.stored(value(leaf))))
            continue
        new = {leaf.index: leaf.stored(value(leaf)) for leaf in group}
        for index in np.ndindex(variable.shape[:depth]):
            if index not in new:
                new[index] = variable.get_value()[index]
        arrays = [new[index] for index in np.ndindex(variable.shape[:depth])]
        traced = any(isinstance(array, jax.core.Tracer) for array in arrays)
        whole = jnp.stack(arrays) if traced else np.stack(arrays)
        variable.set_value(jnp.asarray(whole.reshape(variable.shape)))


def descend(module: Any, path: str) -> Any:
    """The part at a path of attributes; a name that is taken ends in an underscore."""
    for segment in path.split("."):
        if segment.isdigit():
            module = module[int(segment)]
        else:
            module = getattr(module, segment if segment in vars(module) else f"{segment}_")
    return module
