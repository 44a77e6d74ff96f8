"""Entries of `layers`: constructors, their checkpoint names, conditions and stacks."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from .. import ir
from ..configs import static_of
from ..diagnostics import quoted
from ..layers import LAYERS, LayerKind
from ..types import (
    UNKNOWN,
    Config,
    Layer,
    LayerMap,
    Optional,
    Stack,
    Static,
    TupleOf,
    Type,
    integer,
)
from .context import default_type
from .faults import Failure
from .folding import fold
from .rules import RuleMixin
from .sources import ModuleSource
from .syntax import parse_layer

TRANSFORMS = {"split": 3, "stack": 1, "transpose": 1, "weight_norm": 1}


@dataclass(frozen=True)
class Naming:
    """Where a layer's tensors stand in a checkpoint: a path, or a transform with its arguments."""

    path: str | None = None
    only_stored: bool = False  # the attribute keeps the layer's own name
    transform: str | None = None
    arguments: tuple[ir.Expr, ...] = ()


class ConstructorMixin(RuleMixin):
    """Reads `layers`; the module's checker provides expressions and errors."""

    def declare_layer(self, name: str, text: str, place, comments=()) -> ir.LayerDeclaration | None:
        """None if an option that the architecture has not would ask for it."""
        source = parse_layer(text, place, self.errors)
        if source is None:
            raise Failure
        source = self.source = fold(source, self.fixed)
        if self.fixed and isinstance(source.tree.body, ast.Constant):
            return None
        node = source.tree.body
        condition = loop = None
        if isinstance(node, ast.ListComp):
            if len(node.generators) != 1 or node.generators[0].ifs:
                self.fail(node, "a stack is `CTOR for i in range(n)`", found=ast.unparse(node))
            generator = node.generators[0]
            count = self.expr(generator.iter)
            if not (isinstance(count, ir.PythonCall) and count.function == "range"):
                self.fail(
                    generator.iter, "a stack counts with range()", found=ast.unparse(generator.iter)
                )
            loop = (generator.target.id, count)
            node = node.elt
        elif isinstance(node, ast.DictComp):
            return self.layer_map(name, node, comments)
        elif (
            isinstance(node, ast.IfExp)
            and isinstance(node.orelse, ast.Constant)
            and node.orelse.value is None
        ):
            condition = self.static_test(node.test)
            node = node.body
        elif isinstance(node, ast.IfExp):
            found = ast.unparse(node.orelse)
            self.fail(node.orelse, "a layer's condition ends in `else None`", found=found)
        if loop:
            return self.stack(name, node, loop, comments)
        construct = self.construct(name, node)
        kind: Type = self.layer_type(construct)
        if condition is not None:
            if condition.type.value is UNKNOWN:
                kind = Optional(kind)
            elif not condition.type.value:
                kind = Static("none", value=None)
        return ir.LayerDeclaration(name, construct, kind, condition, None, comments)

    def stack(self, name, node, loop, comments) -> ir.LayerDeclaration:
        variable, count = loop
        length = count.arguments[-1].type.dim
        items = None
        indices = count.type.value
        if self.scope.values is not None and indices is not UNKNOWN:
            if len(indices) > 512:
                self.fail(node, "the stack is too long for a preset", found=str(len(indices)))
            items = tuple(
                self.layer_type(self.with_loop(name, node, variable, integer(i))) for i in indices
            )
        construct = self.with_loop(name, node, variable, Static("int"))
        kind = Stack(self.layer_type(construct), length, items)
        return ir.LayerDeclaration(name, construct, kind, None, loop, comments)

    def layer_map(self, name, node: ast.DictComp, comments) -> ir.LayerDeclaration:
        generator = node.generators[0]
        names = self.expr(generator.iter)
        plain = isinstance(node.key, ast.Name) and node.key.id == getattr(
            generator.target, "id", None
        )
        if len(node.generators) != 1 or generator.ifs or not plain:
            self.fail(
                node, "a map of layers is `{name: CTOR for name in NAMES}`", found=ast.unparse(node)
            )
        if not isinstance(names.type, Static) or names.type.kind not in ("list", "any"):
            self.fail(generator.iter, "a map of layers has a list of names", found=str(names.type))
        items = None
        if self.scope.values is not None and isinstance(names.type.value, list):
            items = tuple(
                (
                    key,
                    self.layer_type(self.with_loop(name, node.value, node.key.id, static_of(key))),
                )
                for key in names.type.value
            )
        construct = self.with_loop(name, node.value, node.key.id, Static("str"))
        kind = LayerMap(self.layer_type(construct), items)
        return ir.LayerDeclaration(name, construct, kind, None, (node.key.id, names), comments)

    def with_loop(self, name, node, variable: str, index: Static) -> ir.Construct:
        self.scope.locals[variable] = index
        try:
            return self.construct(name, node)
        finally:
            del self.scope.locals[variable]

    def construct(self, name: str, node: ast.expr) -> ir.Construct:
        naming = None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            naming = self.naming(node.right)
            node = node.left
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            self.fail(node, "a layer is constructed by a call", found=ast.unparse(node))
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        tied = tied_if = config = None
        rules = ()
        if "tied" in keywords:
            tied, tied_if = self.tie(keywords.pop("tied"))
        if "config" in keywords:
            config = self.expr(keywords.pop("config"))
            if not isinstance(config.type, Config):
                self.fail(node, "config= takes a configuration", found=str(config.type))
        target = node.func.id
        if target == "auto":
            return self.any_model(node, naming)
        plain = ast.copy_location(
            ast.Call(node.func, node.args, [ast.keyword(k, v) for k, v in keywords.items()]), node
        )
        source = self.program.source(target)
        if source is not None:
            params = self.program.parameters(source)
            definition = source
        elif target in LAYERS:
            definition, params = LAYERS[target], LAYERS[target].params
        else:
            names = [*LAYERS, *self.program.sources]
            return self.fail(
                node, f"unknown layer or module {target}", hint=self.hint(target, names)
            )
        if isinstance(definition, LayerKind):
            rules = self.declared_rules(node, definition.leaves, keywords)
            plain.keywords = [ast.keyword(k, v) for k, v in keywords.items()]
        else:
            self.check_config(node, definition, config)
        if target == "stored":
            if len(node.args) != 1 or keywords:
                self.fail(node, "stored takes one tensor", found=ast.unparse(node))
            if naming is not None and naming.transform is not None:
                self.fail(node, "what is only stored has no transform", hint="name it by a path")
            arguments = {"value": self.expr(node.args[0])}
        elif isinstance(definition, LayerKind) and definition.variadic:
            arguments = self.parameter_arguments(plain, keywords)
        else:
            bound, _ = self.bind(plain, target, params)
            arguments = {key: self.static_argument(value) for key, value in bound.items()}
        location = self.source.locate(node)
        return ir.Construct(
            location,
            Static("layer"),
            definition,
            tuple(arguments.items()),
            naming,
            config,
            tied,
            tied_if,
            rules,
        )

    def check_config(self, node: ast.Call, source: ModuleSource, config: ir.Expr | None) -> None:
        """A module is given one of the configurations that its names come from."""
        schemas = self.program.configs
        entry = self.scope.config.entry if config is None else config.type.name
        given = schemas[entry].shared or (entry,)
        taken = schemas[source.config].shared or (source.config,)
        if source.name in self.program.spec.modules and not set(given) <= set(taken):
            hint = f"write config=..., a field of {' or '.join(taken)}"
            message = f"{source.name} has another configuration"
            expected, found = " or ".join(taken), " or ".join(given)
            self.fail(node, message, expected=expected, found=found, hint=hint)

    def any_model(self, node: ast.Call, naming) -> ir.Construct:
        """`auto(config, Interface)`: the base model of whatever a configuration is of."""
        names = self.program.interfaces
        frozen = {keyword.arg: keyword.value for keyword in node.keywords}
        flag = frozen.pop("frozen_norms", None)
        for key in frozen:
            self.fail(node, f"auto has no argument {key}", hint=self.hint(key, ["frozen_norms"]))
        arguments = () if flag is None else (("frozen_norms", self.static_test(flag)),)
        if len(node.args) != 2 or not isinstance(node.args[1], ast.Name):
            self.fail(node, "auto takes a configuration and an interface", found=ast.unparse(node))
        interface = names.get(node.args[1].id)
        if interface is None:
            hint = self.hint(node.args[1].id, names)
            self.fail(node.args[1], f"unknown interface {node.args[1].id}", hint=hint)
        config = self.expr(node.args[0])
        if not isinstance(config.type, Config) or config.type.name != interface.name:
            expected = f"a field declared config<{interface.name}>"
            self.fail(
                node.args[0],
                "not a configuration for this interface",
                expected=expected,
                found=str(config.type),
            )
        return ir.Construct(
            self.source.locate(node), Static("layer"), interface, arguments, naming, config
        )

    def static_argument(self, node: ast.expr) -> ir.Expr:
        value = self.expr(node)
        if not isinstance(value.type, (Static, Optional, Config)):
            self.fail(node, "constructors take static values", found=str(value.type))
        return value

    def parameter_arguments(self, node: ast.Call, keywords: dict) -> dict[str, ir.Expr]:
        """`param(rows, columns, init=...)`: any number of sizes."""
        sizes = tuple(self.static_argument(argument) for argument in node.args)
        shape = ir.TupleExpr(self.source.locate(node), TupleOf(tuple(s.type for s in sizes)), sizes)
        for argument, size in zip(node.args, sizes, strict=True):
            if size.type.dim is None:
                self.fail(argument, "a size is a static int", found=str(size.type))
        for key in keywords:
            self.fail(node, f"{node.func.id} has no argument {key}")
        return {"shape": shape}

    def tie(self, node: ast.expr) -> tuple[ir.Expr, ir.Expr | None]:
        condition = None
        if isinstance(node, ast.IfExp):
            condition, node = self.static_test(node.test), node.body
        return (
            self.expr_Attribute(node) if isinstance(node, ast.Attribute) else self.callee(node)
        ), condition

    def naming(self, node: ast.expr) -> Naming:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if not re.fullmatch(r"(\w+(\.\w+)*)?", node.value, re.ASCII):
                expected = "names of letters, digits and '_' joined by '.'"
                self.fail(
                    node, "not a checkpoint name", expected=expected, found=quoted(node.value)
                )
            return Naming(path=node.value)
        called = getattr(getattr(node, "func", None), "id", "")
        if called == "file" and len(node.args) == 1:
            return replace(self.naming(node.args[0]), only_stored=True)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in TRANSFORMS
        ):
            arguments = tuple(self.static_argument(argument) for argument in node.args)
            fewest = TRANSFORMS[node.func.id]
            if len(arguments) < fewest or not isinstance(arguments[0], ir.Const):
                self.fail(
                    node,
                    f"{node.func.id} takes a path, then numbers",
                    expected=f"at least {fewest}",
                    found=ast.unparse(node),
                )
            return Naming(transform=node.func.id, arguments=arguments)
        expected = "a path in quotes, or " + ", ".join(f"{name}(...)" for name in TRANSFORMS)
        hint = self.hint(called, (*TRANSFORMS, "file"))
        return self.fail(
            node, "not a checkpoint name", expected=expected, found=ast.unparse(node), hint=hint
        )

    def layer_type(self, construct: ir.Construct) -> Layer:
        given = {name: value.type for name, value in construct.arguments}
        if isinstance(construct.definition, LayerKind) and construct.definition.name == "stored":
            return Layer("stored", construct.definition, (("value", given["value"]),))
        definition = construct.definition
        if isinstance(definition, LayerKind):
            kinds = {
                p.name: default_type(p.default) for p in definition.params if p.default is not ...
            }
            return Layer(definition.name, definition, tuple({**kinds, **given}.items()))
        if definition.interface:  # what is said of the model as a whole
            given = {}
        for param in self.program.parameters(definition):
            if param.name not in given and param.default is not ...:
                given[param.name] = default_type(param.default)
        config = (
            construct.config.path[-1]
            if construct.config is not None and construct.config.path
            else "main"
        )
        return Layer(definition.name, definition, tuple(given.items()), config)
