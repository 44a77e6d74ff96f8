"""Dictionaries in a configuration whose keys depend on their kind, such as ways to scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError, nearest, show
from .annotations import describe, matches


@dataclasses.dataclass(frozen=True)
class Kinds:
    """The keys that a dictionary has by its kind: {kind: {key: type}}.

    The first of `names` that a dictionary has tells its kind (files of different age have
    different ones). A key whose type allows None may be absent; keys beyond these are kept.
    """

    names: tuple[str, ...]
    keys: Mapping[str, Mapping[str, Any]]

    def check(self, key: str, value: Mapping[str, Any]) -> None:
        """Raises a ConfigError unless the dictionary is of a known kind and has its keys."""
        name = next((name for name in self.names if name in value), None)
        if name is None:
            found = f"only {', '.join(map(show, value))}" if value else "an empty object"
            raise ConfigError(key=key, expected=f"the key {self.names[0]!r}", found=found)
        kind = value[name]
        if not isinstance(kind, str) or kind not in self.keys:
            raise ConfigError(
                key=f"{key}.{name}",
                expected=f"one of {', '.join(map(repr, self.keys))}",
                found=show(kind),
                hint=nearest(kind, self.keys),
            )
        for item, expected in self.keys[kind].items():
            # An absent key and null mean the same.
            if not matches(value.get(item), expected):
                found = show(value[item]) if item in value else "none"
                raise ConfigError(
                    f"kind {kind!r}",
                    key=f"{key}.{item}",
                    expected=describe(expected),
                    found=found,
                )
