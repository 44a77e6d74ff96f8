"""Gives the outputs of a head's base model a name of their own.

A head passes on what its base emits (hidden states, attentions, a cache), so generated code has to
be able to say `outputs.hidden_states` wherever the spec's author wrote `base().pooler_output`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from .. import ir
from ..types import NONE

NAME = "outputs"
KEPT = ("location", "type", "definition", "op")  # what holds no expressions


def name_model_calls(
    body: tuple[ir.Statement, ...], taken: Collection[str]
) -> tuple[ir.Statement, ...]:
    """The statements, with a call of a model inside a larger expression in a line before it."""
    result: list[ir.Statement] = []
    for statement in body:
        whole = isinstance(statement, ir.Assign) and isinstance(statement.value, ir.ModelCall)
        call = None
        if isinstance(statement, ir.Assign | ir.Return) and not whole:
            call = _find(statement.value)
        if call is not None:
            name = NAME if NAME not in taken else f"{NAME}_"
            result.append(ir.Assign(statement.location, statement.comments, (name,), call))
            local = ir.Name(call.location, call.type, name, "local")
            value = _replaced(statement.value, call, local)
            statement = replace(statement, comments=(), value=value)
        result.append(statement)
    return tuple(result)


def name_conditional_calls(
    body: tuple[ir.Statement, ...],
) -> tuple[tuple[ir.Statement, ...], tuple[str, ...]]:
    """The statements, with None first for what a model gives that is called in a branch alone,
    whose taps are then looked for; and the names of those outputs."""
    result: list[ir.Statement] = []
    found: list[str] = []
    for statement in body:
        for inner in with_inner((statement,))[1:]:
            if isinstance(inner, ir.Assign) and isinstance(inner.value, ir.ModelCall):
                if inner.value.declined:
                    continue  # nobody else reads it
                none = ir.Const(inner.location, NONE, None)
                result.append(ir.Assign(inner.location, (), inner.targets, none))
                found += inner.targets
        result.append(statement)
    return tuple(result), tuple(found)


def with_inner(body: tuple[ir.Statement, ...]) -> list[ir.Statement]:
    """The statements in order, each followed by those inside it."""
    result: list[ir.Statement] = []
    for statement in body:
        result.append(statement)
        for block in ir.inner_blocks(statement):
            result += with_inner(block)
    return result


def _find(node: Any) -> ir.ModelCall | None:
    """The first call of a model; not one that only one side of a condition makes."""
    if isinstance(node, ir.ModelCall):
        return node
    for child in _children(node):
        if (found := _find(child)) is not None:
            return found
    return None


def _children(node: Any) -> list[Any]:
    if isinstance(node, tuple):
        return list(node)
    if not isinstance(node, ir.Expr) or isinstance(node, ir.IfElse):
        return []
    return [getattr(node, field.name) for field in fields(node) if field.name not in KEPT]


def _replaced(node: Any, old: ir.Expr, new: ir.Expr) -> Any:
    if node is old:
        return new
    if isinstance(node, tuple):
        items = tuple(_replaced(item, old, new) for item in node)
        return items if any(a is not b for a, b in zip(items, node, strict=True)) else node
    if not isinstance(node, ir.Expr):
        return node
    changed = {}
    for field in fields(node):
        if field.name not in KEPT:
            value = getattr(node, field.name)
            if (other := _replaced(value, old, new)) is not value:
                changed[field.name] = other
    return replace(node, **changed) if changed else node
