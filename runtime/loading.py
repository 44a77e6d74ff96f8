"""What works on models of any framework: loading one, and its weights by name.

A framework is imported only to load a model for it.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .auto import PREFIXES, registry
from .auto.config import architectures, find_entry, read_config
from .configuration.base import HUB_OPTIONS
from .errors import ConfigError, InputError, nearest, show

if TYPE_CHECKING:
    import numpy as np


def load(path_or_id: str | os.PathLike, framework: str = "pytorch", **options: Any) -> Any:
    """The model in a folder or a repository of the hub, in a framework of your choice.

    Its class is the one that config.json names in `architectures`, the base model where it names
    none. `framework`: "pytorch", "tensorflow" or "flax"; `options`: those of the class's
    `from_pretrained`.
    """
    if framework not in PREFIXES:
        expected = ", ".join(PREFIXES)
        hint = nearest(framework, PREFIXES)
        raise InputError(key="framework", expected=expected, found=show(framework), hint=hint)
    for_hub = {name: options[name] for name in HUB_OPTIONS if name in options}
    path, values = read_config(path_or_id, **for_hub)
    entry = find_entry(path, values)
    name = "Model"
    if known := architectures(values):
        found = registry.entry_of_class(known[0], first=entry)
        if found is None:
            raise ConfigError(
                file=path,
                key="architectures",
                expected="a known class",
                found=show(known[0]),
                hint=nearest(known[0], registry.class_names()),
            )
        entry, name = found
    return entry.model_class(name, framework).from_pretrained(path_or_id, **options)


def parameters(model: Any) -> dict[str, Any]:
    """{checkpoint name: the framework's parameter}, in order, shared ones once."""
    return _weights_of(model).parameters(model)


def state_dict(model: Any) -> dict[str, np.ndarray]:
    """{checkpoint name: numpy array in the checkpoint's layout}, in order, shared ones once."""
    return _weights_of(model).state_dict(model)


def _weights_of(model: Any) -> ModuleType:
    """The module of the model's own framework, which has been imported with it."""
    package = __package__
    for base in type(model).__mro__:
        for framework in PREFIXES:
            if base.__module__.startswith(f"{package}.{framework}."):
                return importlib.import_module(f"{package}.{framework}.weights")
    raise InputError(expected="a model of Triptych", found=type(model).__name__)
