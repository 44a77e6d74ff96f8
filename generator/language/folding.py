"""Options that an architecture has not: where their value decides, only what it decides for stays.

A spec that extends another gives such an option a fixed value. It is put into the syntax trees of
what is inherited before they are checked, so that generated code says nothing of the option.
"""

from __future__ import annotations

import ast
import copy
import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .syntax import Source

COMPARISONS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def fold(source: Source, values: Mapping[str, Any]) -> Source:
    """The source with these names replaced by their values, and what follows from them."""
    if not values:
        return source
    assigned = {
        node.id
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    known = {name: value for name, value in values.items() if name not in assigned}
    return replace(source, tree=_Folder(known).visit(copy.deepcopy(source.tree)))


class _Folder(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.values:
            return node
        return ast.copy_location(ast.Constant(self.values[node.id]), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id == "config":
            if node.attr not in self.values:
                return node
            return ast.copy_location(ast.Constant(self.values[node.attr]), node)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        # what is called is a layer, a function or an op
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        node.keywords = [keyword for keyword in node.keywords if not _is_no_tie(keyword)]
        if isinstance(node.func, ast.Attribute):
            node.func = self.generic_visit(node.func)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Constant):
            return ast.copy_location(ast.Constant(not node.operand.value), node)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        decisive = isinstance(node.op, ast.Or)
        open_values = []
        for value in node.values:
            if not isinstance(value, ast.Constant):
                open_values.append(value)
            elif bool(value.value) == decisive:
                return ast.copy_location(ast.Constant(decisive), node)
        if not open_values:
            return ast.copy_location(ast.Constant(not decisive), node)
        node.values = open_values
        return node if len(open_values) > 1 else open_values[0]

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        right, compare = node.comparators[0], COMPARISONS.get(type(node.ops[0]))
        constant = isinstance(node.left, ast.Constant) and isinstance(right, ast.Constant)
        if compare and constant and len(node.ops) == 1:
            return ast.copy_location(ast.Constant(compare(node.left.value, right.value)), node)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        node.test = self.visit(node.test)
        if isinstance(node.test, ast.Constant):
            return self.block(node.body if node.test.value else node.orelse)
        node.body = self.block(node.body) or [ast.copy_location(ast.Pass(), node)]
        node.orelse = self.block(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        node.iter = self.visit(node.iter)
        node.body = self.block(node.body) or [ast.copy_location(ast.Pass(), node)]
        return node

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = self.block(node.body)
        return node

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Statements up to the first that is now sure to return."""
        found: list[ast.stmt] = []
        for statement in statements:
            folded = self.visit(statement)
            found += folded if isinstance(folded, list) else [folded]
            if found and isinstance(found[-1], ast.Return):
                break
        return found


def _is_no_tie(keyword: ast.keyword) -> bool:
    """`tied=x if OPTION else None`, where the option is off."""
    value = keyword.value
    return keyword.arg == "tied" and isinstance(value, ast.Constant) and value.value is None
