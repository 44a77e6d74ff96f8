"""What every framework's `from_pretrained` does before it builds a model."""

from __future__ import annotations

import inspect
import os
from typing import Any

from .configuration import PretrainedConfig
from .configuration.base import HUB_OPTIONS
from .errors import ConfigError, nearest


def hub_options(overrides: dict[str, Any]) -> dict[str, Any]:
    """Takes the options of the hub out of keyword arguments."""
    return {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}


def configure(
    cls: type,
    folder_or_id: str | os.PathLike,
    config: PretrainedConfig | None,
    overrides: dict[str, Any],
    options: dict[str, Any],
) -> tuple[PretrainedConfig, dict[str, Any]]:
    """The configuration to build a model of class `cls` with, and what is left of `overrides`.

    A configuration that was given is copied; the rest is meant for the constructor.
    """
    if config is not None:
        return config.copy(), dict(overrides)
    return cls.config_class.from_pretrained(
        folder_or_id, return_unused_kwargs=True, **options, **overrides
    )


def check_arguments(cls: type, arguments: dict[str, Any]) -> None:
    """Raises a ConfigError for what neither a configuration nor the constructor knows."""
    known = list(inspect.signature(cls.__init__).parameters)[2:]
    for name in arguments:
        if name not in known:
            names = [*cls.config_class._fields, *known]
            what = "neither the configuration nor the constructor has such a key"
            raise ConfigError(what, key=name, hint=nearest(name, names))
