"""The modules of a model that have a row for each token, and how they are resized."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from flax import nnx

from ..errors import InputError
from . import weights
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


def resize(model: PreTrainedModel, count: int, rngs: nnx.Rngs) -> nnx.Module:
    """Gives the vocabulary `count` tokens: the first ones keep their values."""
    if count < 1:
        raise InputError("the size of the vocabulary", expected="at least 1", found=str(count))
    table, head = find(model, "input_embeddings"), find_output(model)
    first_value = model.first_value(rngs)
    for leaf in weights.leaves(model):
        if leaf.tied_to is None and leaf.owner in (table, head):
            _resize(leaf, count, first_value)
    table.num_embeddings = count
    model.config.vocab_size = count
    return table


def _resize(leaf: weights.Leaf, count: int, first_value: Callable) -> None:
    old = jnp.asarray(leaf.read())
    kept = old[:count]
    shape = list(leaf.variable.shape)
    order = leaf.variable.permutation
    shape[0 if order is None else order.index(0)] = count
    leaf.variable.set_value(jax.ShapeDtypeStruct(tuple(shape), leaf.dtype))
    new = jnp.asarray(first_value(leaf))
    weights.fill([leaf], lambda _: jnp.concatenate([kept, new[kept.shape[0] :]]))
