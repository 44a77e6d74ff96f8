"""What the values are that a model emits, for models that read them from their base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import ir
from ..types import ListOf, Tensor, Type, strip_optional
from .sources import ModuleSource
from .typestrings import unknown_dim

if TYPE_CHECKING:
    from .program import Program


def tap_type(program: Program, module: ir.Module, name: str) -> Type | None:
    """A list of tensors of the rank of those that `emit(name=...)` is given; None without one."""
    kind = _emitted(module.body, name)
    if isinstance(kind, Tensor):
        return ListOf(Tensor(kind.dtype, tuple(unknown_dim() for _ in kind.shape)))
    for layer in module.layers:
        element = strip_optional(layer.type)
        source = getattr(getattr(element, "element", element), "definition", None)
        inner = program.module(source) if isinstance(source, ModuleSource) else None
        if inner is not None and name in inner.taps:
            return tap_type(program, inner, name)
    return None


def _emitted(body: tuple[ir.Statement, ...], name: str) -> Type | None:
    for statement in body:
        found = None
        if isinstance(statement, ir.Emit) and name in dict(statement.fields):
            found = strip_optional(dict(statement.fields)[name].type)
        elif isinstance(statement, ir.For):
            found = _emitted(statement.body, name)
        elif isinstance(statement, ir.If):
            found = _emitted(statement.then, name) or _emitted(statement.other, name)
        if found is not None:
            return found
    return None
