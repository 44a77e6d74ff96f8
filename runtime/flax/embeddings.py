"""The modules of a model that have a row for each token, and how they are resized."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import numpy as np
from flax import nnx

from ..errors import InputError
from . import loading, weights
from .layers import Linear

if TYPE_CHECKING:
    from .model import PreTrainedModel


def find(model: PreTrainedModel, role: str) -> nnx.Module:
    """The module that plays a role; paths are relative to the class that declares them."""
    own = vars(type(model)).get("roles", {})
    owner = model if role in own else model.base_model
    if role not in owner.roles:
        raise InputError(f"{type(model).__name__} has no {role.replace('_', ' ')}")
    return weights.descend(owner, owner.roles[role])


def find_output(model: PreTrainedModel) -> nnx.Module | None:
    """The head over the vocabulary: the one declared, or the one that shares the input's table."""
    if "output_embeddings" in vars(type(model)).get("roles", {}):
        return find(model, "output_embeddings")
    if "input_embeddings" not in model.base_model.roles:
        return None
    table = find(model, "input_embeddings")
    for _, module in nnx.iter_modules(model):
        if isinstance(module, Linear) and module.weight is table.weight:
            return module
    return None


def resize(model: PreTrainedModel, size: int, rngs: nnx.Rngs) -> nnx.Module:
    """Gives all that has an entry for each token `size` of them; the first ones stay.

    What that is, a model of the new size shows: all tensors that have another shape there.
    """
    table = find(model, "input_embeddings")
    with loading.values_to_come():
        target = type(model)(model._vocabulary_config(size), rngs=nnx.Rngs(0))
    others = {leaf.name: leaf for leaf in weights.leaves(target)}
    first_value = model.first_value(rngs)
    for leaf in weights.leaves(model):
        other = others.get(leaf.name, leaf)
        if other.shape == leaf.shape:
            continue
        if leaf.tied_to is None:
            _resize(leaf, other, first_value)
        for name, value in vars(other.owner).items():  # sizes, to be read by people
            if isinstance(value, int):
                setattr(leaf.owner, name, value)
    for config in (model.config, model.base_model.config):
        model._vocabulary_part(config).vocab_size = size
    return table


def _resize(leaf: weights.Leaf, other: weights.Leaf, first_value: Callable) -> None:
    old = leaf.read()
    leaf.variable.set_value(jax.ShapeDtypeStruct(other.variable.shape, leaf.dtype))
    new = np.array(first_value(leaf))
    kept = tuple(map(slice, map(min, old.shape, new.shape)))
    new[kept] = old[kept]
    weights.fill([leaf], lambda _: new)
