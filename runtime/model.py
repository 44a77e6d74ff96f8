"""What a call needs of a model's configuration and parts, alike in all frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .configuration import PretrainedConfig
from .errors import InputError, show
from .states import Layout


class CommonModel:
    """A model with a configuration; a base for those of one framework.

    The class attributes say how the model's parameters begin (`initializers`), which modules have
    a known part to play (`roles`, paths from the base model), and how checkpoints name them.
    """

    config_class: ClassVar[type[PretrainedConfig]] = PretrainedConfig
    base_model_prefix: ClassVar[str] = ""  # the attribute under which heads keep the base model
    stored_prefix: ClassVar[str | None] = None  # that in checkpoints, if it is another
    initializers: ClassVar[Mapping[str, Any]] = {}
    roles: ClassVar[Mapping[str, str]] = {}
    checkpoint_rules: ClassVar[Any] = None
    cache_name: ClassVar[str] = "past_key_values"  # what callers know the cache as

    _cache_class: ClassVar[Any]
    _taps_class: ClassVar[Any]
    _no_taps: ClassVar[Any]

    @property
    def checkpoint_prefix(self) -> str:
        """How the names of the base model's tensors begin in the checkpoints of heads."""
        return self.base_model_prefix if self.stored_prefix is None else self.stored_prefix

    @property
    def base_model(self) -> Any:
        """The model without its head."""
        base = getattr(self, self.base_model_prefix, None) if self.base_model_prefix else None
        return base if isinstance(base, CommonModel) else self

    def _vocabulary_config(self, size: int) -> PretrainedConfig:
        """The configuration of the same model with another number of tokens."""
        if type(size) is not int or size < 1:
            raise InputError(key="size", expected="a number of tokens", found=show(size))
        config = self.config.copy()
        self._vocabulary_part(config).vocab_size = size
        return config

    @staticmethod
    def _vocabulary_part(config: PretrainedConfig) -> PretrainedConfig:
        """The configuration that says how many tokens there are: that of a part, in a composite."""
        if "vocab_size" in config._fields:
            return config
        parts = config.sub_configs().values()
        return next((part for part in parts if "vocab_size" in part._fields), config)

    def taps(self, **switches: bool | None) -> Any:
        """What collects the optional outputs of a call; None stands for the config's default."""
        asked = [
            name
            for name, on in switches.items()
            if (getattr(self.config, name, False) if on is None else on)
        ]
        attention = self.config.attn_implementation
        return self._taps_class(asked, attention) if asked or attention else self._no_taps

    def use_return_dict(self, return_dict: bool | None) -> bool:
        """Whether a call returns a record rather than a tuple."""
        return self.config.use_return_dict if return_dict is None else return_dict

    def cache_layout(self) -> Layout:
        """The states of each position of the stack; a head's are those of its base model."""
        base = self.base_model
        return [] if base is self else base.cache_layout()

    def init_cache(
        self, batch: int | None = None, capacity: int | None = None, dtype: Any = None
    ) -> Any:
        """An empty cache: with `capacity` preallocated for `batch` sequences, else growing.

        Its tensors have the dtype of computations unless another is asked for.
        """
        layout = self.cache_layout()
        if not any(layout):
            raise InputError(f"{type(self).__name__} keeps no state between calls")
        if capacity is None:
            return self._cache_class.growing(layout)
        if batch is None:
            raise InputError("a preallocated cache has a size", key="batch", expected="an integer")
        return self._static_cache(layout, batch, capacity, dtype)

    def _static_cache(self, layout: Layout, batch: int, capacity: int, dtype: Any) -> Any:
        raise NotImplementedError
