"""Optional outputs: intermediate values that are collected while a model runs."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


class Taps:
    """Collects the values that were asked for.

    `asked` holds the switches of the call that are on. A name ending in `attentions` belongs to
    output_attentions, one ending in `hidden_states` to output_hidden_states, any other to
    output_<name>.
    """

    __slots__ = ("_asked", "_values", "attention")

    def __init__(self, asked: Iterable[str] = (), attention: str | None = None):
        self._asked = frozenset(asked)
        self._values: dict[str, list[Tensor]] = {}
        self.attention = attention  # how the model wants attention computed

    def wants(self, name: str) -> bool:
        """Whether values of this name are collected."""
        return bool(self._asked) and _switch(name) in self._asked

    def add(self, **values: Tensor) -> None:
        """Collects the values whose names are wanted."""
        if self._asked:
            for name, value in values.items():
                if self.wants(name):
                    self._values.setdefault(name, []).append(value)

    def __getattr__(self, name: str) -> tuple[Tensor, ...] | None:
        if name.startswith("_"):
            raise AttributeError(name)
        values = self._values.get(name)
        return None if values is None else tuple(values)

    def fresh(self) -> Taps:
        """An empty one that collects the same names."""
        return Taps(self._asked, self.attention)

    def collected(self) -> dict[str, tuple[Tensor, ...]]:
        """All values by name."""
        return {name: tuple(values) for name, values in self._values.items()}

    def extend(self, collected: dict[str, tuple[Tensor, ...]]) -> None:
        """Appends what another one has collected."""
        for name, values in collected.items():
            self._values.setdefault(name, []).extend(values)


def _switch(name: str) -> str:
    for kind in ("attentions", "hidden_states"):
        if name.endswith(kind):
            return f"output_{kind}"
    return f"output_{name}"


NO_TAPS = Taps()
