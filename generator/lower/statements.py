"""Lowering of statements to lines of source, with the spec's comments above them."""

from __future__ import annotations

import ast
from dataclasses import replace

from .. import ir
from ..states import RETURN_WHAT_THEY_GET
from ..types import Stack, Type, strip_optional
from . import trees
from .expressions import ExpressionWriter

INDENT = "    "


def given(test: ir.Expr) -> list[ir.Name]:
    """The locals that are not None where a condition holds."""
    if isinstance(test, ir.IsNone):
        return [test.value] if test.negated and isinstance(test.value, ir.Name) else []
    if isinstance(test, ir.Logical) and test.operator == "and":
        return [name for value in test.values for name in given(value)]
    return []


def assigned(statement: ir.Statement) -> dict[str, Type]:
    """The locals that a statement gives a value, with their types after it."""
    found: dict[str, Type] = {}
    if isinstance(statement, ir.Assign):
        kind = statement.value.type
        kinds = [kind] if len(statement.targets) == 1 else getattr(kind, "items", ())
        found.update(zip(statement.targets, kinds, strict=False))
    for block in ir.inner_blocks(statement):
        for inner in block:
            found.update(assigned(inner))
    return found


class StatementWriter(ExpressionWriter):
    """Writes bodies; `lines` grows, `sizes` knows which runtime sizes are in scope."""

    def body(self, statements: tuple[ir.Statement, ...], depth: int = 0) -> list[str]:
        lines: list[str] = []
        for place, statement in enumerate(statements):
            # before the statement's own targets can be read from, and before it ends what has them
            lost = self.sizes.lost(assigned(statement))
            later = self.sizes_read(statements[place:]) if lost else []
            wanted = self.wanted_sizes(statement)
            wanted = self.bind_sizes([*wanted, *(d for d in later if d in lost - set(wanted))])
            lines += [INDENT * depth + line for line in wanted]
            lines += [INDENT * depth + comment for comment in statement.comments]
            lines += self.statement(statement, depth)
        return lines

    def wanted_sizes(self, statement: ir.Statement) -> list[str]:
        """Runtime sizes that a statement reads (found by writing it once)."""
        saved, self.requested = self.requested, {}
        bound = self.sizes
        self.sizes = bound.child()
        if isinstance(statement, ir.If):  # what is inside reads its own
            self.expr(statement.test)
        elif isinstance(statement, ir.For):
            self.expr(statement.iterable)
        else:
            self.statement(statement, 0)
        wanted = list(self.requested)
        self.requested, self.sizes = saved, bound
        return wanted

    def sizes_read(self, statements: tuple[ir.Statement, ...]) -> list[str]:
        """Runtime sizes that statements read, and those inside them."""
        found = []
        for statement in statements:
            found += self.wanted_sizes(statement)
            for inner in ir.inner_blocks(statement):
                found += self.sizes_read(inner)
        return list(dict.fromkeys(found))

    def bind_sizes(self, wanted: list[str]) -> list[str]:
        lines = []
        for name, dims in self.sizes.bind(wanted):
            lines.append(self.unpack_shape(name, dims))
        return lines

    def unpack_shape(self, name: str, dims: list[str | None]) -> str:
        if name.startswith("first_given"):
            self.use("first_given")
        whole = dims[-1] == ""
        dims = dims[:-1] if whole else dims
        if sum(dim is not None for dim in dims) == 1:
            axis = next(i for i, dim in enumerate(dims) if dim)
            return f"{dims[axis]} = {self.shape(name)}[{axis}]"
        targets = ", ".join(dim or "_" for dim in dims)
        return f"{targets} = {self.shape(name)}{'' if whole else f'[:{len(dims)}]'}"

    def shape(self, name: str) -> str:
        return f"{name}.shape"

    def dim_name(self, name: str) -> ast.expr:
        self.requested.setdefault(name)
        return trees.name(name)

    def statement(self, node: ir.Statement, depth: int) -> list[str]:
        return getattr(self, f"stmt_{type(node).__name__}")(node, depth)

    def line(self, depth: int, text: str) -> list[str]:
        return [INDENT * depth + text]

    def text(self, node: ir.Expr) -> str:
        return trees.text(self.expr(node))

    def stmt_Assign(self, node: ir.Assign, depth: int) -> list[str]:
        targets = ", ".join(node.targets)
        value = node.value
        if isinstance(value, ir.StateCall) and value.method in RETURN_WHAT_THEY_GET:
            lines = self.state_assignment(node, depth)
        elif isinstance(value, ir.IfElse) and self.same_name(value.other, node.targets):
            # `x = f(x) if c else x` reads better as a statement
            lines = self.line(depth, f"if {self.text(value.test)}:")
            lines += self.line(depth + 1, f"{targets} = {self.text(value.then)}")
        elif isinstance(value, ir.IfElse) and self.same_name(value.then, node.targets):
            test = self.negated(value.test)
            lines = self.line(depth, f"if {test}:")
            lines += self.line(depth + 1, f"{targets} = {self.text(value.other)}")
        else:
            lines = self.line(depth, f"{targets} = {self.bare(value)}")
        for target, kind in assigned(node).items():
            self.sizes.add(target, kind)
        return lines

    def same_name(self, value: ir.Expr, targets: tuple[str, ...]) -> bool:
        return isinstance(value, ir.Name) and targets == (value.name,)

    def negated(self, test: ir.Expr) -> str:
        if isinstance(test, ir.IsNone):
            word = "is" if test.negated else "is not"
            return f"{self.text(test.value)} {word} None"
        return trees.text(ast.UnaryOp(ast.Not(), self.expr(test)))

    def state_assignment(self, node: ir.Assign, depth: int) -> list[str]:
        """Without a cache the state gives back what it was given."""
        call: ir.StateCall = node.value
        arguments = ", ".join(self.text(argument) for argument in call.arguments)
        targets = ", ".join(node.targets)
        lines = [] if arguments == targets else self.line(depth, f"{targets} = {arguments}")
        lines += self.line(depth, "if past is not None:")
        kept = all(isinstance(a, ir.Name) and a.name not in node.targets for a in call.arguments)
        if lines and not kept:  # what is given stands in the targets now
            names = [ir.Name(call.location, call.type, name, "local") for name in node.targets]
            call = replace(call, arguments=tuple(names))
        lines += self.line(depth + 1, f"{targets} = {self.text(call)}")
        return lines

    def stmt_Evaluate(self, node: ir.Evaluate, depth: int) -> list[str]:
        if isinstance(node.value, ir.StateCall):
            lines = self.line(depth, "if past is not None:")
            return lines + self.line(depth + 1, self.text(node.value))
        return self.line(depth, self.text(node.value))

    def stmt_Emit(self, node: ir.Emit, depth: int) -> list[str]:
        fields = ", ".join(f"{name}={self.text(value)}" for name, value in node.fields)
        return self.line(depth, f"taps.add({fields})")

    def stmt_If(self, node: ir.If, depth: int) -> list[str]:
        before = self.sizes
        lines = self.line(depth, f"if {self.text(node.test)}:")
        self.sizes = before.child()
        for value in given(node.test):
            self.sizes.add(value.name, strip_optional(value.type))
        lines += self.body(node.then, depth + 1) or self.line(depth + 1, "pass")
        if node.other:
            self.sizes = before.child()
            inner = self.body(node.other, depth + 1)
            if (
                len(node.other) == 1
                and isinstance(node.other[0], ir.If)
                and inner[0].strip().startswith("if ")
            ):
                inner = [line[len(INDENT) :] for line in inner]
                inner[0] = inner[0].replace("if ", "elif ", 1)
            else:
                inner = self.line(depth, "else:") + inner
            lines += inner
        self.sizes = before
        self.reassign(node)
        return lines

    def reassign(self, node: ir.Statement) -> None:
        """What a branch or a loop has given another shape has it afterwards, too."""
        for name, kind in assigned(node).items():
            if name in self.sizes.sources:
                self.sizes.add(name, kind)

    def stmt_For(self, node: ir.For, depth: int) -> list[str]:
        target, iterable = ", ".join(node.targets), self.text(node.iterable)
        stateful = self.stateful_block(node)
        if stateful is not None:
            # one group of slots of the cache per block
            self.use("with_past")
            past = f"{stateful}_past"
            self.block_pasts[stateful] = past
            target = f"({target}), {past}" if len(node.targets) > 1 else f"{target}, {past}"
            iterable = f"with_past({iterable}, past)"
        before = self.sizes
        self.sizes = before.child()
        for name in node.carried:
            self.sizes.sources.pop(name, None)
        lines = self.line(depth, f"for {target} in {iterable}:")
        lines += self.body(node.body, depth + 1)
        self.sizes = before
        self.reassign(node)
        return lines

    def stateful_block(self, node: ir.For) -> str | None:
        """The loop variable that stands for a block with states."""
        for name, kind in self.loop_layers(node):
            module = self.module_of(kind)
            if module is not None and module.stateful:
                return name
        return None

    def loop_layers(self, node: ir.For):
        iterable = node.iterable
        parts = iterable.arguments if isinstance(iterable, ir.PythonCall) else (iterable,)
        names = (
            node.targets[1:] if getattr(iterable, "function", "") == "enumerate" else node.targets
        )
        for name, part in zip(names, parts, strict=False):
            if isinstance(strip_optional(part.type), Stack):
                yield name, strip_optional(part.type).element

    def stmt_Return(self, node: ir.Return, depth: int) -> list[str]:
        model = self.module is not None and self.module.model and not self.module.method_of
        if isinstance(node.value, ir.RecordExpr) and model:
            return self.model_result(node.value, depth)
        return self.line(depth, f"return {self.bare(node.value)}")

    def bare(self, value: ir.Expr) -> str:
        """Several values without the parentheses of a tuple."""
        if isinstance(value, ir.TupleExpr) and len(value.items) > 1:
            return ", ".join(self.text(item) for item in value.items)
        return self.text(value)
