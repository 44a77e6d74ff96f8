"""Models from and to folders and the hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..checkpoint import (
    LoadPlan,
    Rules,
    match,
    open_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
)
from ..configuration import PretrainedConfig
from ..errors import ConfigError, TriptychError, show
from ..pretrained import check_arguments, configure, hub_options
from . import weights
from .arrays import from_numpy
from .initialization import initialize

if TYPE_CHECKING:
    from .model import PreTrainedModel


@contextmanager
def default_dtype(dtype: torch.dtype | None) -> Iterator[None]:
    """Parameters made inside have this dtype, unless they say otherwise."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(previous if dtype is None else dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(previous)


@contextmanager
def without_memory(dtype: torch.dtype | None) -> Iterator[None]:
    """Models made inside have parameters of this dtype, but no memory for them."""
    with default_dtype(dtype), torch.device("meta"), _WithoutInitialization():
        yield


def to_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """A floating dtype given by itself or by its name."""
    if isinstance(dtype, str):
        dtype = getattr(torch, dtype.removeprefix("torch."), dtype)
    if dtype is None or (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        return dtype
    raise ConfigError(key="dtype", expected="a floating dtype such as bfloat16", found=show(dtype))


def load(
    cls: type[PreTrainedModel],
    folder_or_id: str | os.PathLike,
    *,
    config: PretrainedConfig | None,
    dtype: torch.dtype | str | None,
    ignore_mismatched_sizes: bool,
    overrides: dict[str, Any],
) -> tuple[PreTrainedModel, dict[str, list]]:
    """Builds a model without memory and gives it the tensors of a checkpoint."""
    options = hub_options(overrides)
    config, arguments = configure(cls, folder_or_id, config, overrides, options)
    check_arguments(cls, arguments)
    if dtype == "auto":
        dtype = config.dtype if isinstance(config.dtype, str) else None
    dtype = to_dtype(dtype)
    if dtype is not None:
        config.dtype = dtype
    with without_memory(dtype):
        model = cls(config, **arguments)
    path = resolve_checkpoint(folder_or_id, **options)
    with open_checkpoint(path, writable=True) as checkpoint:
        plan = fill(model, checkpoint, ignore_mismatched_sizes)
    plan.warn()
    model.eval()
    return model, plan.info


class _WithoutInitialization(TorchFunctionMode):
    """Layers leave their parameters as they are: PyTorch takes a second to fill what has no memory.

    It would import its compiler for that.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def fill(model: PreTrainedModel, checkpoint: Any, ignore_mismatched_sizes: bool) -> LoadPlan:
    """Puts the tensors of a checkpoint, or first values, where the model has none yet."""
    rules = model.checkpoint_rules or Rules()
    leaves = weights.leaves(model)
    plan = match(
        [leaf.slot for leaf in leaves],
        checkpoint,
        base_prefix=model.checkpoint_prefix,
        renames=rules.rename,
        ignores=rules.ignore,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
    owners = {leaf.name: leaf for leaf in leaves if leaf.tied_to is None}
    tensors = {}
    for name, leaf in owners.items():
        if name in plan.sources:
            # A part of another tensor would keep all of it alive, and be saved with it.
            value = from_numpy(plan.load(name)).to(leaf.tensor.dtype).contiguous()
        else:
            value = torch.empty_like(leaf.tensor, device="cpu")
        tensors[name] = _like(leaf.tensor, value)
    for leaf in leaves:
        leaf.assign(tensors[leaf.tied_to or leaf.name])
    initialize(model, only={leaf.path for name, leaf in owners.items() if name not in plan.sources})
    _refuse_empty(model)
    return plan


def _like(old: Tensor, value: Tensor) -> Tensor:
    if not isinstance(old, nn.Parameter):
        return value
    new = nn.Parameter(value, requires_grad=old.requires_grad)
    if hasattr(old, "rule"):
        new.rule = old.rule  # for its first value, if it is missing
    return new


def _refuse_empty(model: nn.Module) -> None:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_meta:
            what = f"{type(model).__name__} computes a tensor in its constructor"
            raise TriptychError(what, key=name, hint="Compute it in the forward pass")


def save(model: PreTrainedModel, folder: str | os.PathLike, max_shard_size: int | str) -> None:
    """Writes the configuration and the tensors of a model into a folder."""
    config = model.config.copy()
    config.architectures = [type(model).__name__]
    config.dtype = model.dtype
    save_checkpoint(folder, weights.stored(model), max_shard_size, model.num_parameters())
    config.save_pretrained(folder)
