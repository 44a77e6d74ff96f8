"""Taps: inner values of a model that a caller asked for, in any framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def switch_of(name: str) -> str:
    """The switch that asks for a tap: `output_attentions` for every kind of attentions, ..."""
    for kind in ("attentions", "hidden_states"):
        if name.endswith(kind):
            return f"output_{kind}"
    return f"output_{name}"


class Taps:
    """Collects the values that were asked for, by name; an attribute read gives them as a tuple.

    `asked`: the switches of the call that are on. `attention`: how the model wants attention
    computed. `names`: what values are called here, where that is not what the module calls them.
    """

    __slots__ = ("_asked", "_names", "_values", "attention")

    def __init__(
        self,
        asked: Iterable[str] = (),
        attention: str | None = None,
        names: Mapping[str, str] | None = None,
    ):
        self._asked = frozenset(asked)
        self._names = dict(names or {})
        self._values: dict[str, list[Any]] = {}
        self.attention = attention

    def wants(self, name: str | None) -> bool:
        """Whether values of this name are kept."""
        return bool(self._asked) and name is not None and switch_of(name) in self._asked

    def add(self, **values: Any) -> None:
        """Keeps those of the values that were asked for."""
        if self._asked:
            for name, value in values.items():
                if self.wants(name):
                    self._values.setdefault(self._names.get(name, name), []).append(value)

    def __getattr__(self, name: str) -> tuple | None:
        if name.startswith("_"):
            raise AttributeError(name)
        values = self._values.get(name)
        return None if values is None else tuple(values)

    def scope(self, prefix: str, *names: str) -> Taps:
        """For a part of the model: its values of these names are kept as `prefix_name`."""
        part = Taps(self._asked, self.attention, {name: f"{prefix}_{name}" for name in names})
        part._values = self._values
        return part

    def fresh(self) -> Taps:
        """An empty one with the same switches, for code that is traced on its own."""
        return Taps(self._asked, self.attention, self._names)

    def collected(self) -> dict[str, list[Any]]:
        """All values so far, by the name they are kept under."""
        return {name: list(values) for name, values in self._values.items()}

    def extend(self, values: Mapping[str, Iterable[Any]]) -> None:
        """Adds what another collector has `collected`."""
        for name, items in values.items():
            self._values.setdefault(name, []).extend(items)


NO_TAPS = Taps()
