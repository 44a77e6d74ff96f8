"""Models from and to folders and the hub."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .. import hub
from ..checkpoint import LoadPlan, match, open_checkpoint, save_checkpoint
from ..checkpoint.opening import NAMES
from ..checkpoint.sharded import read_index
from ..configuration import PretrainedConfig
from ..configuration.base import HUB_OPTIONS
from ..errors import ConfigError, InputError, TriptychError, nearest, show
from . import weights
from .arrays import from_numpy
from .initialization import initialize

if TYPE_CHECKING:
    from .model import PreTrainedModel


@dataclass(frozen=True)
class Rules:
    """How old checkpoints differ: (pattern, replacement) of names, and names to pass over."""

    rename: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()


@contextmanager
def default_dtype(dtype: torch.dtype | None) -> Iterator[None]:
    """Parameters made inside have this dtype, unless they say otherwise."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(previous if dtype is None else dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(previous)


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
    options = {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}
    if config is None:
        config, arguments = cls.config_class.from_pretrained(
            folder_or_id, return_unused_kwargs=True, **options, **overrides
        )
    else:
        config, arguments = config.copy(), overrides
    _check_arguments(cls, arguments)
    if dtype == "auto":
        dtype = config.dtype if isinstance(config.dtype, str) else None
    dtype = to_dtype(dtype)
    if dtype is not None:
        config.dtype = dtype
    with default_dtype(dtype), torch.device("meta"):
        model = cls(config, **arguments)
    with open_checkpoint(locate(folder_or_id, **options), writable=True) as checkpoint:
        plan = fill(model, checkpoint, ignore_mismatched_sizes)
    plan.warn()
    model.eval()
    return model, {
        "missing_keys": plan.missing,
        "unexpected_keys": plan.unexpected,
        "mismatched_keys": [(item.name, item.found, item.expected) for item in plan.mismatched],
        "error_msgs": [],
    }


def fill(model: PreTrainedModel, checkpoint: Any, ignore_mismatched_sizes: bool) -> LoadPlan:
    """Puts the tensors of a checkpoint, or first values, where the model has none yet."""
    rules = model.checkpoint_rules or Rules()
    leaves = weights.leaves(model)
    plan = match(
        [leaf.slot for leaf in leaves],
        checkpoint,
        base_prefix=model.base_model_prefix,
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
    return nn.Parameter(value, requires_grad=old.requires_grad)


def _refuse_empty(model: nn.Module) -> None:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_meta:
            what = f"{type(model).__name__} computes a tensor in its constructor"
            raise TriptychError(what, key=name, hint="Compute it in the forward pass")


def _check_arguments(cls: type, arguments: dict[str, Any]) -> None:
    known = list(inspect.signature(cls).parameters)[1:]
    for name in arguments:
        if name not in known:
            names = [*cls.config_class._fields, *known]
            what = "neither the configuration nor the constructor has such a key"
            raise ConfigError(what, key=name, hint=nearest(name, names))


def locate(folder_or_id: str | os.PathLike, **options: Any) -> Path:
    """The checkpoint in a folder, or in a repository of the hub, with all its shards."""
    if Path(folder_or_id).exists():
        return Path(folder_or_id)
    for name in NAMES:
        try:
            path = hub.resolve(folder_or_id, name, **options)
        except InputError:
            if name == NAMES[-1]:
                raise
            continue
        if name.endswith(".json"):
            for shard in sorted(set(read_index(path)[0].values())):
                hub.resolve(folder_or_id, shard, **options)
        return path
    raise AssertionError


def save(model: PreTrainedModel, folder: str | os.PathLike, max_shard_size: int | str) -> None:
    """Writes the configuration and the tensors of a model into a folder."""
    config = model.config.copy()
    config.architectures = [type(model).__name__]
    config.dtype = model.dtype
    save_checkpoint(folder, weights.stored(model), max_shard_size, model.num_parameters())
    config.save_pretrained(folder)
