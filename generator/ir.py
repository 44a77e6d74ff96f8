"""The typed intermediate representation: what a checked spec means.

Trees rather than a graph, so that generated code keeps the shape of the spec. Every node is
immutable and knows its place in the source. `legality.py` states what is legal after checking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .diagnostics import Location
from .types import Type


@dataclass(frozen=True)
class Expr:
    location: Location = field(repr=False, compare=False)
    type: Type


@dataclass(frozen=True)
class Const(Expr):
    value: Any


@dataclass(frozen=True)
class Name(Expr):
    """A local, input, argument, size, loop variable or runtime dimension."""

    name: str
    kind: str  # local, input, argument, size, dim, loop


@dataclass(frozen=True)
class ConfigField(Expr):
    """A configuration value; `path` leads through sub-configurations."""

    path: tuple[str, ...]
    fallback: Expr | None = None  # the value where the field is null


@dataclass(frozen=True)
class LayerRef(Expr):
    """A layer of this module, or of one of its layers."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class Attribute(Expr):
    value: Expr
    name: str


@dataclass(frozen=True)
class Slice:
    start: Expr | None
    stop: Expr | None
    step: Expr | None


@dataclass(frozen=True)
class Subscript(Expr):
    value: Expr
    index: tuple[Expr | Slice | None | type(Ellipsis), ...]


@dataclass(frozen=True)
class Unary(Expr):
    operator: str
    value: Expr


@dataclass(frozen=True)
class Binary(Expr):
    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Compare(Expr):
    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Logical(Expr):
    operator: str  # and, or
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class IsNone(Expr):
    value: Expr
    negated: bool


@dataclass(frozen=True)
class IfElse(Expr):
    test: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True)
class TupleExpr(Expr):
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class ListExpr(Expr):
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class DictExpr(Expr):
    items: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class Comprehension(Expr):
    element: Expr
    targets: tuple[str, ...]
    iterable: Expr
    condition: Expr | None


@dataclass(frozen=True)
class OpCall(Expr):
    op: Any  # ops.Op
    arguments: tuple[tuple[str, Expr], ...]

    def argument(self, name: str) -> Expr | None:
        return dict(self.arguments).get(name)


@dataclass(frozen=True)
class PythonCall(Expr):
    """A call of a Python builtin on static values."""

    function: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class MethodCall(Expr):
    """A method of a static value, such as `hidden_act.startswith("gated")`."""

    value: Expr
    method: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class FunctionCall(Expr):
    function: str
    arguments: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class LayerCall(Expr):
    """A call of a layer or module; effects are threaded when it is lowered."""

    layer: Expr
    arguments: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class ModelCall(Expr):
    """A call of a whole model, such as `base()`."""

    layer: Expr
    arguments: tuple[tuple[str, Expr], ...]

    @property
    def declined(self) -> frozenset[str]:
        """The switches (`output_attentions`) of what it is told not to emit."""
        switches = ((n, value) for n, value in self.arguments if n.startswith("output_"))
        return frozenset(n for n, v in switches if isinstance(v, Const) and v.value is False)


@dataclass(frozen=True)
class MethodOf(Expr):
    """A call of a method of the model itself, or of a layer that is a model."""

    layer: Expr | None
    name: str
    arguments: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class StateCall(Expr):
    state: str
    method: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Draw(Expr):
    """Random values: each mention is a draw of its own."""

    name: str
    distribution: str


@dataclass(frozen=True)
class RecordExpr(Expr):
    """Named outputs; with those that `layer` emits, in a record inside another."""

    fields: tuple[tuple[str, Expr], ...]
    layer: str | None = None


@dataclass(frozen=True)
class Rule(Expr):
    """What a tensor starts from, such as `normal(0.02)`."""

    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Construct(Expr):
    """A constructor in `layers`: one layer, with its checkpoint name."""

    definition: Any  # layers.LayerKind or Module
    arguments: tuple[tuple[str, Expr], ...]
    naming: Any = None
    config: Expr | None = None
    tied: Expr | None = None  # the layer whose table is read
    tied_if: Expr | None = None
    rules: tuple[tuple[str, Rule], ...] = ()  # of its first values, by the argument's name


@dataclass(frozen=True)
class Statement:
    location: Location = field(repr=False, compare=False)
    comments: tuple[str, ...]


@dataclass(frozen=True)
class Assign(Statement):
    targets: tuple[str, ...]
    value: Expr


@dataclass(frozen=True)
class If(Statement):
    test: Expr
    then: tuple[Statement, ...]
    other: tuple[Statement, ...]


