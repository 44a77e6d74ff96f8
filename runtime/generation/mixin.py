"""What models that generate have in common: their settings of generation."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

from ..configuration.base import HUB_OPTIONS
from ..errors import InputError
from .config import GenerationConfig
from .decoding import Decoding


class WithGenerationConfig:
    """A model with settings of generation, which are read and written along with it."""

    decoding: ClassVar[Decoding] = Decoding()

    @property
    def generation_config(self) -> GenerationConfig:
        """The settings that `generate` starts from: the checkpoint's, or those that follow from
        the model's configuration."""
        found = self.__dict__.get("_generation_config")
        if found is None:
            found = GenerationConfig.from_model_config(self.config)
            object.__setattr__(self, "_generation_config", found)
        return found

    @generation_config.setter
    def generation_config(self, value: GenerationConfig) -> None:
        if not isinstance(value, GenerationConfig):
            expected, found = "a GenerationConfig", type(value).__name__
            raise InputError(key="generation_config", expected=expected, found=found)
        object.__setattr__(self, "_generation_config", value)

    def can_generate(self) -> bool:
        """True: the model gives scores of next tokens."""
        return True

    @classmethod
    def from_pretrained(
        cls,
        folder_or_id: str | os.PathLike,
        *,
        generation_config: GenerationConfig | None = None,
        **options: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A model as the base class loads it, with the settings of generation beside its weights.

        `generation_config`: settings to take instead of those.
        """
        loaded = super().from_pretrained(folder_or_id, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        if generation_config is None:
            hub = {name: options[name] for name in HUB_OPTIONS if name in options}
            found = GenerationConfig.of_checkpoint(folder_or_id, model.config, **hub)
            generation_config = found
        model.generation_config = generation_config
        return loaded

    def save_pretrained(self, folder: str | os.PathLike, **options: Any) -> None:
        """Writes what the base class writes, and generation_config.json."""
        super().save_pretrained(folder, **options)
        self.generation_config.save_pretrained(folder)
