"""The tables of tokens: finding them by their roles, and changing their size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from . import loading, weights
from .initialization import initialize

if TYPE_CHECKING:
    from .model import PreTrainedModel


def find(model: PreTrainedModel, role: str) -> nn.Module | None:
    """The module in a role, which a head declares below itself, or the base model below it."""
    for owner in (model, model.base_model):
        path = owner.roles.get(role)
        if path is not None:
            try:
                return _at(owner, path)
            except AttributeError:  # a head inherits the roles of the base model
                continue
    return None


def _at(owner: nn.Module, path: str) -> nn.Module:
    """The module at a path; its end may be a call, of a model inside."""
    before, _, last = path.rpartition(".")
    if last.endswith("()"):
        return getattr(owner.get_submodule(before), last[:-2])()
    return owner.get_submodule(path)


@torch.no_grad()
def resize(model: PreTrainedModel, size: int) -> nn.Module:
    """Gives all that has an entry for each token `size` of them; the first ones stay.

    What that is, a model of the new size shows: all tensors that have another shape there.
    """
    table = model.get_input_embeddings()
    with loading.without_memory(model.dtype):
        target = type(model)(model._vocabulary_config(size))
    shapes = {leaf.name: leaf.tensor.shape for leaf in weights.leaves(target)}
    new, old, paths = {}, {}, set()
    for leaf in weights.leaves(model):
        shape = shapes.get(leaf.name, leaf.tensor.shape)
        if shape == leaf.tensor.shape:
            continue
        if leaf.tied_to is None:
            old[leaf.name], new[leaf.name] = leaf.tensor, _empty(leaf.tensor, shape)
            paths.add(leaf.path)
        leaf.assign(new[leaf.tied_to or leaf.name])
    initialize(model, only=paths)
    for name, tensor in new.items():
        kept = tuple(map(slice, map(min, old[name].shape, tensor.shape)))
        tensor[kept] = old[name][kept]
    parts = dict(target.named_modules())
    for path, module in model.named_modules():
        for name in getattr(module, "__constants__", ()):  # sizes, to be read by people
            if path in parts and hasattr(parts[path], name):
                setattr(module, name, getattr(parts[path], name))
    for config in (model.config, model.base_model.config):
        model._vocabulary_part(config).vocab_size = size
    return table


def _empty(old: Tensor, shape: torch.Size) -> Tensor:
    new = old.new_empty(shape)
    if isinstance(old, nn.Parameter):
        new = nn.Parameter(new, requires_grad=old.requires_grad)
    if hasattr(old, "rule"):  # its own, for first values
        new.rule = old.rule
    return new
