"""Models from and to folders and the hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self

from ..checkpoint import match, open_checkpoint, save_checkpoint, stored_tensors
from ..configuration import PretrainedConfig
from ..configuration.base import HUB_OPTIONS
from ..errors import InputError
from . import weights
from .base import default_dtype, dtype_name


@dataclass(frozen=True)
class Rules:
    """How old checkpoints differ: (pattern, replacement) of names, and names to pass over."""

    rename: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()


class Pretrained:
    """Loading and saving, the part of `PreTrainedModel` that knows of files."""

    @classmethod
    def from_config(
        cls, config: PretrainedConfig | dict[str, Any], *, dtype: Any = None, **options: Any
    ) -> Self:
        """A model with initial values; `options` are those of the constructor.

        Keras calls it with what `get_config` returned.
        """
        if isinstance(config, dict):
            options = {**config, **options}
            config = cls.config_class.from_dict(options.pop("config"))
        with _dtype(config, dtype):
            return cls(config, **options)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores to make the model again."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | os.PathLike,
        *,
        config: PretrainedConfig | None = None,
        dtype: Any = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **overrides: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A model with the weights in a folder, or in a repository of the hub.

        `dtype`: of parameters and computations (float32 by default; "auto": as the configuration
        says). `overrides`: values of the configuration, options of the constructor, and the
        hub's `cache_dir`, `revision`, `local_files_only` and `token`.
        """
        options = {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}
        if config is None:
            config, rest = cls.config_class.from_pretrained(
                folder_or_id, return_unused_kwargs=True, **options, **overrides
            )
        else:
            config, rest = config.copy(), overrides
        with _dtype(config, dtype), weights.deferred_values():
            try:
                model = cls(config, **rest)
            except TypeError as error:
                raise InputError(f"{cls.__name__} cannot be made ({error})") from error
        with open_checkpoint(folder_or_id, **options) as checkpoint:
            plan = model.load_weights_from(checkpoint, ignore_mismatched_sizes)
        if not output_loading_info:
            plan.warn()
            return model
        return model, {
            "missing_keys": plan.missing,
            "unexpected_keys": plan.unexpected,
            "mismatched_keys": [(m.name, m.found, m.expected) for m in plan.mismatched],
            "error_msgs": [],
        }

    def load_weights_from(self, checkpoint: Any, ignore_mismatched_sizes: bool = False) -> Any:
        """Take values from an open checkpoint, and initial ones where it has none."""
        leaves = {leaf.name: leaf for leaf in weights.leaves(self)}
        rules = self.checkpoint_rules or Rules()
        plan = match(
            [leaf.slot for leaf in leaves.values()],
            checkpoint,
            base_prefix=self.base_model_prefix,
            renames=rules.rename,
            ignores=rules.ignore,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        for name in plan.sources:
            leaves[name].assign(plan.load(name))
        self.initialize_weights()
        return plan

    def save_pretrained(
        self, folder: str | os.PathLike, max_shard_size: int | str = "5GB"
    ) -> None:
        """Write config.json and model.safetensors (or shards of it) for any framework."""
        leaves = {leaf.name: leaf for leaf in weights.leaves(self)}
        slots = [leaf.slot for leaf in leaves.values()]
        config = self.config.copy()
        config.architectures = [type(self).__name__.removeprefix("TF")]
        config.dtype = self.variable_dtype
        tensors = stored_tensors(slots, lambda name: leaves[name].numpy())
        save_checkpoint(folder, tensors, max_shard_size)
        config.save_pretrained(folder)


def _dtype(config: PretrainedConfig, dtype: Any) -> Any:
    """The context in which to build; the configuration remembers a dtype that was asked for."""
    if dtype == "auto":
        dtype = config.dtype if isinstance(config.dtype, str) else "float32"
    name = "float32" if dtype is None else dtype_name(dtype)
    if dtype is not None:
        config.dtype = name
    return default_dtype(name)
