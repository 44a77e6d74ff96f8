"""Members of a module: arguments, sizes, layers, states, random draws and inputs."""

from __future__ import annotations

import ast
from typing import Any

from .. import ir
from ..diagnostics import Diagnostics
from ..dims import Dim
from ..located import Map, value_location
from ..states import STATES
from ..types import ERROR, Optional, Static, Type, free_symbols, strip_optional
from .constructors import ConstructorMixin
from .faults import Failure
from .folding import fold
from .sources import ModuleSource, place_of
from .syntax import parse_expression
from .typestrings import STATIC_KINDS, literal, parse_type

DISTRIBUTIONS = ("normal", "uniform", "gumbel")


class MemberMixin(ConstructorMixin):
    """Reads everything of a module that stands before its `forward`."""

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
                scope.bindings[name] = fold(source, self.fixed)
        self.sizes: list[tuple[str, ir.Expr]] = []
        for name in data.get("sizes", {}):
            self.attempt(self.declare_size, name, data["sizes"])
            if name not in self.fixed:
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

    def fixed_values(self) -> dict[str, Any]:
        """Options of a parent that this architecture has not, and other names do not hide."""
        fixed, data = self.scope.config.fixed, self.module_source.data
        own = {
            name
            for key in ("args", "sizes", "layers", "inputs")
            for name in data.get(key, ())
            if isinstance(name, str)
        }
        return {name: value for name, value in fixed.items() if name not in own}

    def declare_size(self, name: str, container: Map) -> None:
        source = self.parsed(str(container[name]), place_of(container, name))
        if self.fixed and isinstance(source.tree.body, ast.Constant):
            value = source.tree.body.value
            if value is None or isinstance(value, bool):  # what follows from options is fixed, too
                self.fixed[name] = value
                return
        value = self.expression_of(source)
        if isinstance(strip_optional(value.type), Static) and isinstance(value.type, Optional):
            self.fail_at(value.location, f"the size {name} may be null", found=str(value.type))
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
        if layer is None:  # of an option that the architecture has not
            return
        self.layers.append(layer)
        self.scope.layers[layer.name] = layer.type
        if layer.condition is not None:
            self.scope.layer_conditions[layer.name] = layer.condition

    def declare_state(self, name: str, container: Map) -> None:
        source = self.source = self.parsed(str(container[name]), place_of(container, name))
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

    def declare_inputs(self) -> tuple[ir.Parameter, ...]:
        inputs = self.program.inputs(self.module_source, self)
        for parameter in inputs:
            self.scope.dims |= {
                s for s in free_symbols(parameter.type) if self.program.is_runtime_dim(s)
            }
            kind = parameter.type
            self.scope.locals[parameter.name] = Optional(kind) if parameter.one_of else kind
            self.scope.inputs.add(parameter.name)
            if parameter.mapping:
                self.scope.entries[parameter.mapping, parameter.entry] = parameter.name
            if parameter.one_of and parameter.unless is None:
                self.scope.choices[parameter.name] = parameter.group
            elif parameter.one_of:
                self.scope.waivable[parameter.name] = (parameter.group, parameter.unless)
        call = self.module_source.call
        for name in call.get("random", {}):
            self.attempt(self.declare_draw, name, call["random"])
        if self.module_source.model:
            self.scope.locals.setdefault("use_cache", Optional(Static("bool")))
        return inputs


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
        value = literal(default) if default else ...
        if isinstance(value, str) and kind not in ("str", "any"):
            message = f"{source.name}: the default of an argument is a literal"
            hint = f"leave {name} without one, and give it where the module is made"
            errors.error(location, message, found=value, hint=hint)
        parameters.append(ir.Parameter(name, static, location, value))
    return tuple(parameters)
