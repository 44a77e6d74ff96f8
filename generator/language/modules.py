"""Checking one module: its declarations, then its forward, then the declared result."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from .. import ir
from ..configs import static_of
from ..diagnostics import Diagnostics, Location, did_you_mean
from ..dims import Dim
from ..states import STATES
from ..types import (
    ERROR,
    Layer,
    Optional,
    Record,
    Stack,
    Static,
    Tensor,
    TupleOf,
    Type,
    strip_optional,
)
from ..yaml_loader import Map, Seq, text_location, value_location
from . import unify
from .calls import free_symbols
from .constructors import ConstructorMixin
from .expressions import Failure
from .scope import Scope
from .statements import StatementMixin
from .syntax import Place, Source, parse_block, parse_expression
from .typestrings import STATIC_KINDS, literal, parse_type

DISTRIBUTIONS = ("normal", "uniform")


@dataclass(frozen=True, eq=False)
class ModuleSource:
    """A module or model as the spec has it."""

    name: str
    data: Map
    model: bool
    config: str = "main"
    bindings: Map | None = None  # what a library head was given for its arguments
    renames: Map | None = None  # its layers' names in this spec
    location: Location | None = field(default=None, repr=False)
    interface: bool = False  # any model that offers these inputs and outputs


def place_of(container: Map | Seq, key) -> Place:
    return lambda line, column: text_location(container, key, line + 1, column + 1)


class Checker(StatementMixin, ConstructorMixin):
    """Infers one module, symbolically or (with values) for the sizes of one preset."""

    failure = Failure

    def __init__(self, program, source: ModuleSource, errors: Diagnostics, values=None) -> None:
        self.program, self.module_source, self.errors = program, source, errors
        self.name = source.name
        self.scope = Scope(program.configs[source.config], program.configs, values)
        self.renames = dict(source.renames or {})
        self.source: Source | None = None
        self.taps: dict[str, None] = {}
        self.tap_sources: dict[str, tuple[str, ...]] = {}  # of a model: layer -> what it emits
        self.sub_taps: list[str] = []
        self.effects: set[str] = set()
        self.loops: list[dict[str, Type]] = []
        self.failed = self.returned = self.uses_training = self.returns_cache = False
        self.result: Type | None = None
        self.static_of = static_of

    # --- errors ---------------------------------------------------------------------------------

    def fail(self, node: ast.AST, message: str, **details):
        self.report(node, message, **details)
        raise Failure

    def fail_at(self, location: Location, message: str, **details):
        self.errors.error(location, f"{self.name}: {message}", **details)
        raise Failure

    def report(self, node: ast.AST, message: str, **details) -> None:
        self.failed = True
        self.errors.error(self.source.locate(node), f"{self.name}: {message}", **details)

    def hint(self, name: str, names) -> str | None:
        return did_you_mean(name, names)

    def renamed(self, name: str) -> str:
        return self.renames.get(name, name)

    # --- texts ----------------------------------------------------------------------------------

    def expression_at(self, container: Map, key: str) -> ir.Expr:
        source = parse_expression(str(container[key]), place_of(container, key), self.errors)
        if source is None:
            raise Failure
        outer, self.source = self.source, source
        try:
            return self.expr(source.tree.body)
        finally:
            self.source = outer

    def text_expression(self, text: str, location: Location) -> ir.Expr:
        source = parse_expression(text, lambda *_: location, self.errors)
        if source is None:
            raise Failure
        outer, self.source = self.source, source
        try:
            return self.expr(source.tree.body)
        finally:
            self.source = outer

    def type_at(self, container, key):
        return parse_type(
            str(container[key]), place_of(container, key), self.errors, self.scope.dim
        )

    # --- declarations ---------------------------------------------------------------------------

    def declare(self, arguments: dict[str, Type] | None = None) -> None:
        """Everything before `forward`; `arguments` are known in the concrete check."""
        data, scope = self.module_source.data, self.scope
        self.parameters = self.program.parameters(self.module_source)
        for parameter in self.parameters:
            scope.arguments[parameter.name] = (arguments or {}).get(parameter.name, parameter.type)
        for name in self.module_source.bindings or {}:
            source = parse_expression(
                str(self.module_source.bindings[name]),
                place_of(self.module_source.bindings, name),
                self.errors,
            )
            if source is not None:
                scope.bindings[name] = source
        self.sizes: list[tuple[str, ir.Expr]] = []
        for name in data.get("sizes", {}):
            self.attempt(self.declare_size, name, data["sizes"])
            self.scope.sizes.setdefault(name, ERROR)
        self.layers: list[ir.LayerDeclaration] = []
        if self.module_source.model and self.program.uses_base(self.module_source):
            self.attempt(self.declare_base, data)
        for name in data.get("layers", {}):
            self.attempt(self.declare_layer_at, name, data["layers"])
        self.states: list[ir.StateDeclaration] = []
        for name in data.get("states", {}):
            self.attempt(self.declare_state, name, data["states"])

    def attempt(self, method, *arguments) -> None:
        try:
            method(*arguments)
        except Failure:
            self.failed = True

    def declare_size(self, name: str, container: Map) -> None:
        value = self.expression_at(container, name)
        if not isinstance(value.type, Static):
            self.fail_at(value.location, f"the size {name} is not static", found=str(value.type))
        kind = value.type
        if kind.kind == "int" and kind.dim is None:
            kind = Static("int", Dim.of(name), kind.value)
        self.scope.sizes[name] = kind
        self.sizes.append((name, value))

    def declare_base(self, data: Map) -> None:
        text, place = "Model()", lambda *_: self.module_source.location
        if "base" in data:
            text, place = str(data["base"]), place_of(data, "base")
        layer = self.declare_layer("base", text, place)
        if layer is not None:
            self.layers.append(layer)
            self.scope.layers["base"] = layer.type

    def declare_layer_at(self, name: str, container: Map) -> None:
        layer = self.declare_layer(
            self.renamed(name), str(container[name]), place_of(container, name)
        )
        if layer is None:
            raise Failure
        self.layers.append(layer)
        self.scope.layers[layer.name] = layer.type
        if layer.condition is not None:
            self.scope.layer_conditions[layer.name] = layer.condition

    def declare_state(self, name: str, container: Map) -> None:
        source = parse_expression(str(container[name]), place_of(container, name), self.errors)
        if source is None:
            raise Failure
        self.source = source
        node, condition = source.tree.body, None
        if isinstance(node, ast.IfExp):
            condition, node = self.static_test(node.test), node.body
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in STATES
        ):
            hint = self.hint(getattr(getattr(node, "func", None), "id", ""), STATES)
            self.fail(
                node, "not a state", expected=", ".join(STATES), found=ast.unparse(node), hint=hint
            )
        bound, _ = self.bind(node, node.func.id, STATES[node.func.id])
        arguments = tuple((key, self.expr(value)) for key, value in bound.items())
        state = ir.StateDeclaration(name, node.func.id, arguments, condition, source.locate(node))
        self.states.append(state)
        self.scope.states[name] = state
        self.effects.add("past")

    def declare_draw(self, name: str, container: Map) -> None:
        """`noise: normal[b, s, d]`: a distribution and the sizes of what is drawn."""
        distribution, _, dims = str(container[name]).partition("[")
        if distribution.strip() not in DISTRIBUTIONS:
            location = value_location(container, name)
            expected = ", ".join(f"{item}[...]" for item in DISTRIBUTIONS)
            self.fail_at(
                location,
                f"not a distribution: {name}",
                expected=expected,
                found=str(container[name]),
            )
        place, shift = place_of(container, name), len(distribution) - len("float")
        parsed = parse_type(
            f"float[{dims}",
            lambda line, column: place(line, column + shift),
            self.errors,
            self.scope.dim,
        )
        if parsed is None:
            self.failed = True
            return
        self.scope.draws[name] = (distribution.strip(), parsed.type)

    def layer_of(self, kind: Layer, name: str, node: ast.AST) -> Type:
        """The type of a layer's layer, such as `embeddings.word_embeddings`."""
        module = (
            self.program.module(kind.definition)
            if isinstance(kind.definition, ModuleSource)
            else None
        )
        if module is None:
            if isinstance(kind.definition, ModuleSource):
                raise Failure  # the module's own errors are reported
            return self.fail(node, f"no layer {name}", found=str(kind))
        if path := self.role_path(kind, name):
            for step in path[:-1]:
                kind = self.layer_of(kind, step, node)
            return self.layer_of(kind, path[-1], node)
        layer = module.layer(name)
        if layer is None:
            self.fail(
                node,
                f"{kind.kind} has no layer {name}",
                hint=self.hint(name, [item.name for item in module.layers]),
            )
        inner = strip_optional(layer.type)
        if self.scope.values is not None and isinstance(inner, Layer):
            known = {
                key: Dim.of(value) for key, value in self.scope.values.items() if type(value) is int
            }
            arguments = tuple((key, unify.substitute(item, known)) for key, item in inner.arguments)
            inner = Layer(inner.kind, inner.definition, arguments, inner.config)
        return inner

    def role_path(self, kind: Layer, name: str) -> tuple[str, ...] | None:
        """`base.input_embeddings`: the layer that plays a role in a model."""
        roles = self.program.spec.roles
        is_model = isinstance(kind.definition, ModuleSource) and kind.definition.model
        return tuple(roles[name].split(".")) if is_model and name in roles else None

    # --- inputs, forward, result ----------------------------------------------------------------

    def declare_inputs(self, given: dict[str, Type] | None = None) -> tuple[ir.Parameter, ...]:
        inputs = self.program.inputs(self.module_source, self)
        for parameter in inputs:
            self.scope.dims |= {
                s for s in free_symbols(parameter.type) if self.program.is_runtime_dim(s)
            }
            kind = parameter.type
            if parameter.one_of:
                kind = Optional(kind)
            elif parameter.default is not ... and parameter.default is None:
                kind = parameter.type
            self.scope.locals[parameter.name] = (
                kind if given is None else given.get(parameter.name, kind)
            )
            self.scope.inputs.add(parameter.name)
        for name in self.module_source.data.get("random", {}):
            self.attempt(self.declare_draw, name, self.module_source.data["random"])
        if self.module_source.model:
            self.scope.locals.setdefault("use_cache", Optional(Static("bool")))
        return inputs

    def check(self) -> ir.Module | None:
        """The whole module, symbolically."""
        data = self.module_source.data
        self.declare()
        inputs = self.declare_inputs()
        self.returns = self.declared_result(data) if "returns" in data else None
        source = parse_block(data["forward"], place_of(data, "forward"), self.errors)
        if source is None or self.failed:
            return None
        self.source = source
        body = self.block(source.tree.body)
        if not self.returned and not self.failed:
            location = value_location(data, "forward")
            self.errors.error(location, f"{self.name}: not every path through the forward returns")
        if self.failed or self.result is None:
            return None
        scopes = self.tap_scopes()
        taps = list(dict.fromkeys([*self.sub_taps, *self.scoped_taps(scopes), *self.taps]))
        return ir.Module(
            name=self.name,
            doc=data.get("doc"),
            config=self.module_source.config,
            arguments=self.parameters,
            sizes=tuple(self.sizes),
            layers=tuple(self.layers),
            states=tuple(self.states),
            inputs=inputs,
            body=body,
            returns=self.returns or self.result,
            location=self.module_source.location,
            model=self.module_source.model,
            aliases=tuple(data.get("aliases", ())),
            taps=tuple(taps),
            scopes=tuple(scopes.items()),
            stateful="past" in self.effects,
            returns_cache=self.returns_cache
            or bool("past" in self.effects and not self.calls_model(body)),
            uses_training=self.uses_training,
            random="draws" in self.effects,
        )

    def tap_scopes(self) -> dict[str, tuple[str, ...]]:
        """Taps that several layers of a model emit get the layer's name: `encoder_attentions`."""
        counts: dict[str, int] = {}
        for taps in self.tap_sources.values():
            for tap in taps:
                counts[tap] = counts.get(tap, 0) + 1
        shared = {
            layer: tuple(t for t in taps if counts[t] > 1)
            for layer, taps in self.tap_sources.items()
        }
        return {layer: taps for layer, taps in shared.items() if taps}

    def scoped_taps(self, scopes: dict[str, tuple[str, ...]]) -> list[str]:
        return [
            f"{layer}_{tap}" if tap in scopes.get(layer, ()) else tap
            for layer, taps in self.tap_sources.items()
            for tap in taps
        ]

    def check_interface(self) -> ir.Module:
        """An interface is a model of which only inputs and outputs are known."""
        data = self.module_source.data
        self.declare()
        inputs = self.declare_inputs()
        returns = self.declared_result(data)
        location = self.module_source.location
        return ir.Module(
            self.name,
            data.get("doc"),
            self.module_source.config,
            (),
            (),
            (),
            (),
            inputs,
            (),
            returns,
            location,
            True,
        )

    def calls_model(self, body) -> bool:
        return any(isinstance(s, ir.Assign) and isinstance(s.value, ir.ModelCall) for s in body)

    def declared_result(self, data: Map) -> Type | None:
        declared = data["returns"]
        if isinstance(declared, Map):
            fields = [(name, self.type_at(declared, name)) for name in declared]
            if any(kind is None for _, kind in fields):
                return None
            return Record(
                self.name, tuple((name, self.resolve_like(kind)) for name, kind in fields)
            )
        if isinstance(declared, Seq):
            items = [self.type_at(declared, index) for index in range(len(declared))]
            return (
                None if None in items else TupleOf(tuple(self.resolve_like(item) for item in items))
            )
        parsed = self.type_at(data, "returns")
        return None if parsed is None else self.resolve_like(parsed)

    def resolve_like(self, parsed) -> Type:
        if parsed.like is None:
            return parsed.type
        kind = self.scope.locals.get(parsed.like)
        if kind is None:
            location = value_location(self.module_source.data, "returns")
            hint = self.hint(parsed.like, self.scope.inputs)
            self.errors.error(
                location, f"{self.name}: returns like {parsed.like}, which is no input", hint=hint
            )
            return ERROR
        return kind

    def check_return(self, node: ast.AST, kind: Type) -> None:
        if self.returns is not None:
            free = free_symbols(self.returns) - self.scope.dims
            unifier = unify.Unifier(
                {symbol for symbol in free if self.program.is_runtime_dim(symbol)}
            )
            if isinstance(self.returns, Record):
                self.check_record(node, unifier, kind)
            elif fault := unifier.type(self.returns, kind):
                hint = fault if fault not in ("sizes differ", "another rank") else None
                self.fail(
                    node,
                    "the result is not what `returns` declares",
                    expected=str(self.returns),
                    found=str(kind),
                    hint=hint,
                )
        self.result = kind if self.result is None else unify.join(self.result, kind) or kind

    def check_record(self, node: ast.AST, unifier: unify.Unifier, kind: Type) -> None:
        if not isinstance(kind, Record):
            hint = "write record(name=value)"
            self.fail(node, "`returns` declares outputs with names", found=str(kind), hint=hint)
        declared, found = dict(self.returns.fields), dict(kind.fields)
        given = {
            item.arg: item.value for item in getattr(getattr(node, "value", None), "keywords", ())
        }
        for name in found:
            if name not in declared:
                hint = self.hint(name, declared.keys() - found.keys())
                self.fail(
                    given.get(name, node),
                    f"`returns` does not declare the output {name}",
                    hint=hint,
                )
        for name, want in declared.items():
            if name not in found:
                self.fail(node, f"the output {name}, which `returns` declares, is missing")
            if fault := unifier.type(want, found[name]):
                hint = fault if fault not in ("sizes differ", "another rank") else None
                message = f"the output {name} is not what `returns` declares"
                place = given.get(name, node)
                self.fail(place, message, expected=str(want), found=str(found[name]), hint=hint)

    def infer_result(self) -> Type | None:
        """The result's type for known sizes (concrete check)."""
        data = self.module_source.data
        source = parse_block(data["forward"], place_of(data, "forward"), self.errors)
        if source is None:
            return None
        self.source, self.returns = source, None
        self.block(source.tree.body)
        return None if self.failed else self.result


def read_parameters(source: ModuleSource, errors: Diagnostics) -> tuple[ir.Parameter, ...]:
    """`args`: constructor arguments, `int`, `bool = true`, `str?`."""
    if source.bindings is not None:
        return ()
    parameters = []
    declared = source.data.get("args", {})
    for name in declared:
        location = value_location(declared, name)
        kind, _, default = (part.strip() for part in str(declared[name]).partition("="))
        optional = kind.endswith("?")
        kind = kind.rstrip("?")
        if kind not in STATIC_KINDS:
            errors.error(
                location,
                f"{source.name}: not an argument type",
                expected=", ".join(STATIC_KINDS),
                found=kind,
            )
            kind = "any"
        static: Type = Static(kind, Dim.of(name)) if kind == "int" else Static(kind)
        static = Optional(static) if optional else static
        parameters.append(
            ir.Parameter(name, static, location, literal(default) if default else ...)
        )
    return tuple(parameters)


__all__ = ["Checker", "ModuleSource", "Stack", "Tensor", "place_of", "read_parameters"]
