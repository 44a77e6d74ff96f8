"""What names mean inside one module: locals, arguments, sizes, layers, configuration fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..configs import ConfigSchema, static_of
from ..dims import Dim
from ..ir import Expr
from ..types import Config, Optional, Static, Type
from ..types import strip_optional as strip


@dataclass
class Scope:
    """Name tables of a module; `locals` and `conditions` change as its forward is read."""

    config: ConfigSchema
    configs: dict[str, ConfigSchema]
    values: dict[str, Any] | None = None  # the configuration's values, in the concrete check
    arguments: dict[str, Type] = field(default_factory=dict)
    sizes: dict[str, Static] = field(default_factory=dict)
    layers: dict[str, Type] = field(default_factory=dict)
    bindings: dict[str, Any] = field(default_factory=dict)  # a library head's arguments: sources
    states: dict[str, Any] = field(default_factory=dict)
    draws: dict[str, tuple[str, Type]] = field(default_factory=dict)
    locals: dict[str, Type] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)
    # entries of inputs that are mappings, by both names: the local
    entries: dict[tuple[str, str], str] = field(default_factory=dict)
    # inputs of which exactly one of a group is given, by name: the group
    choices: dict[str, str] = field(default_factory=dict)
    # likewise, but not where another input is given: the group and that input
    waivable: dict[str, tuple[str, str]] = field(default_factory=dict)
    dims: set[str] = field(default_factory=set)
    dim_values: dict[str, Dim] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)  # locals assigned on some paths only
    conditions: list[tuple[Expr, bool]] = field(default_factory=list)
    layer_conditions: dict[str, Expr] = field(default_factory=dict)

    def config_type(self, path: tuple[str, ...]) -> Type | None:
        """The type of a configuration field; ints carry their symbol."""
        schema, values = self.config, self.values
        for step in path[:-1]:
            kind = schema.type(step)
            if not isinstance(kind, Config):
                return None
            schema = self.configs[kind.name]
            values = values.get(step) if values is not None else None
        name = schema.own_name(path[-1])
        path = (*path[:-1], name)
        kind = schema.type(name)
        if kind is None:
            return None
        if values is not None and not isinstance(kind, Config):
            known = static_of(values.get(name))
            inner = strip(kind)
            if (
                known == Static("int", known.dim)
                and isinstance(inner, Static)
                and inner.kind == "float"
            ):
                return Static("float", value=known.value)
            return known
        if isinstance(kind, Static) and kind.kind == "int":
            return Static("int", Dim.of(".".join(path)))
        if isinstance(kind, Optional) and kind.inner == Static("int"):
            return Optional(Static("int", Dim.of(".".join(path))))
        return kind

    def dim(self, name: str) -> Dim | None:
        """The size that a name in a type stands for; None for a free one."""
        for table in (self.arguments, self.sizes):
            if name in table:
                kind = strip(table[name])
                return kind.dim if isinstance(kind, Static) else None
        if isinstance(self.locals.get(name), Static) and name in self.inputs:
            return self.locals[name].dim
        if name in self.dim_values:
            return self.dim_values[name]
        kind = self.config_type(tuple(name.split(".")))
        kind = strip(kind) if kind is not None else None
        return kind.dim if isinstance(kind, Static) else None

    @property
    def size_names(self) -> list[str]:
        """What a size in a type may be called, the free ones apart."""
        ints = (
            field.name
            for field in self.config.fields.values()
            if strip(field.type) == Static("int")
        )
        return [*self.arguments, *self.sizes, *ints]

    @property
    def value_names(self) -> list[str]:
        return [
            *self.locals,
            *self.arguments,
            *self.sizes,
            *self.layers,
            *self.config.names,
            *self.dims,
        ]
