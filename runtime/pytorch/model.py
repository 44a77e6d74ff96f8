"""The base of all models."""

from __future__ import annotations

import os
from typing import Any, Self

import torch
from torch import nn

from ..configuration import PretrainedConfig
from ..errors import ConfigError, InputError
from ..model import CommonModel
from ..states import Layout
from . import embeddings, loading
from .blocks import Block, set_checkpointing
from .cache import Cache, as_cache
from .initialization import initialize
from .renaming import install_hooks
from .taps import NO_TAPS, Taps


class PreTrainedModel(CommonModel, nn.Module):
    """A model with a configuration: made, loaded, saved, and given caches and taps."""

    _cache_class, _taps_class, _no_taps = Cache, Taps, NO_TAPS

    def __init__(self, config: PretrainedConfig):
        super().__init__()
        if not isinstance(config, self.config_class):
            expected, found = self.config_class.__name__, type(config).__name__
            raise ConfigError(f"{type(self).__name__} takes one", expected=expected, found=found)
        self.config = config

    # Construction.

    def post_init(self) -> None:
        """Ends the constructor: gives parameters their first values, unless memory is to come."""
        install_hooks(self)
        if not any(parameter.is_meta for parameter in self.parameters()):
            initialize(self)

    def tie(self, head: nn.Module, table: nn.Module) -> None:
        """Makes `head` use the weight of `table`; checkpoints then hold it once."""
        head.weight = table.weight
        head.tied = ("weight",)

    @classmethod
    def from_config(cls, config: PretrainedConfig, dtype: torch.dtype | str | None = None) -> Self:
        """A model with random weights."""
        with loading.default_dtype(loading.to_dtype(dtype)):
            return cls(config)

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | os.PathLike,
        *,
        config: PretrainedConfig | None = None,
        dtype: torch.dtype | str | None = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **config_overrides: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A model, in evaluation mode, with the weights in a folder or a repository of the hub.

        `dtype`: that of the parameters; float32 by default, "auto" for the checkpoint's own.
        `config_overrides`: fields of the configuration, options of the hub, or arguments of the
        constructor. With `output_loading_info`, also returns the keys that were missing,
        unexpected and mismatched. Parameters that are missing get first values, and a warning.
        """
        model, info = loading.load(
            cls,
            folder_or_id,
            config=config,
            dtype=dtype,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            overrides=config_overrides,
        )
        return (model, info) if output_loading_info else model

    def save_pretrained(self, folder: str | os.PathLike, max_shard_size: int | str = "5GB") -> None:
        """Writes config.json and model.safetensors (or its shards) into `folder`."""
        loading.save(self, folder, max_shard_size)

    # What a call needs.

    def open_cache(self, past_key_values: Any, use_cache: bool | None) -> Cache | None:
        """The cache that a call reads and writes: the caller's, a new one, or None."""
        if past_key_values is not None:
            if isinstance(past_key_values, Cache):
                return past_key_values
            return as_cache(past_key_values, self.cache_layout())
        if use_cache is None:
            use_cache = getattr(self.config, "use_cache", False)
        if not use_cache or (self.training and self.is_gradient_checkpointing):
            return None
        layout = self.cache_layout()
        return Cache.growing(layout) if any(layout) else None

    def _static_cache(self, layout: Layout, batch: int, capacity: int, dtype: Any) -> Cache:
        dtype = self.dtype if dtype is None else loading.to_dtype(dtype)
        return Cache.static(layout, batch, capacity, dtype, self.device)

    # Parts.

    def get_input_embeddings(self) -> nn.Module:
        """The table of token embeddings."""
        table = embeddings.find(self, "input_embeddings")
        if table is None:
            raise InputError(f"{type(self).__name__} has no table of token embeddings")
        return table

    def get_output_embeddings(self) -> nn.Module | None:
        """The layer that gives a logit per token, if the model has one."""
        return embeddings.find(self, "output_embeddings")

    def resize_token_embeddings(self, size: int) -> nn.Module:
        """Changes the number of tokens, in the input, the output and the configuration."""
        return embeddings.resize(self, size)

    # What a model is like.

    @property
    def dtype(self) -> torch.dtype:
        """That of the first floating-point parameter."""
        return next((p.dtype for p in self.parameters() if p.is_floating_point()), torch.float32)

    @property
    def device(self) -> torch.device:
        """That of the first parameter."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def num_parameters(self, only_trainable: bool = False) -> int:
        """The number of entries of all parameters, shared ones once."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not only_trainable)

    # Gradient checkpointing.

    def gradient_checkpointing_enable(self) -> None:
        """In training, keeps only the inputs of the blocks, and computes the rest again."""
        if not set_checkpointing(self, True):
            raise InputError(f"{type(self).__name__} has no blocks to checkpoint")

    def gradient_checkpointing_disable(self) -> None:
        """Keeps all that the backward pass needs."""
        set_checkpointing(self, False)

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether gradient checkpointing is on."""
        return any(m.checkpointing for m in self.modules() if isinstance(m, Block))
