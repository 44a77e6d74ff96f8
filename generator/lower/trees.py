"""Small helpers to build Python syntax trees."""

from __future__ import annotations

import ast
import copy
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def expression(text: str) -> ast.expr:
    return copy.deepcopy(_parsed(text))


def constant(value: Any) -> ast.expr:
    if isinstance(value, (list, tuple)):
        items = [constant(item) for item in value]
        return (
            ast.List(items, ast.Load()) if isinstance(value, list) else ast.Tuple(items, ast.Load())
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def name(identifier: str) -> ast.Name:
    return ast.Name(identifier, ast.Load())


def attribute(value: ast.expr, *steps: str) -> ast.expr:
    """`value.a.b`; a step that is a number is an index, one that ends in `()` a call."""
    for step in steps:
        if step.endswith("()"):
            value = ast.Call(ast.Attribute(value, step[:-2], ast.Load()), [], [])
        elif step.isdigit():
            value = ast.Subscript(value, ast.Constant(int(step)), ast.Load())
        else:
            value = ast.Attribute(value, step, ast.Load())
    return value


def call(function: ast.expr | str, *arguments: ast.expr, **keywords: ast.expr) -> ast.Call:
    function = expression(function) if isinstance(function, str) else function
    return ast.Call(function, list(arguments), [ast.keyword(k, v) for k, v in keywords.items()])


def sequence(items: list[ast.expr]) -> ast.Tuple:
    return ast.Tuple(items, ast.Load())


def text(tree: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(tree))


def same(left: ast.AST, right: ast.AST) -> bool:
    return ast.dump(left) == ast.dump(right)


class Filler(ast.NodeTransformer):
    """Fills the holes of a quoted expression; keywords that are left at their default go."""

    def __init__(self, holes: dict[str, ast.expr], omitted: set[str], on_free_name) -> None:
        self.holes, self.omitted, self.on_free_name = holes, omitted, on_free_name

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.keywords = [
            item
            for item in node.keywords
            if not (isinstance(item.value, ast.Name) and item.value.id in self.omitted)
        ]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.holes:
            return copy.deepcopy(self.holes[node.id])
        self.on_free_name(node.id)
        return node


def fill(template: str, holes: dict[str, ast.expr], omitted: set[str], on_free_name) -> ast.expr:
    return Filler(holes, omitted, on_free_name).visit(expression(template))
