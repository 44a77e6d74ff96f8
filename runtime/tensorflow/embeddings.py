"""The layers that turn tokens into vectors and back, and how many tokens they know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ConfigError, InputError, show
from .base import Parameter
from .initialization import initialize
from .layers import Embedding, Linear
from .weights import descend

if TYPE_CHECKING:
    from .model import PreTrainedModel


def find(model: PreTrainedModel, role: str) -> Any:
    """The part with a role, which a head declares below itself, or the base model below it."""
    for owner in (model, model.base_model):
        path = owner.roles.get(role)
        if path is not None:
            try:
                return descend(owner, path)
            except AttributeError:  # a head inherits the roles of the base model
                continue
    raise ConfigError(f"{type(model).__name__} has no part in this role", key=role)


def find_output(model: PreTrainedModel) -> Linear | None:
    """The layer with a logit per token: that of the role, or the one tied to the input's table."""
    if "output_embeddings" in model.roles:
        return find(model, "output_embeddings")
    table = find(model, "input_embeddings")
    heads = (layer for layer in model._flatten_layers() if isinstance(layer, Linear))
    return next((head for head in heads if head.tied_to is table), None)


def resize(model: PreTrainedModel, size: int) -> Embedding:
    """Make all tables of tokens `size` long: old rows stay, new ones get first values."""
    if not isinstance(size, int) or size < 1:
        raise InputError(key="size", expected="a positive integer", found=show(size))
    table, head = find(model, "input_embeddings"), find_output(model)
    _replace(model, table, "weight", size)
    table.num_embeddings = size
    if head is not None:
        if head.tied_to is None:
            _replace(model, head, "weight", size)
        if head.bias is not None:
            _replace(model, head, "bias", size)
        head.out_features = size
    for config in (model.config, model.base_model.config):
        config.vocab_size = size
    return table


def _replace(model: PreTrainedModel, layer: Embedding | Linear, name: str, size: int) -> None:
    """Give a layer another parameter, of `size` along the checkpoint's first axis."""
    old: Parameter = getattr(layer, name)
    shape = (size, *old.checkpoint_shape[1:])
    axis = old.permutation.index(0) if old.permutation else 0
    delattr(layer, name)
    new = Parameter(layer, name, shape, permutation=old.permutation, init=old.init)
    setattr(layer, name, new)
    initialize(name, new, layer, model.initializers, model.config)
    kept = min(size, old.checkpoint_shape[0])
    first, _ = tf.split(old, [kept, old.shape[axis] - kept], axis=axis)
    _, rest = tf.split(new, [kept, size - kept], axis=axis)
    new.assign(tf.concat([first, rest], axis=axis))
