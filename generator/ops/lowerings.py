"""Lowerings that an expression with holes cannot say."""

from __future__ import annotations

import ast

from .. import ir
from ..dims import Dim
from ..types import Static, TupleOf
from .patterns import parse_pattern


def rearrange(writer, call: ir.OpCall) -> ast.expr:
    """A reshape, a permutation and a reshape, as few of them as there are."""
    pattern = parse_pattern(call.argument("pattern").value)
    source = call.argument("x")
    sizes = {name: value for name, value in call.arguments if name not in ("x", "pattern")}
    dims = _sizes_of_axes(pattern, source, sizes)
    tree = writer.expr(source)
    if pattern.splits:
        tree = writer.split_axes(tree, pattern, sizes, dims)
    order = pattern.permutation
    if order != tuple(range(len(order))):
        tree = writer.permute(tree, order)
    if pattern.merges:
        tree = writer.merge_axes(tree, pattern, sizes, dims)
    return tree


def _sizes_of_axes(pattern, source: ir.Expr, sizes: dict[str, ir.Expr]) -> dict[str, Dim]:
    """The size of each axis that the call does not give, where it follows from the tensor's."""
    dims = {}
    for group, dim in zip(pattern.left, source.type.shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        given = [sizes[name].type.dim for name in group if name in sizes]
        if len(unknown) == 1 and None not in given:
            rest: Dim | None = dim
            for size in given:
                rest = rest.exact(size) if rest is not None else None
            if rest is not None:
                dims[unknown[0]] = rest
    return dims


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
        {"pytorch": "torch.einsum", "tensorflow": "tf.einsum", "flax": "jnp.einsum"}[
            writer.framework
        ],
        pattern,
        *(writer.expr(item) for item in items),
    )


def minimum(writer, call: ir.OpCall) -> ast.expr:
    return _limited(writer, call, "minimum", "max")


def maximum(writer, call: ir.OpCall) -> ast.expr:
    return _limited(writer, call, "maximum", "min")


def _limited(writer, call: ir.OpCall, name: str, limit: str) -> ast.expr:
    """A plain number stands second, as in `where`; PyTorch takes it as a limit."""
    x, y = call.argument("x"), call.argument("y")
    if isinstance(x.type, Static):
        x, y = y, x
    first, second = writer.expr(x), writer.expr(y)
    if writer.framework == "pytorch" and isinstance(y.type, Static):
        return writer.template("torch.clamp", first, **{limit: second})
    module = {"pytorch": "torch", "tensorflow": "tf", "flax": "jnp"}[writer.framework]
    return writer.template(f"{module}.{name}", first, second)


def where(writer, call: ir.OpCall) -> ast.expr:
    """TensorFlow takes the element type of the first of both; so a plain number stands second."""
    condition, x, y = (call.argument(name) for name in ("condition", "x", "y"))
    chosen = writer.expr(condition)
    if isinstance(x.type, Static) and not isinstance(y.type, Static):
        chosen, x, y = ast.UnaryOp(ast.Invert(), chosen), y, x
    return writer.template("tf.where", chosen, writer.expr(x), writer.expr(y))
