"""Models from and to folders and the hub."""

from __future__ import annotations

import inspect
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import hub
from ..checkpoint import Checkpoint, LoadPlan, match, open_checkpoint, save_checkpoint
from ..checkpoint.opening import NAMES
from ..checkpoint.sharded import read_index
from ..configuration import PretrainedConfig
from ..configuration.base import HUB_OPTIONS
from ..errors import ConfigError, InputError, nearest
from . import weights
from .base import default_dtype, dtype_name

if TYPE_CHECKING:
    from .model import PreTrainedModel


@dataclass(frozen=True)
class Rules:
    """How old checkpoints differ: (pattern, replacement) of names, and names to pass over."""

    rename: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()


def dtype_for(config: PretrainedConfig, dtype: Any) -> AbstractContextManager[None]:
    """The context to build a model in; the configuration remembers a dtype that was asked for."""
    if isinstance(dtype, str) and dtype == "auto":
        dtype = config.dtype if isinstance(config.dtype, str) else "float32"
    if dtype is None:
        return default_dtype("float32")
    config.dtype = dtype_name(dtype)
    return default_dtype(dtype)


def load(
    cls: type[PreTrainedModel],
    folder_or_id: str | os.PathLike,
    config: PretrainedConfig | None,
    dtype: Any,
    ignore_mismatched_sizes: bool,
    overrides: dict[str, Any],
) -> tuple[PreTrainedModel, LoadPlan]:
    """A model with the values of a checkpoint, and what did and did not fit.

    Variables are made without values and filled one at a time, so no more than the model itself
    and one parameter is ever in memory.
    """
    options = {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}
    if config is None:
        config, arguments = cls.config_class.from_pretrained(
            folder_or_id, return_unused_kwargs=True, **options, **overrides
        )
    else:
        config, arguments = config.copy(), overrides
    _check_arguments(cls, arguments)
    with dtype_for(config, dtype), weights.deferred_values():
        model = cls(config, **arguments)
    with open_checkpoint(locate(folder_or_id, **options)) as checkpoint:
        return model, fill(model, checkpoint, ignore_mismatched_sizes)


def _check_arguments(cls: type, arguments: dict[str, Any]) -> None:
    known = list(inspect.signature(cls.__init__).parameters)[2:]
    for name in arguments:
        if name not in known:
            what = "neither the configuration nor the constructor has such a key"
            names = [*cls.config_class._fields, *known]
            raise ConfigError(what, key=name, hint=nearest(name, names))


def fill(
    model: PreTrainedModel, checkpoint: Checkpoint, ignore_mismatched_sizes: bool = False
) -> LoadPlan:
    """Take values from an open checkpoint, and first values where it has none."""
    leaves = {leaf.name: leaf for leaf in weights.leaves(model)}
    rules = model.checkpoint_rules or Rules()
    plan = match(
        [leaf.slot for leaf in leaves.values()],
        checkpoint,
        base_prefix=model.base_model_prefix,
        renames=rules.rename,
        ignores=rules.ignore,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
    for name in plan.sources:
        leaves[name].assign(plan.load(name))
    model.initialize_weights()
    return plan


def info(plan: LoadPlan) -> dict[str, list]:
    """What did not fit, as callers of `from_pretrained` get it."""
    return {
        "missing_keys": plan.missing,
        "unexpected_keys": plan.unexpected,
        "mismatched_keys": [(item.name, item.found, item.expected) for item in plan.mismatched],
        "error_msgs": [],
    }


def locate(folder_or_id: str | os.PathLike, **options: Any) -> Path:
    """The checkpoint in a folder, or in a repository of the hub, with all its shards."""
    if Path(folder_or_id).exists():
        return Path(folder_or_id)
    for name in NAMES[:-1]:
        try:
            path = hub.resolve(folder_or_id, name, **options)
        except InputError:
            continue
        break
    else:
        path = hub.resolve(folder_or_id, NAMES[-1], **options)
    if path.name.endswith(".json"):
        for shard in sorted(set(read_index(path)[0].values())):
            hub.resolve(folder_or_id, shard, **options)
    return path


def save(model: PreTrainedModel, folder: str | os.PathLike, max_shard_size: int | str) -> None:
    """Write config.json and the weights, for all frameworks alike."""
    config = model.config.copy()
    config.architectures = [type(model).__name__.removeprefix("TF")]
    config.dtype = model.variable_dtype
    save_checkpoint(folder, weights.stored(model), max_shard_size, model.num_parameters())
    config.save_pretrained(folder)
