"""What intermediate code is legal once a spec has been checked, and the check of that.

Back ends rely on it; a breach is a fault of the compiler, never of a spec. Every expression has a
type, none of it ERROR. Names are defined where they are read: locals on every path, sizes as
inputs have them. Ops, builtins, methods, functions, layers, states and fields exist. A loop
carries what it rebinds, and every path returns. A size in `returns` that no input has stands for
any size: no body reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ir
from .language.builtins import BUILTINS, LOOPS, MATH, METHODS, REQUIRED_FIELD
from .language.layer_calls import MERGE
from .language.scope import Scope
from .language.sources import ModuleSource
from .layers import LAYERS
from .ops import OPS
from .states import METHODS as STATE_METHODS
from .types import ERROR, UNKNOWN, Either, Layer, Record, TupleOf, Type, free_symbols

if TYPE_CHECKING:
    from .language.program import Program

FUNCTIONS = {*BUILTINS, *MATH, *LOOPS, REQUIRED_FIELD, "exact"}
LEAVES = ("type", "location", "definition", "op", "naming")


class IllegalCode(AssertionError):
    """A fault of the compiler, with the place in the spec that shows it."""


def check_program(program: Program) -> None:
    """Raises IllegalCode unless all modules, models and functions are legal."""
    interfaces = {source.key for source in program.interfaces.values()}
    modules = [module for key, module in program.checked.items() if key not in interfaces]
    for owner in [*modules, *program.functions.values()]:
        if owner is not None:
            _Body(program, owner).check()
            for method in getattr(owner, "methods", ()):
                _Body(program, method).check()


class _Body:
    """One module or function; `defined` holds the locals that are assigned on every path."""

    def __init__(self, program: Program, owner: ir.Module | ir.Function) -> None:
        self.program, self.owner = program, owner
        config = program.configs[getattr(owner, "config", next(iter(program.configs)))]
        self.scope = Scope(config, program.configs)
        self.layers = getattr(owner, "layers", ())
        self.states = {state.name: state.kind for state in getattr(owner, "states", ())}
        self.given = {"use_cache"} if getattr(owner, "model", False) else set()
        self.defined: set[str] = set()
        self.names = {
            "input": {parameter.name for parameter in owner.inputs},
            "argument": {parameter.name for parameter in getattr(owner, "arguments", ())},
            "size": {name for name, _ in getattr(owner, "sizes", ())},
            "dim": set().union(*(free_symbols(parameter.type) for parameter in owner.inputs)),
            "training": {"training"},
        }

    def demand(self, condition: object, node, message: str) -> None:
        if not condition:
            raise IllegalCode(f"{node.location}: internal error: {self.owner.name}: {message}")

    def check(self) -> None:
        for _, size in getattr(self.owner, "sizes", ()):
            self.expr(size)
        for layer in self.layers:
            self.defined = {layer.loop[0]} if layer.loop is not None else set()
            self.expr((layer.condition, layer.loop, layer.construct))
        self.defined = set(self.given)
        for state in getattr(self.owner, "states", ()):
            self.demand(state.kind in STATE_METHODS, state, f"no state {state.kind}")
            self.expr((state.arguments, state.condition))
        self.demand(self.block(self.owner.body), self.owner, "a path does not return")
        self.demand(not has_error(self.owner.returns), self.owner, "the result has no type")

    # --- statements -----------------------------------------------------------------------------

    def block(self, body: tuple[ir.Statement, ...]) -> bool:
        """Whether every path returns."""
        for index, statement in enumerate(body):
            if self.statement(statement):
                self.demand(index + 1 == len(body), statement, "code after the return")
                return True
        return False

    def statement(self, node: ir.Statement) -> bool:
        match node:
            case ir.If():
                return self.branches(node)
            case ir.For():
                self.expr(node.iterable)
                before = set(self.defined)
                rebound = assigned(node.body) & (before | self.names["input"]) - set(node.targets)
                self.demand(
                    rebound == set(node.carried), node, f"the loop rebinds {sorted(rebound)}"
                )
                self.defined |= set(node.targets)
                self.demand(not self.block(node.body), node, "a loop that always returns")
                self.defined = before
            case ir.Emit():
                self.demand(
                    node.fields and all(name for name, _ in node.fields), node, "nameless emit"
                )
                self.expr(node.fields)
            case ir.Assign() | ir.Evaluate() | ir.Return():
                self.expr(node.value)
                self.defined |= assigned((node,))
            case _:
                self.demand(False, node, f"statement {type(node).__name__}")
        return isinstance(node, ir.Return)

    def branches(self, node: ir.If) -> bool:
        self.expr(node.test)
        before, known, ends = self.defined, node.test.type.value, []
        for truth, body in ((True, node.then), (False, node.other)):
            self.defined = set(before)
            if (known is UNKNOWN or bool(known) == truth) and not self.block(body):
                ends.append(self.defined)
        self.defined = set.intersection(*ends) if ends else before
        return not ends

    # --- expressions ----------------------------------------------------------------------------

    def expr(self, node) -> None:
        """An expression, or anything that holds expressions."""
        if isinstance(node, tuple):
            for item in node:
                self.expr(item)
        if not isinstance(node, (ir.Expr, ir.Slice)):
            return
        if isinstance(node, ir.Expr):
            self.demand(isinstance(node.type, Type) and not has_error(node.type), node, "no type")
            if not self.legal(node):  # a node's text is long: only written when it is shown
                self.demand(False, node, f"illegal {type(node).__name__}: {node}"[:300])
        saved = self.defined
        if isinstance(node, ir.Comprehension):
            self.expr(node.iterable)
            self.defined = saved | set(node.targets)
        for name in node.__dataclass_fields__:
            if name not in LEAVES and (name, type(node)) != ("iterable", ir.Comprehension):
                self.expr(getattr(node, name))
        self.defined = saved

    def legal(self, node: ir.Expr) -> bool:
        match node:
            case ir.Name():
                return node.name in (
                    self.defined if node.kind == "local" else self.names.get(node.kind, ())
                )
            case ir.ConfigField():
                return not node.path or self.scope.config_type(node.path) is not None
            case ir.OpCall():
                names, given = (
                    {p.name for p in node.op.params},
                    {name for name, _ in node.arguments},
                )
                known = OPS.get(node.op.name) is node.op
                return node.op is MERGE or known and (given <= names or node.op.name == "rearrange")
            case ir.PythonCall() | ir.MethodCall():
                return (
                    node.function in FUNCTIONS
                    if isinstance(node, ir.PythonCall)
                    else node.method in METHODS
                )
            case ir.FunctionCall():
                return self.program.functions.get(node.function) is not None
            case ir.LayerRef():
                return self.layer_exists(node.path)
            case ir.LayerCall() | ir.ModelCall():
                return isinstance(node.layer.type, Layer)
            case ir.StateCall():
                return node.method in STATE_METHODS.get(self.states.get(node.state), ())
            case ir.Construct(definition=ModuleSource(name=name) as source):
                return source in (self.program.sources.get(name), self.program.interfaces.get(name))
            case ir.Construct():
                return LAYERS.get(node.definition.name) is node.definition
        return True

    def layer_exists(self, path: tuple[str, ...]) -> bool:
        layers = {layer.name: layer.construct.definition for layer in self.layers}
        for step in path[:-1]:
            source = layers.get(step)
            module = self.program.module(source) if isinstance(source, ModuleSource) else None
            layers = (
                {layer.name: layer.construct.definition for layer in module.layers}
                if module
                else {}
            )
        return path[-1] in layers


def assigned(body: tuple[ir.Statement, ...]) -> set[str]:
    names = {name for node in body if isinstance(node, ir.Assign) for name in node.targets}
    inner = [getattr(node, part, ()) for node in body for part in ("then", "other", "body")]
    return names.union(*map(assigned, inner))


def has_error(kind: Type) -> bool:
    """Whether a type holds what a reported fault left behind."""
    parts = [getattr(kind, name, None) for name in ("inner", "element")]
    parts += kind.items if isinstance(kind, (TupleOf, Either)) else ()
    parts += [item for _, item in kind.fields] if isinstance(kind, Record) else ()
    return kind == ERROR or any(has_error(part) for part in parts if part is not None)
