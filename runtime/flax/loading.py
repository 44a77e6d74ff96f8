"""Models from and to folders and the hub."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flax import nnx

from .. import hub
from ..checkpoint import LoadPlan, match, open_checkpoint, save_checkpoint
from ..checkpoint.opening import NAMES
from ..checkpoint.sharded import read_index
from ..configuration import PretrainedConfig
from ..configuration.base import HUB_OPTIONS
from ..errors import ConfigError, InputError, nearest
from . import weights
from .base import as_dtype, default_dtype

if TYPE_CHECKING:
    from .model import PreTrainedModel


SCAN = "scan_layers"


@dataclass(frozen=True)
class Rules:
    """How old checkpoints differ: (pattern, replacement) of names, and names to pass over."""

    rename: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()


class _Loading(threading.local):
    on = False


_loading = _Loading()


@contextmanager
def _values_to_come() -> Iterator[None]:
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
    options = {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}
    if config is None:
        config, rest = cls.config_class.from_pretrained(
            folder_or_id, return_unused_kwargs=True, **options, **overrides
        )
    else:
        config, rest = config.copy(), dict(overrides)
    if SCAN in rest:
        config.scan_layers = rest.pop(SCAN)
    rngs = rest.pop("rngs", None) or nnx.Rngs(0)
    _check_arguments(cls, rest)
    with dtype_for(config, dtype), _values_to_come():
        model = cls(config, rngs=rngs, **rest)
    leaves = weights.leaves(model)
    rules = cls.checkpoint_rules or Rules()
    with open_checkpoint(locate(folder_or_id, **options)) as checkpoint:
        plan = match(
            [leaf.slot for leaf in leaves],
            checkpoint,
            base_prefix=cls.base_model_prefix,
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


def _check_arguments(cls: type[PreTrainedModel], arguments: dict[str, Any]) -> None:
    known = list(inspect.signature(cls.__init__).parameters)[2:]
    for name in arguments:
        if name not in known:
            raise ConfigError(
                "neither a field of the configuration nor an argument of the constructor",
                key=name,
                hint=nearest(name, [*cls.config_class._fields, *known]),
            )


def locate(folder_or_id: str | os.PathLike, **options: Any) -> Path:
    """The checkpoint in a folder, or in a repository of the hub, with all its shards."""
    if Path(folder_or_id).exists():
        return Path(folder_or_id)
    failure = None
    for name in NAMES:
        try:
            path = hub.resolve(folder_or_id, name, **options)
        except InputError as error:
            failure = failure or error
            continue
        if name.endswith(".json"):
            weight_map, _ = read_index(path)
            for shard in sorted(set(weight_map.values())):
                hub.resolve(folder_or_id, shard, **options)
        return path
    raise failure


def info(plan: LoadPlan) -> dict[str, list]:
    """What did not fit, as callers of `from_pretrained` get it."""
    return {
        "missing_keys": plan.missing,
        "unexpected_keys": plan.unexpected,
        "mismatched_keys": [(item.name, item.found, item.expected) for item in plan.mismatched],
        "error_msgs": [],
    }


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