@dataclass(frozen=True)
class For(Statement):
    targets: tuple[str, ...]
    iterable: Expr
    body: tuple[Statement, ...]
    carried: tuple[str, ...]  # locals that the body rebinds and that exist before it


def inner_blocks(statement: Statement) -> list[tuple[Statement, ...]]:
    """The blocks inside a branch or a loop."""
    if isinstance(statement, If):
        return [statement.then, statement.other]
    return [statement.body] if isinstance(statement, For) else []


@dataclass(frozen=True)
class Emit(Statement):
    fields: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class Evaluate(Statement):
    value: Expr


@dataclass(frozen=True)
class Return(Statement):
    value: Expr


@dataclass(frozen=True)
class Parameter:
    """An input or constructor argument."""

    name: str
    type: Type
    location: Location = field(repr=False, compare=False)
    default: Any = ...  # `...`: required
    one_of: bool = False
    group: str = ""  # inputs of one group are alternatives to each other
    unless: str | None = None  # the input beside which none of its group is needed
    mapping: str | None = None  # the input, a mapping, of which this is an entry
    entry: str = ""  # its name there


@dataclass(frozen=True)
class LayerDeclaration:
    """An entry of `layers`: one layer, an optional one, or a stack."""

    name: str
    construct: Construct
    type: Type
    condition: Expr | None = None  # `... if condition else None`
    loop: tuple[str, Expr] | None = None  # `... for variable in range(count)`
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class StateDeclaration:
    name: str
    kind: str
    arguments: tuple[tuple[str, Expr], ...]
    condition: Expr | None
    location: Location = field(repr=False, compare=False)


@dataclass(frozen=True)
class Function:
    name: str
    doc: str | None
    inputs: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    returns: Type
    location: Location = field(repr=False, compare=False)


@dataclass(frozen=True)
class Module:
    """A module or, where `model` is true, a public model."""

    name: str
    doc: str | None
    config: str
    arguments: tuple[Parameter, ...]
    sizes: tuple[tuple[str, Expr], ...]
    layers: tuple[LayerDeclaration, ...]
    states: tuple[StateDeclaration, ...]
    inputs: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    returns: Type
    location: Location = field(repr=False, compare=False)
    model: bool = False
    interface: bool = False  # of which only inputs and outputs are known
    aliases: tuple[str, ...] = ()
    base: str | None = None  # the attribute that holds the base model
    taps: tuple[str, ...] = ()  # in order of emission, own and of layers
    scopes: tuple[tuple[str, tuple[str, ...]], ...] = ()  # layer -> a name, and taps that get it
    stateful: bool = False
    returns_cache: bool = False  # of models: whether the cache is an output
    block: bool = False  # the element of a stack: the unit of scan and checkpointing
    uses_training: bool = False
    random: bool = False  # draws random values, itself or in a layer
    inner: tuple[tuple[str, str], ...] = ()  # layers whose taps go into an output that is a record
    methods: tuple[Module, ...] = ()  # of models: other calls than the main one
    method_of: str | None = None  # the model whose method it is
    tap_types: tuple[tuple[str, Type], ...] = ()  # of an interface
    passed: tuple[tuple[str, str, str], ...] = ()  # taps of models that it calls: name, local, tap
    perhaps: tuple[str, ...] = ()  # outputs of models that it calls in some branch alone, else None

    @property
    def shown_taps(self) -> tuple[str, ...]:
        """The taps that are outputs of the model itself."""
        hidden = {f"{layer}_{tap}" for layer, _ in self.inner for tap in dict(self.scopes)[layer]}
        return tuple(tap for tap in self.taps if tap not in hidden)

    def layer(self, name: str) -> LayerDeclaration | None:
        return next((layer for layer in self.layers if layer.name == name), None)


def walk(node: Any, certain: bool = False) -> Iterator[Any]:
    """Every node below one, and itself; only those under no condition if `certain`."""
    if isinstance(node, (tuple, list)):
        for item in node:
            yield from walk(item, certain)
    elif isinstance(node, (Expr, Statement, Module, LayerDeclaration, StateDeclaration)):
        yield node
        if certain and isinstance(node, (If, IfElse)):
            yield from walk(node.test, certain)
        elif certain and getattr(node, "condition", None) is not None:
            yield from walk(node.condition, certain)
        else:
            for name in node.__dataclass_fields__:
                if name not in ("type", "location", "definition", "op"):
                    yield from walk(getattr(node, name), certain)


def switch_of(tap: str) -> str:
    """The input that asks for a tap."""
    for ending in ("attentions", "hidden_states"):
        if tap.endswith(ending):
            return f"output_{ending}"
    return f"output_{tap}"
