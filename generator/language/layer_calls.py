"""Calls of layers, modules and models."""

from __future__ import annotations

import ast

from .. import ir
from ..dims import Dim
from ..ir import switch_of
from ..layers import LayerKind
from ..ops.table import FRAMEWORKS, Op
from ..types import (
    NONE,
    Layer,
    Optional,
    Record,
    Static,
    Tensor,
    Type,
    integer,
    is_optional,
    strip_optional,
)
from .arguments import argument_dims
from .context import LayerContext
from .faults import Failure
from .sources import ModuleSource
from .taps import tap_type
from .unify import substitute

MERGE = Op(
    "merge_leading",
    (),
    lambda call: NONE,
    dict.fromkeys(FRAMEWORKS, "merge_leading(x, axes)"),
    frozenset(),
)


def known_sizes(values: dict, prefix: str = "") -> dict[str, Dim]:
    """The whole numbers of a configuration and of its parts, by dotted names."""
    found = {f"{prefix}{key}": Dim.of(x) for key, x in values.items() if type(x) is int}
    for key, part in values.items():
        if isinstance(part, dict):
            found |= known_sizes(part, f"{prefix}{key}.")
    return found


class LayerCallMixin:
    """What a call of a layer gives, and which effects it has."""

    def layer_call(self, node: ast.Call, layer: ir.Expr) -> ir.Expr:
        kind = layer.type
        if isinstance(kind, Optional):
            hint = "call it under the condition it is declared with"
            self.fail(node, "the layer may be absent", found=ast.unparse(node.func), hint=hint)
        if not isinstance(kind, Layer):
            self.fail(node, "this is not a layer", found=str(kind))
        location = self.source.locate(node)
        if isinstance(kind.definition, LayerKind):
            if len(node.args) != 1 or node.keywords:
                self.fail(node, f"{kind.kind} is called with one tensor", found=ast.unparse(node))
            arguments = {"x": self.expr(node.args[0])}
            result = kind.definition.rule(LayerContext(self, node, kind, arguments))
            return ir.LayerCall(location, result, layer, tuple(arguments.items()))
        module = self.program.module(kind.definition)
        if module is None:
            raise Failure  # the module's own errors are reported
        if module.model:
            return self.model_call(node, layer, kind, module)
        bound, _ = self.bind(node, kind.kind, module.inputs)
        arguments = {key: self.expr(value) for key, value in bound.items()}
        result = self.call_type(node, kind, module, arguments)
        if self.module_source.model and isinstance(layer, ir.LayerRef):
            known = self.tap_sources.get(layer.path[-1], ())
            self.tap_sources[layer.path[-1]] = tuple(dict.fromkeys([*known, *module.taps]))
        else:
            self.taps.update(dict.fromkeys(module.taps))
        self.effects |= {"past"} if module.stateful else set()
        self.effects |= {"draws"} if module.random else set()
        return ir.LayerCall(location, result, layer, tuple(arguments.items()))

    def layer_method(self, target: ast.expr, name: str) -> tuple[ir.Expr, ir.Module] | None:
        """`base.get_features`: the layer, and its method of that name if it is a model with one."""
        kind = self.scope.layers.get(self.renamed(getattr(target, "id", "")))
        definition = getattr(strip_optional(kind), "definition", None)
        if not isinstance(definition, ModuleSource) or name not in definition.data.get(
            "methods", ()
        ):
            return None
        module = self.program.module(definition)
        if module is None:
            raise Failure  # the module's own errors are reported
        return self.callee(target), next(m for m in module.methods if m.name == name)

    def method_of(self, node: ast.Call, layer: ir.Expr | None, method: ir.Module) -> ir.Expr:
        """A call of a method of the model itself, or of its base."""
        bound, _ = self.bind(node, method.name, method.inputs)
        arguments = {key: self.expr(value) for key, value in bound.items()}
        values = known_sizes(self.scope.values or {})
        kind = self.apply(node, method.name, method.inputs, method.returns, arguments, values)
        location = self.source.locate(node)
        return ir.MethodOf(location, kind, layer, method.name, tuple(arguments.items()))

    def call_type(
        self, node, kind: Layer, module: ir.Module, arguments: dict[str, ir.Expr]
    ) -> Type:
        if self.scope.values is not None and not kind.definition.interface:
            return self.program.concrete_call(self, kind, arguments)
        values = argument_dims(kind)
        if kind.config != "main" and (prefix := kind.config) != self.scope.config.entry:
            for field in self.program.configs[module.config].names:
                values.setdefault(field, self.field_dim((prefix, field)))
        returns = self.program.specialised(kind, module)
        if module.tap_types:
            returns = Record(returns.name, (*returns.fields, *module.tap_types))
        result = self.apply(node, kind.kind, module.inputs, returns, arguments, values)
        return self.with_numbers(result, kind.config)

    def with_numbers(self, result: Type, config: str) -> Type:
        """An interface's result for the sizes of a preset."""
        nested = (self.scope.values or {}).get(config)
        if not isinstance(nested, dict):
            return result
        known = {f"{config}.{k}": Dim.of(v) for k, v in nested.items() if type(v) is int}
        return substitute(result, known)

    def model_call(self, node: ast.Call, layer: ir.Expr, kind: Layer, module: ir.Module) -> ir.Expr:
        """`base()`: inputs of the same name are passed on; keywords override or add."""
        merge = 1
        keywords = {}
        for keyword in node.keywords:
            if keyword.arg == "merge_leading":
                merge = getattr(keyword.value, "value", None)
                if type(merge) is not int or merge < 1:
                    found = ast.unparse(keyword.value)
                    self.fail(keyword.value, "merge_leading is a number of axes", found=found)
            else:
                keywords[keyword.arg] = keyword.value
        if node.args:
            self.fail(node, "a model is called with keywords", found=ast.unparse(node))
        names = [parameter.name for parameter in module.inputs]
        use_cache = keywords.pop("use_cache", None) if module.stateful else None
        switches = {switch_of(tap): tap for tap in module.taps if switch_of(tap) == f"output_{tap}"}
        asked = {name: keywords.pop(name) for name in switches if name in keywords}
        for name in keywords:
            if name not in names:
                self.fail(node, f"{kind.kind} has no input {name}", hint=self.hint(name, names))
        arguments: dict[str, ir.Expr] = {}
        for parameter in module.inputs:
            if parameter.name in keywords:
                arguments[parameter.name] = self.expr(keywords[parameter.name])
            elif parameter.name in self.scope.inputs:
                value = ast.copy_location(ast.Name(parameter.name, ast.Load()), node)
                arguments[parameter.name] = self.merged(self.expr_Name(value), merge)
        if use_cache is not None:
            arguments["use_cache"] = self.expr(use_cache)
        result = self.call_type(node, kind, module, arguments)
        self.effects |= {"draws"} if module.random else set()
        if module.stateful:
            self.effects |= {"past"}
            cache = self.program.spec.cache, Static("cache")
            result = Record(result.name, (*result.fields, cache))
        for switch, value in asked.items():
            arguments[switch] = self.static_test(value)
            declined = isinstance(arguments[switch], ir.Const) and arguments[switch].value is False
            if module.tap_types or declined:
                continue  # an interface says itself what they are
            shown = tap_type(self.program, module, switches[switch])
            if shown is None:
                self.fail(value, f"what {switch} shows is made by no emit()")
            result = Record(result.name, (*result.fields, (switches[switch], shown)))
        result = Record(result.name, (*result.fields, *self.unasked(module, dict(result.fields))))
        location = self.source.locate(node)
        return ir.ModelCall(location, result, layer, tuple(arguments.items()))

    def unasked(self, module: ir.Module, known: dict) -> list[tuple[str, Type]]:
        """What a model emits besides: there if the caller, or the configuration, asks for it."""
        if module.tap_types:
            return []
        kinds = ((tap, tap_type(self.program, module, tap)) for tap in module.taps)
        return [(tap, Optional(kind)) for tap, kind in kinds if kind and tap not in known]

    def merged(self, value: ir.Expr, count: int) -> ir.Expr:
        if count == 1:
            return value
        inner = strip_optional(value.type)
        if not isinstance(inner, Tensor) or inner.rank <= count - 1:
            return value
        leading = Dim.of(1)
        for dim in inner.shape[:count]:
            leading = leading * dim
        kind: Type = Tensor(inner.dtype, (leading, *inner.shape[count:]))
        kind = Optional(kind) if is_optional(value.type) else kind
        number = ir.Const(value.location, integer(count), count)
        return ir.OpCall(value.location, kind, MERGE, (("x", value), ("axes", number)))

    def embed(self, node: ast.Call) -> ir.Expr:
        """The embeddings of ids through the model's input embeddings, or those handed in."""
        if len(node.args) != 2 or not all(
            getattr(a, "id", None) in self.scope.inputs for a in node.args
        ):
            self.fail(
                node, "embed takes two inputs", expected="such as embed(input_ids, inputs_embeds)"
            )
        roles = self.module_source.data.get("roles", {})
        if "input_embeddings" not in roles:
            roles = self.program.spec.roles
        path = roles.get("input_embeddings")
        if path is None:
            self.fail(node, "embed needs the role input_embeddings", hint="declare it under roles")
        self.program.check_role("input_embeddings", self, roles)
        test = ast.copy_location(ast.Compare(node.args[1], [ast.Is()], [ast.Constant(None)]), node)
        table: ast.expr = ast.Name(path.split(".")[0], ast.Load())
        for step in path.split(".")[1:]:
            table = ast.Attribute(table, step, ast.Load())
        call = ast.Call(table, [node.args[0]], [])
        choice = ast.copy_location(ast.IfExp(test, call, node.args[1]), node)
        for child in ast.walk(choice):
            ast.copy_location(child, node)
        ids = node.args[0].id
        saved = self.scope.locals.get(ids)
        self.scope.locals[ids] = strip_optional(saved)  # one of the two is always given
        try:
            return self.expr(choice)
        finally:
            self.scope.locals[ids] = saved
