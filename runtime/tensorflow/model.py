"""The base of all models: calls, states, gradient checkpointing, sizes of vocabularies."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import keras
import tensorflow as tf

from ..configuration import PretrainedConfig
from ..errors import ConfigError, InputError, show
from . import weights
from .base import Layer, Parameter, default_dtype, dtype_name, is_symbolic, is_training
from .blocks import Block
from .cache import Cache, Layout, as_cache
from .fitting import Fitting
from .initialization import Rule, initialize
from .inputs import bind, prepare
from .layers import Embedding, Linear
from .pretrained import Pretrained
from .taps import NO_TAPS, Taps


class PreTrainedModel(Fitting, Pretrained, Layer, keras.Model):
    """A model with a configuration, whose weights a checkpoint may hold.

    Generated classes give `config_class`; `base_model_prefix`, the attribute under which models
    with a head keep the base model; `initializers`; `roles`, attribute paths within the base
    model; and `checkpoint_rules` for old names.
    """

    config_class: ClassVar[type[PretrainedConfig]] = PretrainedConfig
    base_model_prefix: ClassVar[str] = ""
    initializers: ClassVar[Mapping[str, Rule]] = {}
    roles: ClassVar[Mapping[str, str]] = {}
    checkpoint_rules: ClassVar[Any] = None

    def __init__(self, config: PretrainedConfig):
        if not isinstance(config, PretrainedConfig):
            expected = self.config_class.__name__
            raise ConfigError(type(self).__name__, expected=expected, found=show(config))
        super().__init__()
        self.config = config
        self._call_names = inspect.signature(self.call)

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

    # Calls

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Inputs by position, by name, or as one mapping; arrays of numpy as well as tensors."""
        inputs = bind(self._call_names, args, kwargs)
        if is_symbolic((), inputs):
            first, *_ = inputs
            return keras.Model.__call__(self, inputs.pop(first), **inputs)
        dtype = self.compute_dtype
        inputs = {name: prepare(name, x, dtype) for name, x in inputs.items()}
        return super().__call__(training=training, **inputs)

    def use_return_dict(self, return_dict: bool | None) -> bool:
        """Whether a call returns a record (else a tuple)."""
        return self.config.use_return_dict if return_dict is None else return_dict

    def taps(self, **switches: bool | None) -> Taps:
        """What collects optional outputs; a switch that is None is read from the config."""
        asked = [
            name
            for name, value in switches.items()
            if (getattr(self.config, name, False) if value is None else value)
        ]
        attention = self.config.attn_implementation
        return Taps(asked, attention) if asked or attention else NO_TAPS

    # State

    def cache_layout(self) -> Layout:
        """The states of each position of the stack; generated where there are any."""
        base = self.base_model
        return [] if base is self else base.cache_layout()

    def init_cache(self, batch: int, capacity: int | None = None, dtype: Any = None) -> Cache:
        """An empty cache: allocated for `capacity` tokens, or growing."""
        if capacity is None:
            return Cache.growing(self.cache_layout())
        dtype = self.compute_dtype if dtype is None else dtype_name(dtype)
        return Cache.static(self.cache_layout(), batch, capacity, dtype)

    def open_cache(self, past_key_values: Any, use_cache: bool | None = None) -> Cache | None:
        """The cache to write to: a copy of the caller's, a new one, or None."""
        layout = self.cache_layout()
        if not any(layout):
            if past_key_values is not None:
                raise InputError(
                    "the model keeps no state", key="past_key_values", expected="None"
                )
            return None
        if past_key_values is not None:
            return as_cache(past_key_values, layout).copy()
        if use_cache is None:
            use_cache = getattr(self.config, "use_cache", False)
            use_cache = use_cache and not (is_training() and self.is_gradient_checkpointing)
        return Cache.growing(layout) if use_cache else None

    # Parts

    @property
    def base_model(self) -> PreTrainedModel:
        """The model below the head, or this one."""
        return getattr(self, self.base_model_prefix, self) if self.base_model_prefix else self

    def _layers_of(self, kind: type) -> Iterator[Any]:
        return (layer for layer in self._flatten_layers() if isinstance(layer, kind))

    def gradient_checkpointing_enable(self) -> None:
        """Training computes the blocks of stacks twice rather than remember their inside."""
        for block in self._layers_of(Block):
            block.enable_checkpointing()

    def gradient_checkpointing_disable(self) -> None:
        """Training remembers everything again."""
        for block in self._layers_of(Block):
            block.enable_checkpointing(False)

    @property
    def is_gradient_checkpointing(self) -> bool:
        return any(block.checkpointing for block in self._layers_of(Block))

    def num_parameters(self, only_trainable: bool = False) -> int:
        """The number of entries of all parameters."""
        parameters = weights.parameters(self).values()
        return sum(p.size for p in parameters if p.trainable or not only_trainable)

    def _role(self, role: str) -> Any:
        base = self.base_model
        owner, path = (self, self.roles[role]) if role in vars(type(self)).get("roles", {}) else (
            base, base.roles.get(role)
        )
        if path is None:
            raise NotImplementedError(f"{type(self).__name__} declares no {role}")
        return weights.descend(owner, path)

    def get_input_embeddings(self) -> Embedding:
        """The table of word embeddings."""
        return self._role("input_embeddings")

    def resize_token_embeddings(self, count: int) -> Embedding:
        """Give the vocabulary `count` entries; the first ones keep their values."""
        table = self.get_input_embeddings()
        heads = [head for head in self._layers_of(Linear) if head.tied_to is table]
        for layer in [table, *heads]:
            self._resize(layer, count)
        self.config.vocab_size = count
        return table

    def _resize(self, layer: Embedding | Linear, count: int) -> None:
        for leaf in list(weights.leaves(layer)):
            old = leaf.parameter
            axis = old.shape.rank - 1 if isinstance(layer, Linear) else 0
            shape = [count if i == axis else int(size) for i, size in enumerate(old.shape)]
            kept = tf.convert_to_tensor(old)[tuple(
                slice(count) if i == axis else slice(None) for i in range(len(shape)))]
            delattr(layer, leaf.name)
            new = Parameter(layer, leaf.name, shape, permutation=old.permutation, init=old.init)
            setattr(layer, leaf.name, new)
            initialize(leaf.name, new, layer, self.initializers, self.config)
            rest = tf.convert_to_tensor(new)[tuple(
                slice(kept.shape[i], None) if i == axis else slice(None)
                for i in range(len(shape)))]
            new.assign(tf.concat([kept, rest], axis=axis))
        for name in ("num_embeddings", "out_features"):
            if hasattr(layer, name):
                setattr(layer, name, count)
