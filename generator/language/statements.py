"""Inference of statements: assignments, static branches, loops, taps and the result."""

from __future__ import annotations

import ast

from .. import ir
from ..configs import static_of
from ..types import (
    ANY,
    ERROR,
    UNKNOWN,
    ListOf,
    Stack,
    Static,
    Tensor,
    TupleOf,
    Type,
)
from . import unify
from .expressions import ExpressionMixin
from .faults import Failure

Block = tuple[ir.Statement, ...]


class StatementMixin(ExpressionMixin):
    """Methods `stmt_<node>`, each giving one statement of IR."""

    def block(self, nodes: list[ast.stmt]) -> Block:
        statements = []
        for node in nodes:
            if self.returned:
                if self.scope.values is None:
                    self.report(node, "this is never reached", found=ast.unparse(node)[:40])
                break
            try:
                statements.append(getattr(self, f"stmt_{type(node).__name__}")(node))
            except Failure:
                for name in assigned_names(node):
                    self.scope.locals[name] = ERROR  # say nothing more about what depends on it
                self.failed = True
        return tuple(statement for statement in statements if statement is not None)

    def comments(self, node: ast.stmt) -> tuple[str, ...]:
        return self.source.comments.get(node.lineno, ())

    def stmt_Pass(self, node: ast.Pass) -> None:
        return None

    def stmt_Expr(self, node: ast.Expr) -> ir.Statement:
        call = node.value
        location, comments = self.source.locate(node), self.comments(node)
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "emit"
        ):
            fields = tuple((keyword.arg, self.expr(keyword.value)) for keyword in call.keywords)
            names = {name for name, _ in fields} - {None}
            if not fields or call.args or len(names) < len(fields):
                self.fail(node, "emit names what it emits", expected="emit(hidden_states=x)")
            self.taps.update(dict.fromkeys(name for name, _ in fields))
            return ir.Emit(location, comments, fields)
        value = self.expr(call)
        if not isinstance(value, (ir.StateCall, ir.LayerCall)):
            self.fail(node, "the value is not used", found=ast.unparse(node))
        return ir.Evaluate(location, comments, value)

    def stmt_Assign(self, node: ast.Assign) -> ir.Statement:
        if len(node.targets) != 1:
            self.fail(node, "assign one value at a time", found=ast.unparse(node))
        target = node.targets[0]
        value = self.expr(node.value)
        names = self.target_names(target)
        kinds = [value.type]
        if isinstance(target, ast.Tuple):
            kinds = self.unpacked(node, value.type, len(names))
        for name, kind in zip(names, kinds, strict=True):
            self.assign(node, name, kind)
        return ir.Assign(self.source.locate(node), self.comments(node), names, value)

    def target_names(self, target: ast.expr) -> tuple[str, ...]:
        items = target.elts if isinstance(target, ast.Tuple) else [target]
        for item in items:
            if not isinstance(item, ast.Name):
                self.fail(target, "assign to names", found=ast.unparse(target))
        return tuple(item.id for item in items)

    def unpacked(self, node, kind: Type, count: int) -> list[Type]:
        if isinstance(kind, TupleOf):
            if len(kind.items) != count:
                self.fail(
                    node,
                    "another number of values",
                    expected=str(count),
                    found=str(len(kind.items)),
                )
            return list(kind.items)
        if isinstance(kind, ListOf):
            return [kind.element] * count
        if isinstance(kind, Static) and kind.kind in ("list", "any"):
            return [kind.element or ANY] * count
        return self.fail(node, "only several values are taken apart", found=str(kind))

    def assign(self, node, name: str, kind: Type) -> None:
        scope = self.scope
        if self.renamed(name) in scope.layers:
            self.fail(
                node, f"the local {name} would hide the layer {name}", hint="choose another name"
            )
        if name in scope.states or name in scope.arguments or name in scope.sizes:
            self.fail(node, f"{name} is an argument, size or state and cannot be assigned")
        if name in scope.dims:
            self.fail(
                node,
                f"the local {name} would hide a size of the inputs",
                hint="choose another name",
            )
        if self.loops and name in scope.locals:
            self.check_carried(node, name, kind)
        scope.gone.pop(name, None)
        scope.locals[name] = kind

    def check_carried(self, node, name: str, kind: Type) -> None:
        before = self.loops[-1].get(name)
        if before is not None and before != ERROR and unify.join(before, kind) is None:
            sizes = (
                isinstance(kind, Tensor)
                and isinstance(before, Tensor)
                and kind.dtype == before.dtype
            )
            hint = "write `_` for sizes that change from round to round" if sizes else None
            self.fail(
                node,
                f"{name} changes its type in the loop",
                expected=str(before),
                found=str(kind),
                hint=hint,
            )

    def stmt_If(self, node: ast.If) -> ir.Statement:
        location, comments = self.source.locate(node), self.comments(node)
        test = self.static_test(node.test)
        known = test.type.value
        before = dict(self.scope.locals)
        then = other = ()
        after: list[dict[str, Type]] = []
        went_on: list[bool] = []
        if known is UNKNOWN or known:
            then = self.branch(test, True, node.body, after)
            went_on += [True] * len(after)
        if known is UNKNOWN or not known:
            self.scope.locals = dict(before)
            other = self.branch(test, False, node.orelse, after)
            went_on += [False] * (len(after) - len(went_on))
        if len(after) == 1:
            self.scope.locals = after[0]
            self.assume(test, went_on[0])  # the other branch returned
        elif after:
            self.merge(node, after)
        else:
            self.returned = True
        return ir.If(location, comments, test, then, other)

    def branch(self, test: ir.Expr, truth: bool, nodes: list[ast.stmt], after: list) -> Block:
        """Check one branch; unless it returns, its locals are added to `after`."""
        kept = len(self.scope.conditions)
        self.assume(test, truth)
        statements = self.block(nodes)
        del self.scope.conditions[kept:]
        if not self.returned:
            after.append(self.scope.locals)
        self.returned = False
        return statements

    def merge(self, node: ast.If, after: list[dict[str, Type]]) -> None:
        """The types after an `if`: joined where both sides have the name."""
        left, right = after
        merged: dict[str, Type] = {}
        for name in {**left, **right}:
            if name in left and name in right:
                kind = unify.join(left[name], right[name])
                if kind is None:
                    found = f"{left[name]} and {right[name]}"
                    self.report(
                        node, f"{name} has different types after the two branches", found=found
                    )
                    kind = ERROR
                merged[name] = kind
            else:
                line = self.source.locate(node).line
                self.scope.gone[name] = f"it is assigned in one branch of the `if` at line {line}"
        self.scope.locals = merged

    def stmt_For(self, node: ast.For) -> ir.Statement:
        if node.orelse:
            self.fail(node, "`for` has no `else` here")
        location, comments = self.source.locate(node), self.comments(node)
        iterable = self.expr(node.iter)
        names, kinds = self.loop_targets(node.target, iterable)
        before = dict(self.scope.locals)
        if self.scope.values is not None:
            return self.concrete_for(node, iterable, names)
        self.loops.append(before)
        self.scope.locals.update(zip(names, kinds, strict=True))
        body = self.block(node.body)
        self.loops.pop()
        carried = tuple(
            name for name in assigned_names(node) if name in before and name not in names
        )
        after = {}
        for name, kind in before.items():
            joined = unify.join(kind, self.scope.locals[name]) if name in carried else kind
            after[name] = ERROR if joined is None else joined
        for name in self.scope.locals.keys() - before.keys():
            self.scope.gone[name] = "it is assigned in a loop, which may have no rounds"
        self.scope.locals = after
        return ir.For(location, comments, names, iterable, body, carried)

    def concrete_for(self, node: ast.For, iterable: ir.Expr, names) -> ir.Statement:
        """Every round by itself, with the sizes that it has."""
        body: Block = ()
        for kinds in self.rounds(iterable):
            values = [kinds] if len(names) == 1 else self.unpacked(node, kinds, len(names))
            self.scope.locals.update(zip(names, values, strict=True))
            body = self.block(node.body)
            if self.failed:
                break
        return ir.For(self.source.locate(node), (), names, iterable, body, ())

    def rounds(self, iterable: ir.Expr) -> list[Type]:
        kind = iterable.type
        if isinstance(iterable, ir.PythonCall) and iterable.function in (
            "enumerate",
            "zip",
            "reversed",
        ):
            inner = [self.rounds(argument) for argument in iterable.arguments]
            if iterable.function == "enumerate":
                return [TupleOf((static_of(i), item)) for i, item in enumerate(inner[0])]
            if iterable.function == "reversed":
                return list(reversed(inner[0]))
            return [TupleOf(items) for items in zip(*inner, strict=False)]
        if isinstance(kind, Stack):
            return list(kind.items or ())
        if isinstance(kind, TupleOf):
            return list(kind.items)
        if isinstance(kind, Static) and isinstance(kind.value, (list, range, tuple)):
            return [static_of(item) for item in kind.value]
        # of a loop whose length depends on the input, one round is looked at
        if isinstance(kind, ListOf):
            return [kind.element]
        return [kind.element or ANY] if isinstance(kind, Static) else []

    def loop_targets(
        self, target: ast.expr, iterable: ir.Expr
    ) -> tuple[tuple[str, ...], list[Type]]:
        kind = iterable.type
        names = self.target_names(target)
        if isinstance(kind, (Stack, ListOf)):
            element: Type = kind.element
        elif isinstance(kind, TupleOf) and kind.items:
            element = kind.items[0]
        elif isinstance(kind, Static) and kind.kind in ("list", "any"):
            element = kind.element or ANY
        else:
            hint = "loops run over stacks, lists and static ranges"
            self.fail(target, "this cannot be looped over", found=str(kind), hint=hint)
        kinds = [element] if len(names) == 1 else self.unpacked(target, element, len(names))
        return names, kinds

    def stmt_Return(self, node: ast.Return) -> ir.Statement:
        value = self.expr(node.value) if node.value is not None else self.constant(None, node)
        self.check_return(node, value.type)
        self.returned = True
        return ir.Return(self.source.locate(node), self.comments(node), value)


def assigned_names(node: ast.AST) -> list[str]:
    """Names that a statement assigns, in order."""
    names: dict[str, None] = {}
    for child in ast.walk(node):
        if isinstance(child, ast.Assign):
            for target in child.targets:
                items = target.elts if isinstance(target, ast.Tuple) else [target]
                names.update((item.id, None) for item in items if isinstance(item, ast.Name))
    return list(names)
