"""Finds the configuration class of a model type."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakValueDictionary

from ..errors import ConfigError, nearest, show

_classes: WeakValueDictionary[str, type] = WeakValueDictionary()
_lookups: list[Callable[[str], type | None]] = []
_names: list[Callable[[], list[str]]] = []


def register_class(model_type: str, config_class: type) -> None:
    """Remembers a class that has been defined; the last of a name wins."""
    _classes[model_type] = config_class


def register_lookup(
    find: Callable[[str], type | None], names: Callable[[], list[str]] = list
) -> None:
    """Adds a source of classes that are not imported yet.

    `find` returns the class of a model type or None; `names` lists the types it knows.
    """
    _lookups.append(find)
    _names.append(names)


def find_config_class(model_type: str) -> type:
    """The configuration class of `model_type`; a ConfigError names the nearest known type.

    Registered packages come first; then classes that were defined anywhere in this process.
    """
    from ..auto import registry  # noqa: F401 (late, since it needs this module: it adds a lookup)

    if isinstance(model_type, str):
        for find in (*_lookups, _classes.get):
            if (found := find(model_type)) is not None:
                return found
    known = {name for names in _names for name in names()} | set(_classes)
    raise ConfigError(
        key="model_type",
        expected="a known model type",
        found=show(model_type),
        hint=nearest(model_type, sorted(known)),
    )
