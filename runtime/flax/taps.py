"""Taps: inner values of a model that the caller asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def request_of(name: str) -> str:
    """The argument that asks for a tap: `output_attentions` for every kind of attentions, ..."""
    for kind in ("attentions", "hidden_states"):
        if name.endswith(kind):
            return f"output_{kind}"
    return f"output_{name}"


class Taps:
    """Collects the values that were asked for, by name; an attribute read gives them as a tuple."""

    def __init__(self, requests: Mapping[str, bool]):
        self._requests = dict(requests)
        self._values: dict[str, list[Any]] = {}

    def wants(self, name: str | None) -> bool:
        """Whether values of this name are kept."""
        return name is not None and bool(self._requests.get(request_of(name), False))

    def add(self, **values: Any) -> None:
        """Keeps those of the values that were asked for."""
        for name, value in values.items():
            if self.wants(name):
                self._values.setdefault(name, []).append(value)

    def __getattr__(self, name: str) -> tuple | None:
        if name.startswith("_"):
            raise AttributeError(name)
        return tuple(self._values.get(name, ())) if self.wants(name) else None

    def fresh(self) -> Taps:
        """An empty collector with the same requests, for code that is traced on its own."""
        return Taps(self._requests)

    def collected(self) -> dict[str, list[Any]]:
        """All values so far (a pytree)."""
        return {name: list(values) for name, values in self._values.items()}

    def extend(self, values: Mapping[str, list[Any]]) -> None:
        """Adds what another collector has `collected`."""
        for name, items in values.items():
            self._values.setdefault(name, []).extend(items)


NO_TAPS = Taps({})
