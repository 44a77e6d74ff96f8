"""The tables of tokens: finding them by their roles, and changing their size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import InputError, show
from .initialization import initialize

if TYPE_CHECKING:
    from .model import PreTrainedModel


def find(model: PreTrainedModel, role: str) -> nn.Module | None:
    """The module in a role, which a head declares below itself, or the base model below it."""
    for owner in (model, model.base_model):
        path = owner.roles.get(role)
        if path is not None:
            try:
                return owner.get_submodule(path)
            except AttributeError:  # a head inherits the roles of the base model
                continue
    return None


def resize(model: PreTrainedModel, size: int) -> nn.Module:
    """Gives the table, and the output that belongs to it, `size` tokens; the first ones stay."""
    if type(size) is not int or size < 1:
        raise InputError(key="size", expected="a number of tokens", found=show(size))
    table = model.get_input_embeddings()
    output = model.get_output_embeddings()
    old = table.weight
    tied = [module for module in model.modules() if getattr(module, "weight", None) is old]
    weight = _resized(model, table, "weight", size)
    for module in tied:
        module.weight = weight
    heads = [module for module in tied if isinstance(module, nn.Linear)]
    if output is not None and output not in tied:
        output.weight = _resized(model, output, "weight", size)
        heads.append(output)
    for head in heads:
        if head.bias is not None:
            head.bias = _resized(model, head, "bias", size)
    for module in (*tied, *heads):
        setattr(module, "out_features" if module in heads else "num_embeddings", size)
    for config in (model.config, model.base_model.config):
        config.vocab_size = size
    return table


def _resized(model: PreTrainedModel, module: nn.Module, leaf: str, size: int) -> nn.Parameter:
    """The leaf with first values in the rows that it did not have."""
    old: Tensor = getattr(module, leaf)
    path = next(path for path, item in model.named_modules() if item is module)
    new = nn.Parameter(old.new_empty((size, *old.shape[1:])), requires_grad=old.requires_grad)
    setattr(module, leaf, new)
    initialize(model, only={f"{path}.{leaf}" if path else leaf})
    with torch.no_grad():
        kept = min(size, old.shape[0])
        new[:kept] = old[:kept]
    return new
