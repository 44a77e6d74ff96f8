"""Model classes that stand for those of every architecture, one per framework and task."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, ClassVar, NoReturn

from ..configuration import PretrainedConfig
from ..configuration.base import HUB_OPTIONS
from ..errors import ConfigError, InputError
from . import CLASSES, PREFIXES, registry
from .config import AutoConfig, find_entry, read_config


class AutoClass:
    """The base of the auto classes. They have no instances, but make models of other classes."""

    framework: ClassVar[str]
    model: ClassVar[str]
    """What the classes are called after the architecture's prefix."""

    def __init__(self, *_: Any, **__: Any) -> NoReturn:
        name = type(self).__name__
        calls = f"{name}.from_pretrained(path_or_id) or {name}.from_config(config)"
        raise TypeError(f"{name} has no instances: use {calls}")

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | os.PathLike,
        *,
        config: PretrainedConfig | str | os.PathLike | None = None,
        **options: Any,
    ) -> Any:
        """A model with the weights in a folder or a repository of the hub.

        `options` are those of the architecture's own class: fields of the configuration, `dtype`,
        the hub's options.
        """
        if config is None:
            for_hub = {name: options[name] for name in HUB_OPTIONS if name in options}
            entry = find_entry(*read_config(path_or_id, **for_hub))
            return cls._class_in(entry).from_pretrained(path_or_id, **options)
        if not isinstance(config, PretrainedConfig):
            config = AutoConfig.from_pretrained(config)
        return cls.class_for(config).from_pretrained(path_or_id, config=config, **options)

    @classmethod
    def from_config(cls, config: PretrainedConfig, **options: Any) -> Any:
        """A model with random weights."""
        return cls.class_for(config).from_config(config, **options)

    @classmethod
    def class_for(cls, config: PretrainedConfig) -> type:
        """The class of an architecture for this task and framework."""
        if not isinstance(config, PretrainedConfig):
            expected, found = "a configuration", type(config).__name__
            raise ConfigError(cls.__name__, expected=expected, found=found)
        return cls._class_in(registry.entry_of(config.model_type))

    @classmethod
    def _class_in(cls, entry: registry.Entry) -> type:
        if cls.model in entry.names:
            return entry.model_class(cls.model, cls.framework)
        names = ", ".join(f"{entry.prefix}{name}" for name in entry.models)
        raise InputError(
            f"{cls.__name__}: {entry.model_type} has no class for this task",
            hint=f"There are {names}",
        )


@cache
def make_auto_class(framework: str, model: str) -> type[AutoClass]:
    """The auto class of what architectures have under this name, `ForMaskedLM` or `Backbone`."""
    auto = f"AutoModel{model}" if model.startswith("For") else f"Auto{model}"
    name = f"{PREFIXES[framework]}{auto}"
    doc = f"Models of any architecture called *{model}, in {framework}."
    values = {"framework": framework, "model": model, "__doc__": doc, "__module__": __name__}
    return type(name, (AutoClass,), values)


def _model(auto: str) -> str:
    """AutoModelForMaskedLM -> ForMaskedLM."""
    return auto.removeprefix("Auto").removeprefix("Model") or "Model"


globals().update(
    {
        cls.__name__: cls
        for framework in PREFIXES
        for cls in (make_auto_class(framework, _model(auto)) for auto in CLASSES)
    }
)
