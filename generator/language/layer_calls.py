"""Calls of layers, modules and models."""

from __future__ import annotations

import ast

from .. import ir
from ..dims import Dim
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
from .taps import tap_fields
from .unify import substitute

MERGE = Op(
    "merge_leading",
    (),
    lambda call: NONE,
    dict.fromkeys(FRAMEWORKS, "merge_leading(x, axes)"),
    frozenset(),
)


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
            self.tap_sources.setdefault(layer.path[0], module.taps)
        else:
            self.taps.update(dict.fromkeys(module.taps))
        self.tap_types = {**dict(module.tap_types), **self.tap_types}
        self.effects |= {"past"} if module.stateful else set()
        self.effects |= {"draws"} if module.random else set()
        return ir.LayerCall(location, result, layer, tuple(arguments.items()))

    def call_type(
        self, node, kind: Layer, module: ir.Module, arguments: dict[str, ir.Expr]
    ) -> Type:
        if self.scope.values is not None and not kind.definition.interface:
            return self.program.concrete_call(self, kind, arguments)
        values = argument_dims(kind)
        if kind.config != "main" and (prefix := kind.config) != self.scope.config.entry:
            for field in self.program.configs[module.config].names:
                values.setdefault(field, Dim.of(f"{prefix}.{field}"))
        returns = self.program.specialised(kind, module)
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
        self.sub_taps += [tap for tap in module.taps if tap not in self.sub_taps]
        self.tap_types = {**dict(module.tap_types), **self.tap_types}
        result = Record(result.name, (*result.fields, *tap_fields(module)))
        self.effects |= {"draws"} if module.random else set()
        if module.stateful:
            self.effects |= {"past"}
            result = Record(
                result.name, (*result.fields, (self.program.spec.cache, Static("cache")))
            )
        location = self.source.locate(node)
        return ir.ModelCall(location, result, layer, tuple(arguments.items()))

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
        path = self.program.spec.roles.get("input_embeddings")
        if path is None:
            self.fail(node, "embed needs the role input_embeddings", hint="declare it under roles")
        self.program.check_role("input_embeddings", self)
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
