"""The base of all models."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from typing import Any, Self

import keras
import tensorflow as tf

from ..configuration import PretrainedConfig
from ..errors import ConfigError, InputError, show
from ..model import CommonModel
from ..states import Layout
from . import embeddings, loading, weights
from .base import Layer, dtype_name, is_symbolic, is_training
from .blocks import Block
from .cache import Cache, as_cache
from .calls import bind, prepare
from .fitting import Fitting
from .initialization import initialize
from .layers import Embedding, Linear
from .taps import NO_TAPS, Taps


class PreTrainedModel(CommonModel, Fitting, Layer, keras.Model):
    """A model with a configuration: made, loaded, saved, and given caches and taps."""

    _cache_class, _taps_class, _no_taps = Cache, Taps, NO_TAPS

    def __init__(self, config: PretrainedConfig, **options: Any):
        if not isinstance(config, PretrainedConfig):
            expected = self.config_class.__name__
            raise ConfigError(type(self).__name__, expected=expected, found=show(config))
        super().__init__(**options)
        self.config = config
        self._call_names = inspect.signature(self.call)

    # Construction.

    def post_init(self) -> None:
        """Ends a constructor: parameters without a value get their first one."""
        self.built = True
        if not weights.is_deferred():
            self.initialize_weights()

    def initialize_weights(self) -> None:
        """Give every parameter that has no value its first one."""
        prefix = f"{self.base_model_prefix}."
        for leaf in weights.leaves(self):
            if not leaf.parameter.has_value:
                name = leaf.name.removeprefix(prefix)
                initialize(name, leaf.parameter, leaf.owner, self.initializers, self.config)

    def tie(self, layer: Linear, source: Embedding) -> None:
        """Let `layer` read the weight of `source`; the checkpoint holds it once."""
        layer.tie(source)

    @classmethod
    def from_config(
        cls, config: PretrainedConfig | dict[str, Any], *, dtype: Any = None, **arguments: Any
    ) -> Self:
        """A model with first values; `arguments` are those of the constructor.

        Keras calls it with what `get_config` returned.
        """
        if isinstance(config, dict):
            config = cls.config_class.from_dict(config["config"])
        with loading.dtype_for(config, dtype):
            return cls(config, **arguments)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores in order to make the model again."""
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
        **config_overrides: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A model with the weights in a folder or a repository of the hub.

        `dtype`: that of parameters and computations; float32 by default, "auto" for the
        configuration's own. `config_overrides`: fields of the configuration, options of the hub,
        or arguments of the constructor. With `output_loading_info`, also returns the keys that
        were missing, unexpected and mismatched. Parameters that are missing get first values, and
        a warning.
        """
        model, plan = loading.load(
            cls, folder_or_id, config, dtype, ignore_mismatched_sizes, config_overrides
        )
        plan.warn()
        return (model, plan.info) if output_loading_info else model

    def save_pretrained(self, folder: str | os.PathLike, max_shard_size: int | str = "5GB") -> None:
        """Write config.json and model.safetensors (or its shards) into `folder`."""
        loading.save(self, folder, max_shard_size)

    # What a call needs.

    @tf.autograph.experimental.do_not_convert
    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Inputs by position, by name, or as one mapping; arrays of numpy as well as tensors."""
        inputs = bind(self._call_names, args, kwargs)
        training = inputs.pop("training", training)
        if is_symbolic((), inputs):
            first, *_ = inputs
            if self._call_has_training_arg:
                inputs["training"] = training
            return keras.Model.__call__(self, inputs.pop(first), **inputs)
        dtype = self.compute_dtype
        inputs = {name: prepare(name, x, dtype) for name, x in inputs.items()}
        return super().__call__(training=training, **inputs)

    def open_cache(self, past_key_values: Any, use_cache: bool | None = None) -> Cache | None:
        """The cache to write to: a copy of the caller's, a new one, or None."""
        layout = self.cache_layout()
        if not any(layout):
            if past_key_values is not None:
                raise InputError("the model keeps no state", key="past_key_values", expected="None")
            return None
        if past_key_values is not None:
            return as_cache(past_key_values, layout).copy()
        if use_cache is None:
            use_cache = getattr(self.config, "use_cache", False)
            use_cache = use_cache and not (is_training() and self.is_gradient_checkpointing)
        return Cache.growing(layout) if use_cache else None

    def _static_cache(self, layout: Layout, batch: int, capacity: int, dtype: Any) -> Cache:
        dtype = self.compute_dtype if dtype is None else dtype_name(dtype)
        return Cache.static(layout, batch, capacity, dtype)

    # Parts.

    def __dir__(self) -> list[str]:
        """Without the base model, which Keras's files would take for a part of itself."""
        return [name for name in super().__dir__() if name != "base_model"]

    def _layers_of(self, kind: type) -> Iterator[Any]:
        return (layer for layer in self._flatten_layers() if isinstance(layer, kind))

    def gradient_checkpointing_enable(self) -> None:
        """Training computes the blocks of stacks twice rather than remember their inside."""
        for block in self._layers_of(Block):
            block.set_checkpointing(True)

    def gradient_checkpointing_disable(self) -> None:
        """Training remembers everything again."""
        for block in self._layers_of(Block):
            block.set_checkpointing(False)

    @property
    def is_gradient_checkpointing(self) -> bool:
        return any(block.checkpointing for block in self._layers_of(Block))

    def num_parameters(self, only_trainable: bool = False) -> int:
        """The number of entries of all parameters."""
        parameters = weights.parameters(self).values()
        return sum(p.size for p in parameters if p.trainable or not only_trainable)

    def get_input_embeddings(self) -> Embedding:
        """The table of token embeddings."""
        return embeddings.find(self, "input_embeddings")

    def get_output_embeddings(self) -> Linear | None:
        """The layer that gives a logit per token, if the model has one."""
        return embeddings.find_output(self)

    def resize_token_embeddings(self, size: int) -> Embedding:
        """Change the number of tokens, in the input, the output and the configuration."""
        return embeddings.resize(self, size)
