"""Names and attributes: what they refer to in a module, and of which type it is."""

from __future__ import annotations

import ast
import math
from dataclasses import replace

from .. import ir
from ..diagnostics import listed
from ..dims import Dim
from ..layers import LayerKind, parameter_type
from ..states import METHODS
from ..types import (
    BOOL,
    ERROR,
    NONE,
    Config,
    Layer,
    Optional,
    Record,
    Static,
    Type,
    integer,
    strip_optional,
)
from . import unify
from .faults import Failure
from .sources import ModuleSource
from .typestrings import unknown_dim

DTYPES = ("float32", "int", "bool", "float")


class NameMixin:
    """`expr_Name`, `expr_Attribute`, and layers by their paths."""

    def renamed(self, name: str) -> str:
        """A layer of a library's model, as the spec that uses it calls it."""
        return self.renames.get(name, name)

    def expr_Name(self, node: ast.Name) -> ir.Expr:
        scope, name = self.scope, node.id
        location = self.source.locate(node)
        if name in scope.locals:
            kind = "input" if name in scope.inputs else "local"
            return ir.Name(location, self.known(scope.locals[name]), name, kind)
        if name in scope.gone:
            self.fail(node, f"{name} is not assigned on every path", hint=scope.gone[name])
        if name in scope.draws:
            self.effects.add("draws")
            distribution, kind = scope.draws[name]
            kind = unify.substitute(kind, scope.dim_values)
            return ir.Draw(location, kind, name, distribution)
        if name in scope.bindings:
            return self.expression_of(scope.bindings[name])
        if name in scope.arguments:
            argument = ir.Name(location, scope.arguments[name], name, "argument")
            kind = strip_optional(argument.type)
            return replace(argument, type=kind) if self.is_present(argument) else argument
        if name in scope.sizes:
            return ir.Name(location, self.known(scope.sizes[name]), name, "size")
        in_config = scope.config_type((name,)) is not None
        layer = self.renamed(name)
        if layer in scope.layers:
            if in_config:
                hint = f"write config.{name} for the field"
                self.fail(node, f"{name} is both a layer and a configuration field", hint=hint)
            return self.layer_value(node, (layer,), scope.layers[layer])
        if in_config:
            return self.config_field(node, (name,))
        if name in scope.dims:
            return ir.Name(
                location, integer(scope.dim_values.get(name) or Dim.of(name)), name, "dim"
            )
        if name == "pi":
            return self.constant(math.pi, node)
        if name in DTYPES:
            return ir.Const(location, Static("dtype", value=name), name)
        if name == "config":
            return ir.ConfigField(location, Config(scope.config.entry), ())
        if name == "training":
            self.uses_training = True
            return ir.Name(location, BOOL, "training", "training")
        if name in scope.states:
            hint = f"call its methods: {listed(METHODS[scope.states[name].kind])}"
            self.fail(node, f"{name} is a state, not a value", hint=hint)
        return self.fail(
            node, f"unknown name {name}", hint=self.hint(name, [*scope.value_names, *DTYPES])
        )

    def known(self, kind: Type) -> Type:
        if kind == ERROR:
            raise Failure  # its own assignment has been reported
        return kind

    def config_field(self, node: ast.AST, path: tuple[str, ...]) -> ir.Expr:
        if self.module_source.function:
            hint = "give it to the function, as a static input"
            found = ".".join(path)
            self.fail(node, "a function reads no configuration", found=found, hint=hint)
        kind = self.scope.config_type(path)
        location = self.source.locate(node)
        if kind is None:
            names = self.scope.config.names
            self.fail(
                node, f"no configuration field {'.'.join(path)}", hint=self.hint(path[-1], names)
            )
        if len(path) == 1:
            path = (self.scope.config.own_name(path[0]),)
        fallback = None
        if len(path) == 1 and (field := self.scope.config.fields.get(path[0])) and field.when_null:
            fallback = self.text_expression(field.when_null, field.location)
            kind = fallback.type if kind == NONE else strip_optional(kind)
            self.program.fallbacks[self.module_source.config, path[0]] = fallback
        field = ir.ConfigField(location, kind, path, fallback)
        return replace(field, type=strip_optional(kind)) if self.is_present(field) else field

    def expr_Attribute(self, node: ast.Attribute) -> ir.Expr:
        location = self.source.locate(node)
        if isinstance(node.value, ast.Name) and node.value.id == "config":
            return self.config_field(node, (node.attr,))
        if isinstance(node.value, ast.Name) and node.value.id in self.scope.states:
            return self.state_call(node, node.value.id, node.attr, [])
        if entry := self.scope.entries.get((getattr(node.value, "id", ""), node.attr)):
            return self.expr(ast.copy_location(ast.Name(entry, ast.Load()), node))
        value = self.expr(node.value)
        kind = value.type
        if isinstance(value, ir.ConfigField) and isinstance(kind, Config):
            return self.config_field(node, (*value.path, node.attr))
        if isinstance(value, ir.LayerRef) and isinstance(strip_optional(kind), Layer):
            inner = self.layer_of(strip_optional(kind), node.attr, node)
            steps = self.role_path(strip_optional(kind), node.attr) or (node.attr,)
            return self.layer_value(node, (*value.path, *steps), inner)
        if isinstance(kind, Record):
            fields = dict(kind.fields)
            if node.attr not in fields:
                hint = self.hint(node.attr, fields)
                self.fail(node, f"{kind.name} has no output {node.attr}", hint=hint)
            return ir.Attribute(location, fields[node.attr], value, node.attr)
        if isinstance(kind, Optional):
            self.fail(
                node, "the value may be absent", found=str(kind), hint="test it with `is not None`"
            )
        return self.fail(node, f"no attribute {node.attr}", found=str(kind))

    # --- layers ---------------------------------------------------------------------------------

    def callee(self, node: ast.Name) -> ir.Expr:
        layer = self.renamed(node.id)
        if layer in self.scope.layers:
            return self.layer_value(node, (layer,), self.scope.layers[layer])
        return self.expr_Name(node)

    def layer_value(self, node: ast.AST, path: tuple[str, ...], kind: Type) -> ir.Expr:
        location = self.source.locate(node)
        if (
            isinstance(kind, Layer)
            and isinstance(kind.definition, LayerKind)
            and not kind.definition.rule
        ):
            if kind.kind == "stored" and len(path) > 1:
                self.fail(node, f"{path[-1]} is stored, so its own module alone reads it")
            return ir.LayerRef(location, parameter_type(dict(kind.arguments)), path)
        if isinstance(kind, Optional) and self.holds(self.scope.layer_conditions.get(path[0])):
            return self.layer_value(node, path, kind.inner)
        return ir.LayerRef(location, kind, path)

    def layer_of(self, kind: Layer, name: str, node: ast.AST) -> Type:
        """The type of a layer's layer, such as `embeddings.word_embeddings`."""
        if not isinstance(kind.definition, ModuleSource):
            return self.fail(node, f"no layer {name}", found=str(kind))
        module = self.program.module(kind.definition)
        if module is None:
            raise Failure  # the module's own errors are reported
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
        known: dict[str, Dim] = {}
        if self.scope.values is not None:
            known = {k: Dim.of(v) for k, v in self.scope.values.items() if type(v) is int}
        if kind.definition.interface:
            fields = self.program.configs[kind.definition.config].fields
            known = {name: self.field_dim((kind.config, name)) for name in fields}
        if known and isinstance(inner, Layer):
            arguments = tuple((key, unify.substitute(item, known)) for key, item in inner.arguments)
            inner = Layer(inner.kind, inner.definition, arguments, inner.config)
        return inner

    def field_dim(self, path: tuple[str, ...]) -> Dim:
        """The size that a field stands for, of a part's configuration where that is known."""
        kind = self.scope.config_type(path)
        return getattr(strip_optional(kind), "dim", None) or unknown_dim()

    def role_path(self, kind: Layer, name: str) -> tuple[str, ...] | None:
        """`base.input_embeddings`: the layer that plays a role in a model."""
        roles = self.program.spec.roles
        source = kind.definition
        is_model = isinstance(source, ModuleSource) and source.model and not source.interface
        if not is_model or name not in roles or roles[name] == name:  # named like its layer
            return None
        return tuple(roles[name].split("."))
