"""The layers that turn tokens into vectors and back, and how many tokens they know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError
from . import weights
from .base import Parameter
from .initialization import initialize
from .layers import Embedding, Linear

if TYPE_CHECKING:
    from .model import PreTrainedModel


def find(model: PreTrainedModel, role: str) -> Any:
    """The part with a role, which a head declares below itself, or the base model below it."""
    for owner in (model, model.base_model):
        path = owner.roles.get(role)
        if path is not None:
            try:
                return _at(owner, path)
            except AttributeError:  # a head inherits the roles of the base model
                continue
    raise ConfigError(f"{type(model).__name__} has no part in this role", key=role)


def _at(owner: PreTrainedModel, path: str) -> Any:
    """The part at a path; its end may be a call, of a model inside."""
    before, _, last = path.rpartition(".")
    if last.endswith("()"):
        return getattr(weights.descend(owner, before), last[:-2])()
    return weights.descend(owner, path)


def find_output(model: PreTrainedModel) -> Linear | None:
    """The layer with a logit per token: that of the role, or the one tied to the input's table."""
    if "output_embeddings" in model.roles:
        return find(model, "output_embeddings")
    table = find(model, "input_embeddings")
    heads = (layer for layer in model._flatten_layers() if isinstance(layer, Linear))
    return next((head for head in heads if head.tied_to is table), None)


def resize(model: PreTrainedModel, size: int) -> Embedding:
    """Give all that has an entry for each token `size` of them; the first ones stay.

    What that is, a model of the new size shows: all tensors that have another shape there.
    """
    table = find(model, "input_embeddings")
    with weights.deferred_values():
        target = type(model)(model._vocabulary_config(size))
    others = {leaf.name: leaf for leaf in weights.leaves(target)}
    for leaf in weights.leaves(model):
        other = others.get(leaf.name, leaf)
        shape = other.parameter.checkpoint_shape
        if shape == leaf.parameter.checkpoint_shape:
            continue
        if leaf.tied_to is None:
            _replace(model, leaf, shape)
        for name, value in vars(other.owner).items():  # sizes, to be read by people
            if isinstance(value, int) and not name.startswith("_"):
                setattr(leaf.owner, name, value)
    for config in (model.config, model.base_model.config):
        model._vocabulary_part(config).vocab_size = size
    return table


def _replace(model: PreTrainedModel, leaf: weights.Leaf, shape: tuple[int, ...]) -> None:
    """Put a parameter of another shape in the place of one, whose values stay."""
    old, owner, values = leaf.parameter, leaf.owner, leaf.numpy()
    attribute = next(name for name, child in vars(owner).items() if child is old)
    delattr(owner, attribute)
    new = Parameter(owner, old.name, shape, permutation=old.permutation, init=old.init)
    setattr(owner, attribute, new)
    leaf = replace(leaf, parameter=new)
    part, name = _innermost(model, new)
    initialize(name, new, owner, part.initializers, part.config)
    whole = np.array(leaf.numpy())
    kept = tuple(map(slice, map(min, values.shape, whole.shape)))
    whole[kept] = values[kept]
    leaf.assign(whole)


def _innermost(model: PreTrainedModel, parameter: Parameter) -> tuple[PreTrainedModel, str]:
    """The smallest model around a parameter, which says how it starts, and its name there."""
    models = [part for part in model._flatten_layers() if hasattr(part, "initializers")]
    return next(
        (part, leaf.name.removeprefix(f"{part.base_model_prefix}."))
        for part in sorted(models, key=lambda part: len(weights.leaves(part)))
        for leaf in weights.leaves(part)
        if leaf.parameter is parameter
    )
