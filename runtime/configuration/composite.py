"""Configurations with parts of any architecture that may be missing."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError
from .base import PretrainedConfig


class CompositeConfig(PretrainedConfig):
    """Files have of a part what differs from its class's defaults, and its own fields."""

    def part(self, name: str) -> PretrainedConfig:
        """The configuration of a part that models cannot do without."""
        found = getattr(self, name)
        if found is None:
            raise ConfigError(key=name, expected="the configuration of a model", found="None")
        return found

    def to_diff_dict(self) -> dict[str, Any]:
        """What a config.json holds."""
        result, usual = super().to_diff_dict(), PretrainedConfig().to_dict()
        for name, part in self.sub_configs().items():
            own = type(part)().to_dict()
            values = part.to_dict().items()
            kept = {key: x for key, x in values if key not in usual or x != own.get(key)}
            result[name] = kept | {"model_type": part.model_type}
        return result
