"""Conditions: decided when a model is built or traced, and what they tell of absent values."""

from __future__ import annotations

import ast
from typing import Any

from .. import ir
from ..types import NONE, UNKNOWN, Static, strip_optional
from . import unify


class ConditionMixin:
    """`expr_BoolOp`, `expr_IfExp`, tests, and what is known on each path."""

    def expr_BoolOp(self, node: ast.BoolOp) -> ir.Expr:
        symbol = "and" if isinstance(node.op, ast.And) else "or"
        values = []
        kept = len(self.scope.conditions)
        saved = dict(self.scope.locals)
        for item in node.values:
            value = self.static_test(item)
            values.append(value)
            self.assume(value, symbol == "and")
            known = value.type.value
            decided = known is not UNKNOWN and bool(known) == (symbol == "or")
            if self.scope.values is not None and decided:  # the others do not count any more
                break
        del self.scope.conditions[kept:]
        self.scope.locals = saved
        knowns = [value.type.value for value in values]
        known: Any = UNKNOWN
        decisive = symbol == "or"
        if any(item is not UNKNOWN and bool(item) == decisive for item in knowns):
            known = decisive
        elif UNKNOWN not in knowns:
            known = not decisive
        return ir.Logical(
            self.source.locate(node), Static("bool", value=known), symbol, tuple(values)
        )

    def expr_IfExp(self, node: ast.IfExp) -> ir.Expr:
        test = self.static_test(node.test)
        known = test.type.value
        then = other = None
        if known is UNKNOWN or known:
            then = self.under(test, True, node.body)
        if known is UNKNOWN or not known:
            other = self.under(test, False, node.orelse)
        if then is None or other is None:  # the concrete check follows one branch only
            return then or other
        kind = unify.join(then.type, other.type)
        if kind is None:
            self.fail(
                node,
                "the two values have different types",
                expected=str(then.type),
                found=str(other.type),
            )
        return ir.IfElse(self.source.locate(node), kind, test, then, other)

    def static_test(self, node: ast.expr) -> ir.Expr:
        """A condition: decided when the model is built or traced, never by a tensor's values."""
        return self.tested(node, self.expr(node))

    def tested(self, node: ast.expr, value: ir.Expr) -> ir.Expr:
        if not isinstance(value.type, Static):
            hint = "use `is not None` for presence, where() for values"
            self.fail(node, "a condition is a static value", found=str(value.type), hint=hint)
        return value

    # --- paths ----------------------------------------------------------------------------------

    def under(self, test: ir.Expr, truth: bool, node: ast.expr) -> ir.Expr:
        kept, saved = len(self.scope.conditions), dict(self.scope.locals)
        self.assume(test, truth)
        try:
            return self.expr(node)
        finally:
            del self.scope.conditions[kept:]
            self.scope.locals = saved

    def assume(self, test: ir.Expr, truth: bool) -> None:
        """Remember a condition on this path, and narrow what it tests for None."""
        self.scope.conditions.append((test, truth))
        if isinstance(test, ir.Unary) and test.operator == "not":
            self.assume(test.value, not truth)
        elif isinstance(test, ir.Logical) and truth == (test.operator == "and"):
            for value in test.values:
                self.assume(value, truth)
        elif isinstance(test, ir.IsNone) and isinstance(test.value, ir.Name):
            name = test.value.name
            if name in self.scope.locals:
                present = test.negated == truth
                kind = self.scope.locals[name]
                self.scope.locals[name] = strip_optional(kind) if present else NONE
                self.assume_choice(name, present)

    def is_present(self, value: ir.ConfigField | ir.Name) -> bool:
        """Whether a test on this path told that a field or an argument is not None."""
        return any(
            isinstance(test, ir.IsNone)
            and test.negated == truth
            and type(test.value) is type(value)
            and _named(test.value) == _named(value)
            for test, truth in self.scope.conditions
        )

    def assume_choice(self, name: str, present: bool) -> None:
        """Of inputs of which exactly one is given, what is known of one tells of the others."""
        waivable = self.scope.waivable.items()
        choices = self.scope.choices | {
            waived: group for waived, (group, by) in waivable if self.scope.locals.get(by) is NONE
        }
        if name not in choices:
            return
        others = [other for other in choices if other != name and choices[other] == choices[name]]
        if present:
            self.scope.locals.update(dict.fromkeys(others, NONE))
        elif len(others) == 1 and self.scope.values is None:
            (other,) = others
            self.scope.locals[other] = strip_optional(self.scope.locals[other])

    def holds(self, condition: ir.Expr | None) -> bool:
        truth = True
        while isinstance(condition, ir.Unary) and condition.operator == "not":
            condition, truth = condition.value, not truth
        return condition is not None and (condition, truth) in self.scope.conditions


def _named(value: ir.ConfigField | ir.Name) -> tuple:
    return (value.path,) if isinstance(value, ir.ConfigField) else (value.name, value.kind)
