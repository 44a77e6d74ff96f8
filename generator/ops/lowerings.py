"""Lowerings that an expression with holes cannot say."""

from __future__ import annotations

import ast

from .. import ir
from ..types import Static, TupleOf
from .patterns import parse_pattern


def rearrange(writer, call: ir.OpCall) -> ast.expr:
    """A reshape, a permutation and a reshape, as few of them as there are."""
    pattern = parse_pattern(call.argument("pattern").value)
    source = call.argument("x")
    sizes = {name: value for name, value in call.arguments if name not in ("x", "pattern")}
    dims = dict(zip((g[0] for g in pattern.left if len(g) == 1), _single(pattern, source), strict=True))
    tree = writer.expr(source)
    if pattern.splits:
        tree = writer.split_axes(tree, source, pattern, sizes, dims)
    order = pattern.permutation
    if order != tuple(range(len(order))):
        tree = writer.permute(tree, order)
    if pattern.merges:
        tree = writer.merge_axes(tree, pattern, sizes, dims)
    return tree


def _single(pattern, source: ir.Expr) -> list:
    shape = source.type.shape
    return [dim for group, dim in zip(pattern.left, shape, strict=True) if len(group) == 1]


def split(writer, call: ir.OpCall) -> ast.expr:
    parts = call.argument("parts")
    equal = isinstance(parts.type, Static) and parts.type.kind == "int"
    axis = call.argument("axis")
    return writer.split_tensor(
        writer.expr(call.argument("x")),
        writer.expr(parts),
        writer.expr(axis) if axis is not None else ast.UnaryOp(ast.USub(), ast.Constant(1)),
        equal,
    )


def einsum(writer, call: ir.OpCall) -> ast.expr:
    """Axis names become letters: their own where no two share one."""
    inputs, _, output = call.argument("pattern").value.partition("->")
    terms = [term.split() for term in inputs.split(",")]
    names = list(dict.fromkeys(name for term in (*terms, output.split()) for name in term))
    letters: dict[str, str] = {}
    for name in names:
        free = (c for c in (name[0], *"abcdefghijklmnopqrstuvwxyz") if c not in letters.values())
        letters[name] = next(free)
    joined = ",".join("".join(letters[name] for name in term) for term in terms)
    pattern = ast.Constant(f"{joined}->{''.join(letters[name] for name in output.split())}")
    operands = call.argument("operands")
    items = operands.items if isinstance(operands.type, TupleOf) else (operands,)
    return writer.template(
        {"pytorch": "torch.einsum", "tensorflow": "tf.einsum", "flax": "jnp.einsum"}[writer.framework],
        pattern,
        *(writer.expr(item) for item in items),
    )
