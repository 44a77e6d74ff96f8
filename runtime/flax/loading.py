"""Models from and to folders and the hub."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from flax import nnx

from ..checkpoint import (
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
from .base import as_dtype, default_dtype

if TYPE_CHECKING:
    from .model import PreTrainedModel


SCAN = "scan_layers"


class _Loading(threading.local):
    on = False


_loading = _Loading()


@contextmanager
def values_to_come() -> Iterator[None]:
    """Models made inside know the shapes of their parameters, and nothing else."""
    before, _loading.on = _loading.on, True
    try:
        yield
    finally:
        _loading.on = before


def is_loading() -> bool:
    """Whether a model that is built now gets its values from a checkpoint."""
    return _loading.on


def dtype_for(config: PretrainedConfig, dtype: Any) -> AbstractContextManager[None]:
    """The context to build a model in; the configuration remembers a dtype that was asked for."""
    if isinstance(dtype, str) and dtype == "auto":
        dtype = config.dtype if isinstance(config.dtype, str) else "float32"
    if dtype is None:
        return default_dtype("float32")
    config.dtype = as_dtype(dtype).name
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

    Parameters are built as shapes and filled one at a time, so no more than the model itself and
    one parameter is ever in memory.
    """
    options = hub_options(overrides)
    config, rest = configure(cls, folder_or_id, config, overrides, options)
    if SCAN in rest:
        config.scan_layers = rest.pop(SCAN)
    rngs = rest.pop("rngs", None) or nnx.Rngs(0)
    check_arguments(cls, rest)
    with dtype_for(config, dtype), values_to_come():
        model = cls(config, rngs=rngs, **rest)
    leaves = weights.leaves(model)
    rules = cls.checkpoint_rules or Rules()
    with open_checkpoint(resolve_checkpoint(folder_or_id, **options)) as checkpoint:
        plan = match(
            [leaf.slot for leaf in leaves],
            checkpoint,
            base_prefix=model.checkpoint_prefix,
            renames=rules.rename,
            ignores=rules.ignore,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        first_value = model.first_value(rngs)
        weights.fill(
            leaves,
            lambda leaf: plan.load(leaf.name) if leaf.name in plan.sources else first_value(leaf),
        )
    return model, plan


def save(
    model: PreTrainedModel, folder: str | os.PathLike, max_shard_size: int | str = "5GB"
) -> None:
    """Writes config.json and the weights, for all frameworks alike."""
    config = model.config.copy()
    config.architectures = [type(model).__name__.removeprefix("Flax")]
    config.dtype = model.dtype.name
    if SCAN not in config._fields and hasattr(config, SCAN):
        del config.scan_layers  # how to compute, not what
    save_checkpoint(folder, weights.tensors(model), max_shard_size, model.num_parameters())
    config.save_pretrained(folder)
