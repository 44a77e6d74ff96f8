"""Subscripts: items of lists, stacks and maps, indices and slices of tensors."""

from __future__ import annotations

import ast

from .. import ir
from ..configs import static_of
from ..dims import Dim, opaque
from ..types import (
    ANY,
    NONE,
    UNKNOWN,
    LayerMap,
    ListOf,
    Stack,
    Static,
    Tensor,
    TupleOf,
    Type,
    is_optional,
)
from .typestrings import unknown_dim


class SubscriptMixin:
    """`expr_Subscript`."""

    def expr_Subscript(self, node: ast.Subscript) -> ir.Expr:
        value = self.expr(node.value)
        location, kind = self.source.locate(node), value.type
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(kind, Tensor):
            return self.tensor_index(node, value, items)
        index = tuple(self.index_item(item) for item in items)
        if isinstance(kind, Static):
            if kind.kind not in ("list", "dict", "any", "str"):
                self.fail(node, "this value has no items", found=str(kind))
            return ir.Subscript(location, self.static_item(node, kind, index), value, index)
        if isinstance(kind, (TupleOf, ListOf, Stack, LayerMap)):
            return ir.Subscript(location, self.sequence_item(node, kind, index), value, index)
        hint = "test it with `is not None`" if is_optional(kind) else None
        return self.fail(node, "this value has no items", found=str(kind), hint=hint)

    def static_item(self, node, kind: Static, index) -> Type:
        key = index[0].type.value if isinstance(index[0], ir.Expr) else UNKNOWN
        if kind.value is not UNKNOWN and key is not UNKNOWN:
            try:
                return static_of(kind.value[key])
            except (KeyError, IndexError, TypeError):
                self.fail(node, "no such item", found=repr(key))
        if isinstance(index[0], ir.Slice):
            return kind
        element = kind.element or ANY
        if element == Static("int") and kind.kind == "list":
            return Static("int", opaque_item(node))
        return element

    def sequence_item(self, node, kind, index) -> Type:
        key = index[0].type if isinstance(index[0], ir.Expr) else None
        wanted = "str" if isinstance(kind, LayerMap) else "int"
        if len(index) > 1 or key is not None and getattr(key, "kind", "") not in (wanted, "any"):
            expected = f"one static {wanted}"
            self.fail(node, "no such item", expected=expected, found=ast.unparse(node.slice))
        if isinstance(kind, LayerMap):
            return (
                dict(kind.items).get(index[0].type.value, kind.element)
                if kind.items
                else kind.element
            )
        position = index[0].type.value if isinstance(index[0], ir.Expr) else UNKNOWN
        if isinstance(kind, TupleOf):
            if not isinstance(position, int) or not -len(kind.items) <= position < len(kind.items):
                self.fail(node, "no such item", found=f"{len(kind.items)} items")
            return kind.items[position]
        return kind.element if isinstance(index[0], ir.Expr) else kind

    def index_item(self, node: ast.expr):
        if isinstance(node, ast.Slice):
            parts = (
                self.expr(part) if part else None for part in (node.lower, node.upper, node.step)
            )
            return ir.Slice(*parts)
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return Ellipsis
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        return self.expr(node)

    def tensor_index(self, node: ast.Subscript, value: ir.Expr, items: list[ast.expr]) -> ir.Expr:
        tensor: Tensor = value.type
        index = tuple(self.index_item(item) for item in items)
        used = sum(item is not None and item is not Ellipsis for item in index)
        if used > tensor.rank:
            self.fail(node, "more indices than axes", expected=str(tensor.rank), found=str(used))
        shape: list[Dim] = []
        axis = 0
        for item in index:
            if item is None:
                shape.append(Dim.of(1))
            elif item is Ellipsis:
                skipped = tensor.rank - used
                shape += tensor.shape[axis : axis + skipped]
                axis += skipped
            elif isinstance(item, ir.Slice):
                shape.append(self.sliced(tensor.shape[axis], item))
                axis += 1
            else:
                if not isinstance(item.type, Static) or item.type.kind not in ("int", "any"):
                    hint = "take() and select_rows() read by tensors of indices"
                    self.fail(node, "an index is a static int", found=str(item.type), hint=hint)
                axis += 1
        shape += tensor.shape[axis:]
        return ir.Subscript(
            self.source.locate(node), Tensor(tensor.dtype, tuple(shape)), value, index
        )

    def sliced(self, size: Dim, item: ir.Slice) -> Dim:
        def bound(expr: ir.Expr | None, default: Dim) -> Dim | None:
            if expr is None or expr.type == NONE:
                return default
            dim = expr.type.dim if isinstance(expr.type, Static) else None
            if dim is not None and (dim.constant or 0) < 0:
                return size + dim
            negative = isinstance(expr, ir.Unary) and dim is not None and dim.constant is None
            return None if negative else dim

        start, stop = bound(item.start, Dim.of(0)), bound(item.stop, size)
        if start is None or stop is None:
            return unknown_dim()
        if size.constant is not None and size.constant < 0:
            return size  # the call is too short for a preset's layers: there is nothing to cut off
        if size.constant is not None and stop.constant is not None:
            stop = opaque("min", stop, size)
        length = stop - start
        if item.step is not None:
            step = item.step.type.dim
            if step is None or (step.constant or 0) < 1:
                return unknown_dim()
            length = opaque("//", length + step - 1, step)
        return length


def opaque_item(node: ast.AST) -> Dim:
    """An entry of a list of ints in the configuration: `depths[i]`."""
    return opaque("item", Dim.of(ast.unparse(node)))
