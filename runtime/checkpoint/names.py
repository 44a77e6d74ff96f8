"""The names of stored tensors, under old spellings and with or without the base model's prefix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence


class StoredNames:
    """Finds the stored tensor for a name of the model.

    Attributes:
        current: The current name of every stored one.
    """

    def __init__(self, names: Iterable[str], renames: Sequence[tuple[str, str]] = ()):
        self._names = tuple(names)
        self._renames = [(re.compile(pattern), new) for pattern, new in renames]
        self._translate: Callable[[str], str] = _as_it_is
        self.current: dict[str, str] = {}
        self._stored: dict[str, str] = {}

    def choose_prefix(self, wanted: set[str], base_prefix: str) -> None:
        """Decides whether the file differs from the `wanted` names by the base model's prefix.

        Of the three readings, the one that finds the most tensors is taken.
        """
        lead = f"{base_prefix}."
        readings = [_as_it_is]
        if base_prefix:
            readings += [lambda name: name.removeprefix(lead), lambda name: lead + name]
        known = {read(name) for name in wanted for read in readings}
        self.current = {name: self._renamed(name, known) for name in self._names}
        self._stored = {}
        # A tensor stored under its current name comes before one that was renamed to it.
        for name in sorted(self._names, key=lambda name: name != self.current[name]):
            self._stored.setdefault(self.current[name], name)
        self._translate = max(readings, key=lambda read: self._count(wanted, read))

    def find(self, name: str) -> str | None:
        """The stored name of a tensor that the model calls `name`, or None."""
        return self._stored.get(self._translate(name))

    def _count(self, wanted: set[str], read: Callable[[str], str]) -> int:
        return sum(read(name) in self._stored for name in wanted)

    def _renamed(self, name: str, known: set[str]) -> str:
        if name in known:
            return name
        for pattern, new in self._renames:
            renamed, count = pattern.subn(new, name)
            if count:
                return renamed
        return name


def _as_it_is(name: str) -> str:
    return name
