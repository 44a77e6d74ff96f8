"""Modules and models as specs have them, before they are checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import Location
from ..located import Map, Seq, text_location
from .syntax import Place

BASE_MODEL = "Model"


@dataclass(frozen=True, eq=False)
class ModuleSource:
    """A module or model as the spec has it."""

    name: str
    data: Map
    model: bool
    config: str = "main"
    bindings: Map | None = None  # what a library head was given for its arguments
    renames: Map | None = None  # its layers' names in this spec
    location: Location | None = field(default=None, repr=False)
    interface: bool = False  # any model that offers these inputs and outputs
    function: bool = False
    method: Map | None = None  # the inputs and the forward of a model's method

    @property
    def call(self) -> Map:
        """Where `inputs`, `random`, `forward` and `returns` stand."""
        return self.data if self.method is None else self.method

    @property
    def key(self) -> str:
        """Tells it apart: an interface may be called like a model."""
        return f"interface {self.name}" if self.interface else self.name

    @property
    def stands_for(self) -> str:
        """Which of an architecture's models an interface means."""
        return self.data.get("model", BASE_MODEL)


def place_of(container: Map | Seq, key) -> Place:
    return lambda line, column: text_location(container, key, line + 1, column + 1)


def role_path(source: ModuleSource, roles: Map, role: str) -> list[str]:
    """The layers that lead to a part; a library's head may have other names in the spec."""
    first, *rest = roles[role].split(".")
    return [(source.renames or {}).get(first, first), *rest]
