"""`records`: dictionaries in a configuration whose keys depend on their kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .configs import type_of_text
from .diagnostics import Diagnostics, Location, describe, did_you_mean, listed, quoted
from .located import Map
from .types import Optional, Type


@dataclass(frozen=True)
class RecordKinds:
    """The first of `names` that a dictionary has tells its kind; `keys`: {kind: {key: type}}."""

    name: str
    names: tuple[str, ...]
    keys: dict[str, dict[str, Type]]

    def check(self, title: str, value: Any, where: Location, errors: Diagnostics) -> None:
        """A default, or a value of a preset."""
        if not isinstance(value, dict):
            return
        name = next((name for name in self.names if name in value), None)
        if name is None:
            expected = f"the key {quoted(self.names[0])}"
            errors.error(where, f"{title}: of no kind", expected=expected, found=describe(value))
            return
        kind = value[name]
        if kind not in self.keys:
            hint = did_you_mean(str(kind), self.keys)
            message = f"{title}: there is no kind {quoted(str(kind))}"
            errors.error(where, message, expected=listed(self.keys), hint=hint)
            return
        for key, wanted in self.keys[kind].items():
            if key not in value and not isinstance(wanted, Optional):
                message = f"{title}: kind {quoted(kind)} lacks the key {quoted(key)}"
                name = str(wanted).removeprefix("static ")
                errors.error(where, message, expected=f"a value of type {name}")


def read_records(sections: Iterable[Map], errors: Diagnostics) -> dict[str, RecordKinds]:
    """Those of a spec and of the libraries it uses, by name."""
    found: dict[str, tuple[Map, RecordKinds]] = {}
    for section in sections:
        for name, data in section.items():
            if name in found and found[name][0] != data:
                message = f"the record {quoted(name)} is declared twice, and not alike"
                errors.error(section.key_locations[name], message)
                continue
            found[name] = data, _read(name, data, errors)
    return {name: kinds for name, (_, kinds) in found.items()}


def _read(name: str, data: Map, errors: Diagnostics) -> RecordKinds:
    keys: dict[str, dict[str, Type]] = {}
    for kind, section in data["kinds"].items():
        keys[kind] = {}
        for key, text in section.items():
            if (wanted := type_of_text(text)) is None:
                where = section.value_locations[key]
                errors.error(where, f"{name}.{kind}.{key}: not a field type", found=text)
            else:
                keys[kind][key] = wanted
    names = data["kind"]
    return RecordKinds(name, (names,) if isinstance(names, str) else tuple(names), keys)
