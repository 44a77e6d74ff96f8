"""Which classes there are for a model type: read from the registries of generated packages."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..configuration import register_lookup
from ..errors import ConfigError, InputError, nearest, show
from ..files import read_json
from . import PREFIXES

OWN = "triptych.models"
FILE = "registry.json"
MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Entry:
    """The classes of a model type. Each is called framework prefix + `prefix` + a model's name."""

    model_type: str
    module: str
    """The package that exports them."""
    config: str
    prefix: str
    models: tuple[str, ...]
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of models, with other names of the same."""
        return *self.models, *self.aliases

    @property
    def config_class(self) -> type:
        return getattr(importlib.import_module(self.module), self.config)

    def model_class(self, name: str, framework: str) -> type:
        """The class of one of `names` in a framework, which it imports."""
        importlib.import_module(f"..{framework}", __package__)  # says so if it is not installed
        package = importlib.import_module(self.module)
        return getattr(package, f"{PREFIXES[framework]}{self.prefix}{name}")


# Packages that were registered, after the one that comes with Triptych.
_packages: dict[str, dict[str, Entry]] = {}


def register(package: str | ModuleType, *, replace: bool = False) -> list[str]:
    """Lets the auto classes find the models of a package that `triptych generate --out` wrote.

    Returns its model types. A model type that is known already is an error, unless `replace` is
    set; to register a package again is none.
    """
    name = package.__name__ if isinstance(package, ModuleType) else package
    found = _read(name)
    if not replace:
        for model_type in found:
            other = entries().get(model_type)
            if other is not None and not other.module.startswith(f"{name}."):
                where = other.module.rpartition(".")[0]
                hint = "Set replace=True to use the one of this package"
                what = f"{name}: {where} has a model of this type too"
                raise InputError(what, key=model_type, hint=hint)
    _packages.pop(name, None)
    _packages[name] = found
    return sorted(found)


def entries() -> dict[str, Entry]:
    """All entries by model type."""
    found = dict(_own())
    for package in _packages.values():
        found |= package
    return found


@cache
def _own() -> dict[str, Entry]:
    return _read(OWN)


def _read(package: str) -> dict[str, Entry]:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise InputError("no such package", key=show(package))
    places = [Path(place) / FILE for place in spec.submodule_search_locations]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        hint = "`triptych generate SPEC --out DIR` writes it"
        raise InputError(f"{package} has no {FILE}", file=places[0].parent, hint=hint)
    data = read_json(path, MAX_BYTES, InputError)
    return {key: _entry(path, package, key, value) for key, value in data.items() if key}


def _entry(path: Path, package: str, model_type: str, value: Any) -> Entry:
    try:
        module = f"{package}.{value['package']}"
        models, aliases = tuple(value["models"]), dict(value["aliases"])
        return Entry(model_type, module, value["config"], value["prefix"], models, aliases)
    except (KeyError, TypeError, ValueError) as error:
        expected = "package, config, prefix, models, aliases"
        raise InputError(file=path, key=model_type, expected=expected, found=show(value)) from error


def entry_of(model_type: str) -> Entry:
    """The entry of a model type; a ConfigError names the nearest."""
    found = entries()
    if isinstance(model_type, str) and model_type in found:
        return found[model_type]
    expected = "a known model type"
    hint = nearest(model_type, found)
    raise ConfigError(key="model_type", expected=expected, found=show(model_type), hint=hint)


def entry_of_class(name: str, first: Entry | None = None) -> tuple[Entry, str] | None:
    """The entry and the model of a class name, whatever its framework's prefix; `first` wins."""
    name = plain(name)
    for entry in (first, *entries().values()) if first else entries().values():
        own = name.removeprefix(entry.prefix)
        if own in entry.names and name == f"{entry.prefix}{own}":
            return entry, own
    return None


def class_names() -> list[str]:
    """The names of all models, as they are in PyTorch."""
    return [f"{entry.prefix}{name}" for entry in entries().values() for name in entry.names]


def plain(name: str) -> str:
    """The name of a class without its framework's prefix."""
    for prefix in ("Flax", "TF"):
        rest = name.removeprefix(prefix)
        if rest != name and rest[:1].isupper():
            return rest
    return name


def _find_config_class(model_type: str) -> type | None:
    entry = entries().get(model_type)
    return entry.config_class if entry else None


register_lookup(_find_config_class, lambda: list(entries()))
