"""The base of all models."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ..configuration import PretrainedConfig
from ..errors import ConfigError, InputError
from . import embeddings, loading, weights
from .base import abstract_parameters, as_dtype, compute_dtype, is_abstract
from .blocks import Block
from .cache import Cache, Layout, as_cache
from .initialization import Rule, initial_value
from .taps import NO_TAPS, Taps

EXACT = ("labels",)  # inputs that keep float32: losses are computed in it


class ModelMeta(type(nnx.Module)):
    """Builds models without values; `post_init` gives each parameter its first and only ones."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        with abstract_parameters():
            return super().__call__(*args, **kwargs)


class PreTrainedModel(nnx.Module, metaclass=ModelMeta):
    """A model with a configuration: made, loaded, saved, and given caches and taps.

    The class attributes say how the model's parameters begin (`initializers`), which modules have
    a known part to play (`roles`, paths from the base model), and how checkpoints name them.
    Models start in evaluation mode; `train()` and `eval()` change it.
    """

    config_class: ClassVar[type[PretrainedConfig]] = PretrainedConfig
    base_model_prefix: ClassVar[str] = ""  # the attribute under which heads keep the base model
    initializers: ClassVar[Mapping[str, Rule]] = {}
    roles: ClassVar[Mapping[str, str]] = {}
    checkpoint_rules: ClassVar[Any] = None
    deterministic = True  # set by nnx's train() and eval()

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "__call__" in vars(cls):
            cls.__call__ = _with_arrays(cls.__call__)

    def __init__(self, config: PretrainedConfig, *, rngs: nnx.Rngs | None = None):
        if not isinstance(config, self.config_class):
            expected, found = self.config_class.__name__, type(config).__name__
            raise ConfigError(f"{type(self).__name__} takes one", expected=expected, found=found)
        self.config = config
        self.compute_dtype = compute_dtype()
        self._key = nnx.data(None) if rngs is None else rngs.params

    # Construction.

    def post_init(self, rngs: nnx.Rngs | None = None) -> None:
        """Ends the constructor: gives parameters their first values, unless others are to come."""
        if not loading.is_loading():
            self.initialize(nnx.Rngs(0) if rngs is None else rngs)

    def initialize(self, rngs: nnx.Rngs) -> None:
        """Fills the parameters that hold no values yet; inner models have filled their own."""
        empty = [leaf for leaf in weights.leaves(self) if is_abstract(leaf.variable)]
        weights.fill(empty, self.first_values(rngs))

    def first_values(self, rngs: nnx.Rngs) -> Callable[[weights.Leaf], jax.Array]:
        """What each leaf starts from, by the model's `initializers`."""
        key = rngs.params()
        return lambda leaf: initial_value(leaf, self.initializers, key, self.config)

    def tie(self, head: nnx.Module, table: nnx.Module) -> None:
        """Makes `head` use the weight of `table`; checkpoints then hold it once."""
        head.weight = table.weight
