"""Lowering of declarations: arguments, sizes, layers and checkpoint names -> `__init__`."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from keyword import iskeyword

from .. import ir
from ..language.constructors import Naming
from ..language.sources import BASE_MODEL
from ..layers import LAYERS, LayerKind
from ..ops.table import REQUIRED
from ..types import LayerMap, Static, strip_optional
from . import trees
from .dims import Sizes
from .statements import StatementWriter

STORED = LAYERS["stored"]


@dataclass
class Group:
    """Layers with a common prefix of checkpoint names, which PyTorch keeps in one container."""

    members: dict[str, Group | ir.LayerDeclaration] = field(default_factory=dict)


class ConstructorWriter(StatementWriter):
    """Writes the lines of `__init__` after the call of the parent's."""

    def constructor(self) -> list[str]:
        self.in_constructor = True
        layers = [line for group in self.groups() for line in self.group_lines(*group)]
        ties = [line for layer in self.module.layers for line in self.tie_lines(layer)]
        self.in_constructor = False
        return [*self.size_lines(layers + ties), *layers, *ties]

    def size_lines(self, layer_lines: list[str]) -> list[str]:
        """Fields, arguments and sizes that the forward reads are kept on the module."""
        self.in_constructor = True
        text = "\n".join(layer_lines)
        sizes = []
        for name, value in reversed(self.module.sizes):
            keep = name in self.kept
            if not keep and not mentions(text + "\n".join(sizes), name):
                continue
            target = (
                f"self.{name} = {name}"
                if keep and mentions(text + "\n".join(sizes), name)
                else name
            )
            target = f"self.{name}" if keep and target == name else target
            sizes.insert(0, f"{target} = {self.text(value)}")
        nulls = self.nullable_lines()  # of the sizes, too
        lines = []
        for name in self.kept:
            if name in self.argument_names:
                lines.append(f"self.{name} = {name}")
        for path in self.kept_fields:
            lines.append(
                f"self.{self.field_attribute(path)} = {trees.text(self.config_value(path))}"
            )
        self.in_constructor = False
        return [*lines, *nulls, *sizes]

    def nullable_lines(self) -> list[str]:
        """Fields that stand for something else where they are null."""
        lines: dict[str, str] = {}

        def add(name: str) -> None:
            field = self.config_value((name,))
            value = self.expr(self.nullable_fields[name])
            for other in [other for other in self.nullable_fields if other not in lines]:
                if mentions(trees.text(value), other):
                    add(other)
            test = ast.Compare(field, [ast.IsNot()], [ast.Constant(None)])
            kept = f"self.{name} = " if name in self.kept else ""
            lines[name] = f"{kept}{name} = {trees.text(ast.IfExp(test, field, value))}"

        for name in list(self.nullable_fields):
            if name not in lines:
                add(name)
        return list(lines.values())

    # --- layers ---------------------------------------------------------------------------------

    def path_of(self, layer: ir.LayerDeclaration) -> tuple[str, ...]:
        """Where the layer is kept, as attribute steps."""
        return self.places[layer.name]

    @cached_property
    def places(self) -> dict[str, tuple[str, ...]]:
        """The places of all layers; none is another's, inside it or around it.

        A path in checkpoints that cannot be a place is left to `checkpoint_names`.
        """
        taken = [(name,) for name in (*self.argument_names, *dict(self.module.sizes))]
        places = {}
        for layer in sorted(self.kept_layers, key=self.is_moved):
            path = tuple(self.stored_path(layer).split("."))
            if not self.is_moved(layer) or overlaps(path, taken):
                path = (self.own_name(layer),)
            while overlaps(path, taken):
                path = (f"{path[0]}_",)
            places[layer.name] = path
            taken.append(path)
        return places

    def is_moved(self, layer: ir.LayerDeclaration) -> bool:
        """Whether the layer is kept where checkpoints have it, rather than under its own name."""
        return False

    def own_name(self, layer: ir.LayerDeclaration) -> str:
        if not self.is_base(layer):
            return self.attribute_name(layer.name)
        path = self.stored_path(layer) or self.program.spec.base or ""
        return path if self.is_attribute(path) else "base"

    def is_base(self, layer: ir.LayerDeclaration) -> bool:
        return layer.name == "base" and self.module.model

    def stored_path(self, layer: ir.LayerDeclaration) -> str:
        """What checkpoints call the layer, within its module."""
        naming = layer.construct.naming
        if naming is not None and naming.path is not None:
            return naming.path
        return (self.program.spec.base or "base") if self.is_base(layer) else layer.name

    def attribute_name(self, name: str) -> str:
        return f"{name}_" if name in self.reserved else name

    def is_attribute(self, step: str) -> bool:
        """Whether a segment of a checkpoint name can be an attribute as it is."""
        taken = step in self.reserved or iskeyword(step) or step.startswith("_")
        return step.isidentifier() and not taken

    @property
    def kept_layers(self) -> list[ir.LayerDeclaration]:
        """The layers that are attributes; tensors that are only stored are none."""
        return [x for x in self.module.layers if x.construct.definition is not STORED]

    def groups(self) -> list[tuple[str, Group | ir.LayerDeclaration]]:
        root = Group()
        for layer in self.kept_layers:
            place = root
            *outer, last = self.path_of(layer)
            for step in outer:
                place = place.members.setdefault(step, Group())
            place.members[last] = layer
        return list(root.members.items())

    def group_lines(self, name: str, member) -> list[str]:
        comments = list(member.comments) if isinstance(member, ir.LayerDeclaration) else []
        return [*comments, f"self.{name} = {trees.text(self.member_tree(name, member))}"]

    def member_tree(self, name: str, member) -> ast.expr:
        if isinstance(member, ir.LayerDeclaration):
            return self.declaration_tree(member)
        self.use("Group")
        conditions = {
            trees.text(self.expr(m.condition)) for m in leaves(member) if m.condition is not None
        }
        shared = len(conditions) == 1 and all(m.condition is not None for m in leaves(member))
        keywords = [
            ast.keyword(key, self.member_tree(key, self.unconditional(inner) if shared else inner))
            for key, inner in member.members.items()
        ]
        if any(key.isdigit() for key in member.members):
            items = ast.Dict([ast.Constant(k.arg) for k in keywords], [k.value for k in keywords])
            keywords = [ast.keyword(None, items)]
        tree: ast.expr = ast.Call(trees.name("Group"), [], keywords)
        if shared:
            first = next(leaves(member))
            tree = ast.IfExp(self.expr(first.condition), tree, ast.Constant(None))
        return tree

    def unconditional(self, member):
        if isinstance(member, ir.LayerDeclaration):
            return replace(member, condition=None)
        return Group({key: self.unconditional(inner) for key, inner in member.members.items()})

    def declaration_tree(self, layer: ir.LayerDeclaration) -> ast.expr:
        tree = self.construct_tree(layer)
        if layer.loop is not None:
            variable, count = layer.loop
            if isinstance(layer.type, LayerMap):
                key = trees.name(variable)
                return self.map_tree(
                    ast.DictComp(key, tree, [ast.comprehension(key, self.expr(count), [], 0)])
                )
            used = any(isinstance(n, ast.Name) and n.id == variable for n in ast.walk(tree))
            target = trees.name(variable if used else "_")
            tree = ast.ListComp(tree, [ast.comprehension(target, self.expr(count), [], 0)])
            return self.stack_tree(tree)
        if layer.condition is not None:
            return ast.IfExp(self.expr(layer.condition), tree, ast.Constant(None))
        return tree

    def construct_tree(self, layer: ir.LayerDeclaration) -> ast.expr:
        construct = layer.construct
        arguments = dict(construct.arguments)
        if isinstance(construct.definition, LayerKind):
            return self.layer_kind_tree(layer, construct, arguments)
        config = (
            self.expr(construct.config) if construct.config is not None else trees.name("config")
        )
        if construct.definition.interface:
            model = construct.definition.stands_for
            which = [] if model == BASE_MODEL else [ast.Constant(model)]
            tree = self.template("auto_model", config, *which, **self.module_keywords())
            frozen = "frozen_norms" in arguments and arguments["frozen_norms"].type.value is True
            return self.template("freeze_norms", tree) if frozen else tree
        parameters = self.program.parameters(construct.definition)
        positional = [config]
        keywords: dict[str, ast.expr] = {}
        by_name = False
        for parameter in parameters:
            if parameter.name not in arguments or self.is_default(
                arguments[parameter.name], parameter.default
            ):
                by_name = True
                continue
            value = self.expr(arguments[parameter.name])
            kind = strip_optional(parameter.type)
            flag = isinstance(kind, Static) and kind.kind == "bool"
            by_name = by_name or (flag and parameter.default is not REQUIRED)
            if by_name:
                keywords[parameter.name] = value
            else:
                positional.append(value)
        keywords.update(self.module_keywords())
        name = self.class_name(construct.definition.name)
        return ast.Call(
            trees.name(name), positional, [ast.keyword(k, v) for k, v in keywords.items()]
        )

    def module_keywords(self) -> dict[str, ast.expr]:
        return {}

    def layer_kind_tree(
        self, layer, construct: ir.Construct, arguments: dict[str, ir.Expr]
    ) -> ast.expr:
        kind: LayerKind = construct.definition
        holes: dict[str, ast.expr] = {}
        omitted: set[str] = set()
        for param in kind.params:
            value = arguments.get(param.name)
            if value is None or self.is_default(value, param.default):
                omitted.add(param.name)
                holes[param.name] = trees.constant(
                    None if param.default is REQUIRED else param.default
                )
            else:
                holes[param.name] = self.expr(value)
        if kind.variadic:
            holes["shape"] = self.expr(arguments["shape"])
            holes["name"] = ast.Constant(self.attribute_name(layer.name))
        tree = trees.fill(
            kind.constructor(self.framework, set(holes) - omitted),
            holes,
            omitted,
            self.use_in_constructor,
        )
        tree = self.with_tie(tree, construct)
        if not construct.rules:
            return tree
        rules = {name: self.expr(rule) for name, rule in construct.rules}
        return self.template(
            "with_init", tree, *([rules.pop("init")] if "init" in rules else []), **rules
        )

    def use_in_constructor(self, name: str) -> None:
        if name not in ("self", "rngs", "config"):
            self.use(name)

    def with_tie(self, tree: ast.expr, construct: ir.Construct) -> ast.expr:
        """TF and Flax read the table of the tied layer; PyTorch shares the parameter afterwards."""
        if construct.tied is None:
            return tree
        value = self.expr(construct.tied)
        if construct.tied_if is not None:
            value = ast.IfExp(self.expr(construct.tied_if), value, ast.Constant(None))
        tree.keywords.insert(
            len(tree.keywords) - self.trailing_keywords(tree), ast.keyword("tied", value)
        )
        return tree

    def trailing_keywords(self, tree: ast.Call) -> int:
        return sum(keyword.arg == "rngs" for keyword in tree.keywords)

    def tie_lines(self, layer: ir.LayerDeclaration) -> list[str]:
        return []

    def map_tree(self, tree: ast.DictComp) -> ast.expr:
        return tree

    def stored_tensors(self) -> dict[str, str]:
        """Tensors that checkpoints hold although they follow from the configuration."""
        outer, self.sizes = self.sizes, Sizes()  # no input of the forward is in scope
        tensors = {
            self.stored_path(layer): self.text(layer.construct.arguments[0][1])
            for layer in self.module.layers
            if layer.construct.definition is STORED
        }
        self.sizes = outer
        return tensors

    def expr_LayerRef(self, node: ir.LayerRef) -> ast.expr:
        """A tensor that is only stored is computed where it is read."""
        construct = self.module.layer(node.path[0]).construct
        if construct.definition is STORED:
            return self.expr(construct.arguments[0][1])
        return super().expr_LayerRef(node)

    def stack_tree(self, tree: ast.ListComp) -> ast.expr:
        return tree

    # --- checkpoint names -----------------------------------------------------------------------

    def checkpoint_names(self) -> dict[str, str]:
        """Attributes whose checkpoint name is another: `attention -> attention.self`."""
        names = {}
        for layer in self.kept_layers:
            naming: Naming | None = layer.construct.naming
            attribute = ".".join(self.path_of(layer))
            if naming is not None and naming.transform is not None:
                names[attribute] = self.transform_text(naming)
            elif self.implied_path(attribute) != self.stored_path(layer):
                names[attribute] = repr(self.stored_path(layer))
        return names

    def implied_path(self, attribute: str) -> str:
        """The checkpoint name of an attribute for which nothing else is said: the runtime leaves
        out the `_` behind names that the framework needs itself."""
        return attribute.removesuffix("_")

    def transform_text(self, naming: Naming) -> str:
        name = "".join(part.title() for part in naming.transform.split("_"))
        path = naming.arguments[0].value
        rest = [self.expr(argument) for argument in naming.arguments[1:]]
        rest = [ast.Tuple(x.elts, ast.Load()) if isinstance(x, ast.List) else x for x in rest]
        paths = [path]
        if naming.transform == "transpose":
            rest = [ast.Tuple(rest, ast.Load())]
        elif naming.transform == "weight_norm":
            paths = [f"{path}.weight_g", f"{path}.weight_v"]
        texts = [*map(repr, paths), *map(trees.text, rest)]
        return f"transforms.{name}({', '.join(texts)})"


def leaves(group: Group):
    for member in group.members.values():
        if isinstance(member, Group):
            yield from leaves(member)
        else:
            yield member


def overlaps(path: tuple[str, ...], taken: list[tuple[str, ...]]) -> bool:
    """Whether a place is one of others, inside one or around one."""
    return any(all(a == b for a, b in zip(path, other, strict=False)) for other in taken)


def mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", text) is not None
