"""Names that are imported when they are first used, so that no framework is loaded in vain."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import MissingFrameworkError

# The extra of Triptych that installs a package.
EXTRAS = {
    "torch": "torch",
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "jax": "flax",
    "flax": "flax",
}


def export(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package, from {submodule: names}."""
    homes = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise
            raise MissingFrameworkError(EXTRAS[error.name], f"for {name}") from error
        vars(importlib.import_module(package))[name] = value
        return value

    return __getattr__, lambda: sorted(homes), sorted(homes)
