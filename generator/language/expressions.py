"""Inference of expressions: syntax tree -> typed IR."""

from __future__ import annotations

import ast
from typing import Any

from .. import ir
from ..configs import static_of
from ..diagnostics import Location
from ..dims import TooLarge
from ..located import Map
from ..types import NONE, UNKNOWN, ListOf, Static, TupleOf, Type, integer
from .calls import CallMixin
from .conditions import ConditionMixin
from .faults import Failure
from .folding import fold
from .names import NameMixin
from .operators import OperatorMixin
from .sources import place_of
from .subscripts import SubscriptMixin
from .syntax import Place, Source, parse_expression


class ExpressionMixin(NameMixin, OperatorMixin, ConditionMixin, SubscriptMixin, CallMixin):
    """Methods `expr_<node>`; the module's checker provides `scope`, `source` and faults."""

    def expr(self, node: ast.expr) -> ir.Expr:
        method = getattr(self, f"expr_{type(node).__name__}", None)
        if method is None:
            self.fail(node, "this expression is not allowed here", found=ast.unparse(node))
        try:
            return method(node)
        except TooLarge:
            return self.fail(node, "the size has too many terms")

    # --- texts of a spec ------------------------------------------------------------------------

    def parsed(self, text: str, place: Place) -> Source:
        source = parse_expression(text, place, self.errors)
        if source is None:
            raise Failure
        return fold(source, self.fixed)

    def expression_at(self, container: Map, key: str) -> ir.Expr:
        return self.expression_of(self.parsed(str(container[key]), place_of(container, key)))

    def text_expression(self, text: str, location: Location) -> ir.Expr:
        return self.expression_of(self.parsed(text, lambda *_: location))

    def expression_of(self, source: Source) -> ir.Expr:
        """An expression that stands elsewhere in the spec, where its faults are reported."""
        outer, self.source = self.source, source
        try:
            return self.expr(source.tree.body)
        finally:
            self.source = outer

    # --- literals and containers ----------------------------------------------------------------

    def expr_Constant(self, node: ast.Constant) -> ir.Expr:
        return self.constant(node.value, node)

    def constant(self, value: Any, node: ast.AST) -> ir.Const:
        location = self.source.locate(node)
        if value is None:
            return ir.Const(location, NONE, None)
        if isinstance(value, bool):
            return ir.Const(location, Static("bool", value=value), value)
        if isinstance(value, int):
            return ir.Const(location, integer(value), value)
        if isinstance(value, (float, str)):
            return ir.Const(location, Static(type(value).__name__, value=value), value)
        return self.fail(node, "not a literal of the language", found=repr(value)[:40])

    def expr_Tuple(self, node: ast.Tuple) -> ir.Expr:
        items = tuple(self.expr(item) for item in node.elts)
        kind = TupleOf(tuple(item.type for item in items))
        return ir.TupleExpr(self.source.locate(node), kind, items)

    def expr_List(self, node: ast.List) -> ir.Expr:
        items = tuple(self.expr(item) for item in node.elts)
        location = self.source.locate(node)
        if items and all(isinstance(item.type, Static) for item in items):
            values = [item.type.value for item in items]
            known = UNKNOWN if UNKNOWN in values else values
            return ir.ListExpr(location, Static("list", value=known, element=items[0].type), items)
        return ir.ListExpr(location, TupleOf(tuple(item.type for item in items)), items)

    def known_items(self, node: ast.ListComp, names, iterable: ir.Expr) -> list | None:
        """The static values of a comprehension over known ones; None where one is not known."""
        values = getattr(iterable.type, "value", UNKNOWN)
        if not isinstance(values, list) or len(names) != 1 or node.generators[0].ifs:
            return None
        saved, items = dict(self.scope.locals), []
        for value in values:
            self.scope.locals[names[0]] = static_of(value)
            items.append(getattr(self.expr(node.elt).type, "value", UNKNOWN))
        self.scope.locals = saved
        return None if UNKNOWN in items else items

    def expr_Dict(self, node: ast.Dict) -> ir.Expr:
        items = tuple(
            (self.expr(k), self.expr(v)) for k, v in zip(node.keys, node.values, strict=True)
        )
        return ir.DictExpr(self.source.locate(node), Static("dict"), items)

    def expr_ListComp(self, node: ast.ListComp) -> ir.Expr:
        if len(node.generators) != 1:
            self.fail(node, "a comprehension has one `for`")
        generator = node.generators[0]
        iterable = self.expr(generator.iter)
        names, kinds = self.loop_targets(generator.target, iterable)
        saved = dict(self.scope.locals)
        known = self.known_items(node, names, iterable) if self.scope.values is not None else None
        self.scope.locals.update(zip(names, kinds, strict=True))
        condition = self.static_test(generator.ifs[0]) if generator.ifs else None
        element = self.expr(node.elt)
        self.scope.locals = saved
        if isinstance(element.type, Static):
            kind: Type = Static("list", value=known or UNKNOWN, element=element.type)
        else:
            kind = ListOf(element.type)
        return ir.Comprehension(self.source.locate(node), kind, element, names, iterable, condition)
