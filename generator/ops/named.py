"""Values under names: dictionaries of outputs, and targets that rows have different numbers of."""

from __future__ import annotations

import ast

from .. import ir
from ..types import DictOf, ListOf, Optional, Record, Static, Tensor, Type
from .table import op


def _named(call) -> Type:
    names, items = call.type("names"), call.items("values")
    if not isinstance(names, Static) or names.kind not in ("list", "any"):
        call.fail("named takes a list of names", found=str(names), at="names")
    first = items[0]
    if any(item.dtype != first.dtype or item.rank != first.rank for item in items):
        found = ", ".join(map(str, items))
        call.fail("named takes tensors of one type and rank", found=found, at="values")
    shapes = zip(*(item.shape for item in items), strict=True)
    shape = (sizes[0] if len(set(sizes)) == 1 else call.unknown("named") for sizes in shapes)
    return DictOf(Tensor(first.dtype, tuple(shape)))


def _as_dictionary(writer, call: ir.OpCall) -> ast.expr:
    """`{"a": x, "b": y}` where the names are written out."""
    names, values = call.argument("names"), call.argument("values")
    written = isinstance(names, ir.ListExpr) and isinstance(values, ir.ListExpr)
    if written and len(names.items) == len(values.items):
        keys, items = map(list, (map(writer.expr, names.items), map(writer.expr, values.items)))
        return ast.Dict(keys, items)
    pairs = ast.Call(
        ast.Name("zip", ast.Load()),
        [writer.expr(names), writer.expr(values)],
        [ast.keyword("strict", ast.Constant(True))],
    )
    return ast.Call(ast.Name("dict", ast.Load()), [pairs], [])


op("named(names, values)", _named, _as_dictionary)


def _padded(call) -> Type:
    rows, name = call.type("rows"), call.value("name")
    if isinstance(rows, Optional):
        hint = "test it with `is not None`"
        call.fail("padded: the rows may be absent", found=str(rows), at="rows", hint=hint)
    fields = dict(rows.element.fields) if _is_rows(rows) else None
    if fields is None:
        expected = "such as list<{boxes: float[_, 4]}>"
        call.fail("padded takes rows of named tensors", expected=expected, found=str(rows))
    kind = fields.get(name)
    if not isinstance(kind, Tensor):
        expected = f"one of {', '.join(fields)}"
        call.fail("the rows have no tensor of this name", expected=expected, at="name")
    sizes = (call.unknown("padded") if call.is_unknown(size) else size for size in kind.shape)
    return Tensor(kind.dtype, (call.unknown("padded"), *sizes))


def _is_rows(kind: Type) -> bool:
    return isinstance(kind, ListOf) and isinstance(kind.element, Record)


op("padded(rows, name, fill)", _padded, "padded(rows, name, fill)")
