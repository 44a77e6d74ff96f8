"""Every class of every architecture by its name: `from triptych import BertModel`."""

from __future__ import annotations

from typing import Any

from ..errors import nearest
from . import PREFIXES
from .registry import Entry, entries


def find_class(name: str) -> type:
    """The configuration or model class of this name; an AttributeError tells the nearest one."""
    for entry in entries().values():
        if name == entry.config:
            return entry.config_class
        for framework in PREFIXES:
            if name in _models(entry, framework):
                return entry.model_class(_models(entry, framework)[name], framework)
    hint = nearest(name, class_names())
    raise AttributeError(f"module 'triptych' has no attribute {name!r}{hint and '.' + hint}")


def class_names() -> list[str]:
    """The names of all classes, in all frameworks."""
    found: dict[str, Any] = {}
    for entry in entries().values():
        found[entry.config] = None
        for framework in PREFIXES:
            found |= _models(entry, framework)
    return list(found)


def _models(entry: Entry, framework: str) -> dict[str, str]:
    return {f"{PREFIXES[framework]}{entry.prefix}{name}": name for name in entry.names}
