"""Models from and to folders and the hub."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..checkpoint import (
    Checkpoint,
    LoadPlan,
    Rules,
    match,
    open_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
)
from ..configuration import PretrainedConfig
from ..pretrained import check_arguments, configure, hub_options
from . import weights
from .base import default_dtype, dtype_name

if TYPE_CHECKING:
    from .model import PreTrainedModel


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
    options = hub_options(overrides)
    config, arguments = configure(cls, folder_or_id, config, overrides, options)
    check_arguments(cls, arguments)
    with dtype_for(config, dtype), weights.deferred_values():
        model = cls(config, **arguments)
    with open_checkpoint(resolve_checkpoint(folder_or_id, **options)) as checkpoint:
        return model, fill(model, checkpoint, ignore_mismatched_sizes)


def fill(
    model: PreTrainedModel, checkpoint: Checkpoint, ignore_mismatched_sizes: bool = False
) -> LoadPlan:
    """Take values from an open checkpoint, and first values where it has none."""
    leaves = {leaf.name: leaf for leaf in weights.leaves(model)}
    rules = model.checkpoint_rules or Rules()
    plan = match(
        [leaf.slot for leaf in leaves.values()],
        checkpoint,
        base_prefix=model.checkpoint_prefix,
        renames=rules.rename,
        ignores=rules.ignore,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
    for name in plan.sources:
        leaves[name].assign(plan.load(name))
    model.initialize_weights()
    return plan


def save(model: PreTrainedModel, folder: str | os.PathLike, max_shard_size: int | str) -> None:
    """Write config.json and the weights, for all frameworks alike."""
    config = model.config.copy()
    config.architectures = [type(model).__name__.removeprefix("TF")]
    config.dtype = model.variable_dtype
    save_checkpoint(folder, weights.stored(model), max_shard_size, model.num_parameters())
    config.save_pretrained(folder)
