"""Optional outputs: intermediate values that are collected while a model runs."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

KINDS = ("attentions", "hidden_states")


class Taps:
    """Collects the values that were asked for.

    `asked` holds the switches of the call that are on. A name ending in `attentions` belongs to
    output_attentions, one ending in `hidden_states` to output_hidden_states, any other to
    output_<name>. `attention` is how the model wants attention computed.
    """

    def __init__(self, asked: Iterable[str] = (), attention: str | None = None):
        self._asked = frozenset(asked)
        self._values: dict[str, list[tf.Tensor]] = {}
        self.attention = attention

    def wants(self, name: str) -> bool:
        """Whether values of this name are collected."""
        return bool(self._asked) and switch_of(name) in self._asked

    def add(self, **values: tf.Tensor) -> None:
        """Collect the values whose names are wanted."""
        for name, value in values.items():
            if self.wants(name):
                self._values.setdefault(name, []).append(value)

    def __getattr__(self, name: str) -> tuple[tf.Tensor, ...] | None:
        if name.startswith("_"):
            raise AttributeError(name)
        values = self._values.get(name)
        return None if values is None else tuple(values)

    def fresh(self) -> Taps:
        """An empty one that collects the same names."""
        return Taps(self._asked, self.attention)

    def collected(self) -> dict[str, tuple[tf.Tensor, ...]]:
        """All values by name."""
        return {name: tuple(values) for name, values in self._values.items()}

    def extend(self, collected: dict[str, Iterable[tf.Tensor]]) -> None:
        """Append what another one has collected."""
        for name, values in collected.items():
            self._values.setdefault(name, []).extend(values)


def switch_of(name: str) -> str:
    """The switch that asks for values of this name."""
    return next((f"output_{kind}" for kind in KINDS if name.endswith(kind)), f"output_{name}")


NO_TAPS = Taps()
