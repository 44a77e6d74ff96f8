"""Operators and comparisons: the types of their results."""

from __future__ import annotations

import ast
import operator
from typing import Any

from .. import ir
from ..types import (
    ANY,
    NONE,
    UNKNOWN,
    ListOf,
    Mask,
    Optional,
    Static,
    Tensor,
    TupleOf,
    Type,
    integer,
    is_optional,
    strip_optional,
)
from . import unify
from .typestrings import dim_binary

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|",
}  # fmt: skip
FUNCTIONS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
}  # fmt: skip
COMPARISONS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
COMPARE = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip
NUMBERS = ("int", "float", "number", "bool", "any")
LARGEST = 2**63  # of a known whole number
LONGEST = 100_000  # of a known text or list


class OperatorMixin:
    """`expr_UnaryOp`, `expr_BinOp` and `expr_Compare`."""

    def expr_UnaryOp(self, node: ast.UnaryOp) -> ir.Expr:
        value = self.expr(node.operand)
        location, kind = self.source.locate(node), value.type
        if isinstance(node.op, ast.Not):
            value = self.tested(node.operand, value)
            known = (
                not kind.value
                if isinstance(kind, Static) and kind.value is not UNKNOWN
                else UNKNOWN
            )
            return ir.Unary(location, Static("bool", value=known), "not", value)
        if isinstance(node.op, ast.Invert):
            if not (isinstance(kind, Tensor) and kind.dtype == "bool"):
                self.fail(node, "~ negates bool tensors", found=str(kind))
            return ir.Unary(location, kind, "~", value)
        if isinstance(kind, Static):
            if kind.kind not in NUMBERS:
                self.fail(node, "- negates numbers", found=str(kind))
            known = -kind.value if isinstance(kind.value, (int, float)) else UNKNOWN
            dim = -kind.dim if kind.dim is not None else None
            return ir.Unary(location, Static(kind.kind, dim, known), "-", value)
        if not isinstance(kind, Tensor) or kind.dtype == "bool":
            self.fail(node, "- negates numbers", found=str(kind))
        return ir.Unary(location, kind, "-", value)

    def expr_BinOp(self, node: ast.BinOp) -> ir.Expr:
        symbol = OPERATORS[type(node.op)]
        left, right = self.expr(node.left), self.expr(node.right)
        location = self.source.locate(node)
        for side in (left, right):
            if is_optional(side.type):
                hint = "test it with `is not None`"
                self.fail(node, "an operand may be absent", found=ast.unparse(node), hint=hint)
        if isinstance(left.type, Mask) or isinstance(right.type, Mask):
            return ir.Binary(
                location, self.mask_operator(node, symbol, left, right), symbol, left, right
            )
        if symbol == "+" and all(isinstance(s.type, (ListOf, TupleOf)) for s in (left, right)):
            return ir.Binary(location, unify.join_lists(left.type, right.type), symbol, left, right)
        if isinstance(left.type, Static) and isinstance(right.type, Static):
            return ir.Binary(location, self.static_operator(node, left, right), symbol, left, right)
        return ir.Binary(
            location, self.tensor_operator(node, symbol, left, right), symbol, left, right
        )

    def mask_operator(self, node, symbol, left, right) -> Type:
        if symbol not in "&|" or not (isinstance(left.type, Mask) and isinstance(right.type, Mask)):
            self.fail(
                node,
                "masks are joined with & and | only",
                found=f"{left.type} {symbol} {right.type}",
            )
        met = unify.meet_masks(left.type, right.type)
        if met is None:
            self.fail(
                node, "masks of different sizes", expected=str(left.type), found=str(right.type)
            )
        return met

    def static_operator(self, node: ast.BinOp, left: ir.Expr, right: ir.Expr) -> Type:
        a, b = left.type, right.type
        symbol = OPERATORS[type(node.op)]
        known: Any = UNKNOWN
        if a.value is not UNKNOWN and b.value is not UNKNOWN and symbol in FUNCTIONS:
            if symbol == "**" and isinstance(b.value, (int, float)) and abs(b.value) > 64:
                self.fail(node, "the power is too large", found=str(b.value))
            if symbol == "%" and isinstance(a.value, str):
                self.fail(node, "% does not apply", found=f"{a} and {b}")
            if symbol in "+*" and joined_length(a.value, b.value) > LONGEST:
                self.fail(node, "the value is too long")
            try:
                known = FUNCTIONS[symbol](a.value, b.value)
            except TypeError:
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")
            except (ZeroDivisionError, OverflowError) as error:
                self.fail(node, f"cannot compute {ast.unparse(node)}: {error}")
            if isinstance(known, complex):
                self.fail(node, "not a real number", found=ast.unparse(node))
            if isinstance(known, int) and abs(known) > LARGEST:
                self.fail(node, "the number is too large", found=ast.unparse(node))
        if a.kind == b.kind == "int" and symbol != "/":
            if isinstance(known, int):
                return integer(known)
            if isinstance(known, float):
                return Static("float", value=known)
            dims = a.dim, b.dim
            dim = dim_binary(type(node.op), *dims) if None not in dims else None
            return Static("int", dim)
        if a.kind in ("str", "list") and symbol in "+*":
            return Static(a.kind, value=known, element=a.element)
        if {a.kind, b.kind} <= {"int", "float", "number", "bool", "any"}:
            kind = next((kind for kind in ("any", "number") if kind in (a.kind, b.kind)), "float")
            return Static(kind, value=known)
        return self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")

    def tensor_operator(self, node, symbol, left: ir.Expr, right: ir.Expr) -> Type:
        a, b = left.type, right.type
        for side in (a, b):
            if not isinstance(side, (Tensor, Static)):
                self.fail(node, f"{symbol} does not apply", found=str(side))
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            if symbol == "@":
                return self.matmul(node, a, b)
            result = unify.broadcast(a, b)
            if isinstance(result, str):
                hint = (
                    "cast_like() makes the types equal" if result.startswith("different") else None
                )
                self.fail(
                    node, f"{ast.unparse(node)}: {result}", expected=str(a), found=str(b), hint=hint
                )
        else:
            result = a if isinstance(a, Tensor) else b
            number = b if isinstance(a, Tensor) else a
            if number.kind not in NUMBERS:
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")
            if result.dtype == "int" and number.kind in ("float", "number"):
                self.fail(node, "an int tensor with a float", hint="cast(x, float32) first")
        if symbol in "&|":
            if result.dtype != "bool":
                self.fail(node, f"{symbol} joins bool tensors", found=str(result))
        elif result.dtype == "bool":
            self.fail(node, f"{symbol} does not apply to bool tensors", hint="cast(x, int) first")
        if symbol == "/" and result.dtype == "int":
            self.fail(node, "/ does not apply to int tensors", hint="use // or cast(x, float32)")
        return result

    def matmul(self, node, a: Tensor, b: Tensor) -> Tensor:
        if a.rank < 2 or b.rank < 2 or a.dtype != b.dtype:
            self.fail(node, "@ multiplies matrices of one type", found=f"{a} and {b}")
        if not unify.equal(a.shape[-1], b.shape[-2]):
            self.fail(
                node,
                "@ joins the last and the last but one size",
                expected=str(a.shape[-1]),
                found=str(b.shape[-2]),
            )
        batch = unify.broadcast(Tensor(a.dtype, a.shape[:-2]), Tensor(b.dtype, b.shape[:-2]))
        if isinstance(batch, str):
            self.fail(node, f"@: {batch}", found=f"{a} and {b}")
        return Tensor(a.dtype, (*batch.shape, a.shape[-2], b.shape[-1]))

    # --- comparisons ----------------------------------------------------------------------------

    def expr_Compare(self, node: ast.Compare) -> ir.Expr:
        if len(node.ops) != 1:
            self.fail(node, "write one comparison at a time", found=ast.unparse(node))
        location, comparison = self.source.locate(node), node.ops[0]
        left = self.expr(node.left)
        if isinstance(comparison, (ast.Is, ast.IsNot)):
            right = node.comparators[0]
            if not (isinstance(right, ast.Constant) and right.value is None):
                self.fail(node, "`is` compares with None only", found=ast.unparse(node))
            negated = isinstance(comparison, ast.IsNot)
            known = UNKNOWN if isinstance(left.type, Optional) else (left.type == NONE) != negated
            if left.type == ANY or isinstance(left, ir.ConfigField):
                known = UNKNOWN if self.scope.values is None else known
            return ir.IsNone(location, Static("bool", value=known), left, negated)
        symbol = COMPARISONS[type(comparison)]
        right = self.expr(node.comparators[0])
        if isinstance(left.type, Tensor) or isinstance(right.type, Tensor):
            if symbol in ("in", "not in"):
                self.fail(node, "`in` compares static values only")
            result = self.tensor_comparison(node, left, right)
            return ir.Compare(location, result, symbol, left, right)
        known: Any = UNKNOWN
        a, b = left.type, right.type
        for kind in (a, b):
            if not isinstance(strip_optional(kind), Static):
                hint = "test it with `is not None`" if is_optional(kind) else None
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}", hint=hint)
        if isinstance(a, Static) and isinstance(b, Static) and UNKNOWN not in (a.value, b.value):
            try:
                known = COMPARE[symbol](a.value, b.value)
            except TypeError:
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")
        return ir.Compare(location, Static("bool", value=known), symbol, left, right)

    def tensor_comparison(self, node, left: ir.Expr, right: ir.Expr) -> Tensor:
        a, b = left.type, right.type
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            result = unify.broadcast(a, b)
            if isinstance(result, str):
                self.fail(node, f"{ast.unparse(node)}: {result}", expected=str(a), found=str(b))
            return Tensor("bool", result.shape)
        tensor, other = (a, b) if isinstance(a, Tensor) else (b, a)
        if not isinstance(other, Static) or other.kind not in NUMBERS:
            self.fail(node, "a tensor is compared with a number or a tensor", found=str(other))
        return Tensor("bool", tensor.shape)


def joined_length(left: Any, right: Any) -> int:
    """The length of two texts or lists joined, or of one repeated; 0 of numbers."""
    lengths = [len(value) for value in (left, right) if isinstance(value, (str, list))]
    counts = [value for value in (left, right) if isinstance(value, int)]
    return sum(lengths) * max([1, *counts]) if lengths else 0
