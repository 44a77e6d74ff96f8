"""The types of the spec language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .dims import Dim

FLOATS = ("float", "float32")
DTYPES = ("float", "float32", "int", "bool")


class _Unknown:
    """The value of a static expression that is only known when a model is built."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Tensor:
    """An array. `float` is the model's compute type, `float32` is float32 whatever the model's."""

    dtype: str
    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Mask:
    """Which of t keys each of s queries may attend to; None stands for any size."""

    batch: Dim | None = None
    queries: Dim | None = None
    keys: Dim | None = None

    def __str__(self) -> str:
        sizes = (self.batch, self.queries, self.keys)
        return f"Mask[{', '.join('any' if size is None else str(size) for size in sizes)}]"


@dataclass(frozen=True)
class Static:
    """A Python value known when a model is built or traced."""

    kind: str  # int, float, number, bool, str, list, dict, none, dtype, layer, any
    dim: Dim | None = None
    value: Any = field(default=UNKNOWN, compare=False)
    element: Type | None = None  # of a list

    def __str__(self) -> str:
        return f"static {self.kind}" + (f" = {self.dim}" if self.dim is not None else "")


@dataclass(frozen=True)
class Optional:
    inner: Type

    def __str__(self) -> str:
        return f"{self.inner}?"


@dataclass(frozen=True)
class ListOf:
    element: Type

    def __str__(self) -> str:
        return f"list<{self.element}>"


@dataclass(frozen=True)
class DictOf:
    """Values of one type under names that are known when code is traced."""

    element: Type

    def __str__(self) -> str:
        return f"dict<{self.element}>"


@dataclass(frozen=True)
class TupleOf:
    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


@dataclass(frozen=True)
class Either:
    """An output whose type depends on the configuration or the inputs."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.items))


@dataclass(frozen=True)
class Record:
    """The named outputs of a model; without a name, what an input has under names."""

    name: str
    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        if not self.name:
            return "{" + ", ".join(f"{name}: {kind}" for name, kind in self.fields) + "}"
        return f"{self.name}({', '.join(name for name, _ in self.fields)})"


@dataclass(frozen=True)
class Config:
    """A configuration object; `name` is its entry in `configs`."""

    name: str

    def __str__(self) -> str:
        return f"configuration {self.name}"


@dataclass(frozen=True)
class Layer:
    """An instance of a layer kind, a module or a model, with its constructor arguments."""

    kind: str
    definition: Any = field(compare=False, repr=False)
    arguments: tuple[tuple[str, Any], ...] = ()
    config: str = "main"

    def __str__(self) -> str:
        return f"layer {self.kind}"


@dataclass(frozen=True)
class Stack:
    """A list of layers built by one constructor."""

    element: Layer
    length: Dim | None
    items: tuple[Layer, ...] | None = field(default=None, compare=False)  # concrete check only

    def __str__(self) -> str:
        return f"stack of {self.element.kind}"


@dataclass(frozen=True)
class LayerMap:
    """Layers by name, one for each of a list of names in the configuration."""

    element: Layer
    items: tuple[tuple[str, Layer], ...] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"map of {self.element.kind}"


@dataclass(frozen=True)
class State:
    """What a model keeps between calls, of one of the kinds in states.py."""

    kind: str
    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"state {self.kind}"


Type = (
    Tensor
    | Mask
    | Static
    | Optional
    | ListOf
    | DictOf
    | TupleOf
    | Either
    | Record
    | Config
    | Layer
    | Stack
    | LayerMap
    | State
)

NONE = Static("none", value=None)
ERROR = Static("error")  # of what has been reported: nothing more is said about it
BOOL = Static("bool")
ANY = Static("any")


def integer(dim: Dim | int | None = None) -> Static:
    if dim is None:
        return Static("int")
    dim = Dim.of(dim)
    constant = dim.constant
    return Static("int", dim, UNKNOWN if constant is None else constant)


def is_optional(kind: Type) -> bool:
    return isinstance(kind, Optional) or kind == NONE


def strip_optional(kind: Type) -> Type:
    return kind.inner if isinstance(kind, Optional) else kind


def make_optional(kind: Type) -> Type:
    return kind if is_optional(kind) else Optional(kind)


def free_symbols(kind: Type) -> set[str]:
    """The names in the sizes of a type."""
    if isinstance(kind, Tensor):
        return set().union(*(dim.symbols for dim in kind.shape))
    if isinstance(kind, Optional):
        return free_symbols(kind.inner)
    if isinstance(kind, (ListOf, DictOf)):
        return free_symbols(kind.element)
    if isinstance(kind, (TupleOf, Either)):
        return set().union(*map(free_symbols, kind.items))
    if isinstance(kind, Record):
        return set().union(*(free_symbols(item) for _, item in kind.fields))
    if isinstance(kind, Mask):
        sizes = (size for size in (kind.batch, kind.queries, kind.keys) if size is not None)
        return set().union(*(size.symbols for size in sizes))
    if isinstance(kind, Static) and kind.dim is not None:
        return set(kind.dim.symbols)
    return set()
