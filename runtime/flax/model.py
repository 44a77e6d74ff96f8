"""The base of all models."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ..configuration import PretrainedConfig
from ..errors import ConfigError, InputError
from ..model import CommonModel
from ..states import Layout
from . import embeddings, loading, weights
from .base import as_dtype, building, compute_dtype, is_abstract
from .blocks import blocks_of, set_checkpointing
from .cache import Cache, as_cache
from .initialization import initial_value
from .taps import NO_TAPS, Taps

EXACT = ("labels",)  # inputs that keep float32: losses are computed in it


class ModelMeta(type(nnx.Module)):
    """Builds models without values, then gives each parameter its first and only ones."""

    def __call__(
        cls, config: PretrainedConfig, *args: Any, rngs: nnx.Rngs | None = None, **kwargs: Any
    ) -> Any:
        rngs = nnx.Rngs(0) if rngs is None else rngs
        with building(scan_layers=getattr(config, "scan_layers", False)):
            model = super().__call__(config, *args, rngs=rngs, **kwargs)
        # nnx sorts attributes whenever it puts a module together again.
        model.leaf_names = tuple(leaf.name for leaf in weights.leaves(model))
        if not loading.is_loading():
            model.initialize(rngs)
        return model


class PreTrainedModel(CommonModel, nnx.Module, metaclass=ModelMeta):
    """A model with a configuration: made, loaded, saved, and given caches and taps.

    Models start in evaluation mode; `train()` and `eval()` change it.
    """

    _cache_class, _taps_class, _no_taps = Cache, Taps, NO_TAPS
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

    # Construction.

    def post_init(self) -> None:
        """Ends the constructor; the parameters get their first values right after it."""

    def initialize(self, rngs: nnx.Rngs) -> None:
        """Fills the parameters that hold no values yet; inner models have filled their own."""
        empty = [leaf for leaf in weights.leaves(self) if is_abstract(leaf.variable)]
        weights.fill(empty, self.first_value(rngs))

    def first_value(self, rngs: nnx.Rngs) -> Callable[[weights.Leaf], jax.Array]:
        """What each parameter starts from, by the model's `initializers`."""
        key = rngs.params()
        return lambda leaf: initial_value(leaf, self.initializers, key, self.config)

    def tie(self, head: nnx.Module, table: nnx.Module) -> None:
        """Makes `head` use the weight of `table`; checkpoints then hold it once."""
        head.weight = table.weight
        head.tied = ("weight",)

    @classmethod
    def from_config(cls, config: PretrainedConfig, *, dtype: Any = None, **options: Any) -> Self:
        """A model with random weights; `options` are those of the constructor."""
        with loading.dtype_for(config, dtype):
            return cls(config, **options)

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
        """A model, in evaluation mode, with the weights in a folder or a repository of the hub.

        `dtype`: of parameters and computations; float32 by default, "auto" for the
        configuration's. `config_overrides`: fields of the configuration, options of the hub, or
        arguments of the constructor. With `output_loading_info`, also returns the keys that were
        missing, unexpected and mismatched. Missing parameters get first values, and a warning.
        """
        model, plan = loading.load(
            cls, folder_or_id, config, dtype, ignore_mismatched_sizes, config_overrides
        )
        if output_loading_info:
            return model, plan.info
        plan.warn()
        return model

    def save_pretrained(self, folder: str | os.PathLike, max_shard_size: int | str = "5GB") -> None:
        """Writes config.json and model.safetensors (or its shards) into `folder`."""
        loading.save(self, folder, max_shard_size)

    # What a call needs.

    def open_cache(self, past_key_values: Any, use_cache: bool | None) -> Cache | None:
        """The cache that a call writes to: a copy of the caller's, a new one, or None."""
        layout = self.cache_layout()
        if past_key_values is not None:
            if not any(layout):
                raise InputError("the model keeps no state", key="past_key_values", expected="None")
            return as_cache(past_key_values, layout).copy()
        if use_cache is None:
            use_cache = getattr(self.config, "use_cache", False)
            use_cache = use_cache and not (self.training and self.is_gradient_checkpointing)
        return Cache.growing(layout) if use_cache and any(layout) else None

    def _static_cache(self, layout: Layout, batch: int, capacity: int, dtype: Any) -> Cache:
        dtype = self.compute_dtype if dtype is None else as_dtype(dtype)
        return Cache.static(layout, batch, capacity, dtype)

    # Parts.

    def get_input_embeddings(self) -> nnx.Module:
        """The table of token embeddings."""
        return embeddings.find(self, "input_embeddings")

    def get_output_embeddings(self) -> nnx.Module | None:
        """The layer that gives a logit per token, if the model has one."""
        return embeddings.find_output(self)

    def resize_token_embeddings(self, size: int, *, rngs: nnx.Rngs | None = None) -> nnx.Module:
        """Changes the number of tokens, in the input, the output and the configuration."""
        return embeddings.resize(self, size, nnx.Rngs(0) if rngs is None else rngs)

    # What a model is like.

    @property
    def training(self) -> bool:
        """Whether the model is in training mode."""
        return not self.deterministic

    @property
    def dtype(self) -> np.dtype:
        """That of the first parameter."""
        return next((np.dtype(leaf.dtype) for leaf in weights.leaves(self)), np.dtype("float32"))

    def num_parameters(self, only_trainable: bool = False) -> int:
        """The number of entries of all parameters, shared ones once; all of them are trainable."""
        return sum(parameter.size for parameter in weights.parameters(self).values())

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
        return any(block.checkpointing for block in blocks_of(self))


def method(forward: Callable) -> Callable:
    """A call of a model beside its main one, which takes what that takes."""
    return _with_arrays(forward)


def _with_arrays(forward: Callable) -> Callable:
    """Lets a model take arrays of numpy and nested lists, and floats in any precision."""
    signature = inspect.signature(forward)

    @functools.wraps(forward)
    def call(self: PreTrainedModel, *args: Any, **kwargs: Any) -> Any:
        inputs = signature.bind(self, *args, **kwargs)
        for name, x in inputs.arguments.items():
            dtype = jnp.dtype("float32") if name in EXACT else self.compute_dtype
            inputs.arguments[name] = _prepared(name, x, dtype)
        return forward(*inputs.args, **inputs.kwargs)

    return call


def _prepared(name: str, x: Any, dtype: np.dtype) -> Any:
    """Whole numbers as int32, others in the model's dtype; what is no array stays as it is."""
    if isinstance(x, list) and name != "past_key_values" and not _has_arrays(x):
        try:
            x = np.asarray(x)
        except ValueError:
            what = "rows of one length"
            raise InputError(key=name, expected=what, found="different ones") from None
    if not isinstance(x, jax.Array | np.ndarray):
        return x
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jnp.integer):
        return x.astype(jnp.int32)
    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x


def _has_arrays(values: list) -> bool:
    return any(isinstance(item, jax.Array | np.ndarray) for item in jax.tree.leaves(values))
