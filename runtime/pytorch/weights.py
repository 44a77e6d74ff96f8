"""The parameters of a model under the names, and in the form, that checkpoints have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from ..checkpoint import Slot, Transform, stored_tensors
from .arrays import to_numpy


@dataclass(frozen=True)
class Leaf:
    """A parameter or saved buffer at its place in a model.

    `name` is that in the model's checkpoints, `path` that among the model's attributes. What a
    transform makes of stored tensors has a name of the same kind, which no file holds. `tied_to`:
    the name of the same parameter at the place that owns it.
    """

    name: str
    path: str
    module: nn.Module
    attribute: str
    tensor: Tensor
    transform: Transform | None = None
    tied_to: str | None = None

    @property
    def slot(self) -> Slot:
        """What the checkpoint's side needs to know."""
        # old files lack the counts; what follows from the configuration need not be read
        required = self.attribute != "num_batches_tracked" and not self.follows
        shape = tuple(self.tensor.shape)
        return Slot(self.name, shape, self.transform, self.tied_to, required)

    @property
    def follows(self) -> bool:
        """Whether it is only saved, because it follows from the configuration."""
        module = self.module
        return self.attribute not in module._parameters and self.attribute not in module._buffers

    def assign(self, tensor: Tensor) -> None:
        """Puts another parameter or buffer into its place."""
        module = self.module
        if self.follows:
            return
        place = module._parameters if self.attribute in module._parameters else module._buffers
        place[self.attribute] = tensor


def leaves(model: nn.Module) -> list[Leaf]:
    """All leaves in the order of construction, shared ones at each of their places."""
    found = list(walk(model))
    owners: dict[int, str] = {}
    for leaf in found:
        if leaf.attribute not in getattr(leaf.module, "tied", ()):
            owners.setdefault(id(leaf.tensor), leaf.name)
    shared = [owners.get(id(leaf.tensor), leaf.name) for leaf in found]
    return [
        leaf if owner == leaf.name else replace(leaf, tied_to=owner)
        for leaf, owner in zip(found, shared, strict=True)
    ]


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """{checkpoint name: parameter}, shared ones once."""
    found = (leaf for leaf in leaves(model) if leaf.tied_to is None)
    return {leaf.name: leaf.tensor for leaf in found if isinstance(leaf.tensor, nn.Parameter)}


def state_dict(model: nn.Module) -> dict[str, np.ndarray]:
    """{checkpoint name: array in checkpoint layout}, shared ones once; mostly views."""
    return {name: np.asarray(array) for name, array in stored(model).items()}


def stored(model: nn.Module) -> dict[str, object]:
    """What a checkpoint of the model holds; joined tensors are made when they are read."""
    by_name = {leaf.name: leaf for leaf in leaves(model)}
    slots = [leaf.slot for leaf in by_name.values()]
    return stored_tensors(slots, lambda name: to_numpy(by_name[name].tensor))


def walk(
    module: nn.Module, prefix: str = "", path: str = "", outer: Transform | None = None
) -> Iterator[Leaf]:
    """The leaves below a module, whose own names begin with `prefix` and `path`.

    `outer` is the transform of a layer further out. The class attribute `checkpoint_names` says
    where a module's names differ: {attribute: names ("" for none) or transform}.
    """
    names = getattr(module, "checkpoint_names", {})
    for attribute, tensor in _own_tensors(module):
        entry = names.get(attribute, attribute)
        if isinstance(entry, Transform):
            name, transform = prefix + attribute, entry.at(prefix)
        else:
            name = prefix + entry if entry else prefix.removesuffix(".")
            transform = outer and outer.of_leaf(entry, tensor.ndim)
        yield Leaf(name, path + attribute, module, attribute, tensor, transform)
    for attribute, child in module._modules.items():
        if child is None:
            continue
        entry, below = names.get(attribute, attribute), f"{path}{attribute}."
        if isinstance(entry, Transform):
            yield from walk(child, f"{prefix}{attribute}.", below, entry.at(prefix))
        else:
            yield from walk(child, f"{prefix}{entry}." if entry else prefix, below, outer)


def _own_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    saved = (item for item in module._buffers.items() if item[0] not in _unsaved(module))
    for attribute, tensor in (*module._parameters.items(), *saved):
        if tensor is not None:
            yield attribute, tensor
    yield from derived_tensors(module).items()


def derived_tensors(module: nn.Module) -> dict[str, Tensor]:
    """What checkpoints hold of a module although it follows from the configuration."""
    return module.stored_tensors() if hasattr(module, "stored_tensors") else {}


def _unsaved(module: nn.Module) -> set[str]:
    return module._non_persistent_buffers_set
