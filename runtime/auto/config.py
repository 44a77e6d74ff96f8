"""A configuration of whatever class its file asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from .. import hub
from ..configuration import PretrainedConfig, find_config_class
from ..configuration.base import CONFIG_NAME, HUB_OPTIONS, MAX_BYTES
from ..errors import ConfigError
from ..files import read_json
from . import registry


def read_config(path_or_id: str | os.PathLike, **options: Any) -> tuple[Path, dict[str, Any]]:
    """Where the config.json of a folder or a repository is, and what it holds."""
    path = Path(path_or_id)
    if not path.is_file():
        path = hub.resolve(path_or_id, CONFIG_NAME, **options)
    return path, read_json(path, MAX_BYTES, ConfigError)


def find_entry(path: Path, values: dict[str, Any]) -> registry.Entry:
    """The architecture that a config.json is for: its model_type, else that of its class."""
    try:
        if "model_type" in values:
            return registry.entry_of(values["model_type"])
        for name in architectures(values):
            found = registry.entry_of_class(name)
            if found is not None:
                return found[0]
        hint = "Use the class of the architecture itself"
        raise ConfigError("does not say what it is for", key="model_type", hint=hint)
    except ConfigError as error:
        error.file = path
        raise


def architectures(values: dict[str, Any]) -> list[str]:
    """The class names that a config.json gives."""
    found = values.get("architectures")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


class AutoConfig:
    """The configuration in a folder or in a repository of the hub."""

    def __init__(self) -> NoReturn:
        raise TypeError("AutoConfig has no instances: use AutoConfig.from_pretrained(path_or_id)")

    @staticmethod
    def from_pretrained(path_or_id: str | os.PathLike, **overrides: Any) -> PretrainedConfig:
        """Reads a configuration; `overrides` are its fields, or the hub's options."""
        options = {name: overrides[name] for name in HUB_OPTIONS if name in overrides}
        path, values = read_config(path_or_id, **options)
        for name in options:
            del overrides[name]
        return find_entry(path, values).config_class.from_json_file(path, **overrides)

    @staticmethod
    def for_model(model_type: str, **values: Any) -> PretrainedConfig:
        """A new configuration of a model type."""
        return find_config_class(model_type)(**values)
