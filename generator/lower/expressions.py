"""Lowering of expressions: typed IR -> syntax trees of the target."""

from __future__ import annotations

import ast
import math

from .. import ir
from ..dims import Dim, Opaque
from ..language.builtins import MATH, REQUIRED_FIELD
from ..ops.table import REQUIRED
from ..types import Tensor, strip_optional
from . import trees
from .views import ViewWriter

OPERATORS = {
    "+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "%": ast.Mod,
    "**": ast.Pow, "@": ast.MatMult, "&": ast.BitAnd, "|": ast.BitOr,
}  # fmt: skip
COMPARISONS = {
    "==": ast.Eq, "!=": ast.NotEq, "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE,
    "in": ast.In, "not in": ast.NotIn,
}  # fmt: skip


class ExpressionWriter(ViewWriter):
    """One method per node of IR. Subclasses say how a framework spells shapes and calls."""

    framework = ""
    dtypes: dict[str, str] = {}

    def expr(self, node: ir.Expr) -> ast.expr:
        return getattr(self, f"expr_{type(node).__name__}")(node)

    def use(self, identifier: str) -> None:
        """Note a name that the generated module must import."""
        self.names.setdefault(identifier)

    def template(self, function: str, *arguments: ast.expr, **keywords: ast.expr) -> ast.Call:
        tree = trees.call(function, *arguments, **keywords)
        for node in ast.walk(tree.func):
            if isinstance(node, ast.Name):
                self.use(node.id)
        return tree

    # --- values ---------------------------------------------------------------------------------

    def expr_Const(self, node: ir.Const) -> ast.expr:
        if node.type.kind == "dtype":
            return self.dtype(node.value)
        if node.value == math.pi:
            self.use("math")
            return trees.expression("math.pi")
        return trees.constant(node.value)

    def dtype(self, name: str) -> ast.expr:
        tree = trees.expression(self.dtypes[name])
        self.use(self.dtypes[name].split(".")[0])
        return tree

    def expr_Name(self, node: ir.Name) -> ast.expr:
        if node.kind == "dim":
            return self.dim_name(node.name)
        if node.kind in ("argument", "size"):
            return self.member(node.name)
        if node.kind == "training":
            return self.training()
        return trees.name(node.name)

    def expr_ConfigField(self, node: ir.ConfigField) -> ast.expr:
        if node.fallback is None:
            return self.config_value(node.path)
        return self.nullable(node.path, node.fallback)

    def nullable(self, path: tuple[str, ...], fallback: ir.Expr) -> ast.expr:
        """A field's value, or what it stands for where it is null."""
        value = self.config_value(path)
        test = ast.Compare(value, [ast.IsNot()], [ast.Constant(None)])
        return ast.IfExp(test, value, self.expr(fallback))

    def expr_LayerRef(self, node: ir.LayerRef) -> ast.expr:
        tree = self.layer_path(node.path)
        return self.parameter_value(tree) if isinstance(node.type, Tensor) else tree

    def parameter_value(self, tree: ast.expr) -> ast.expr:
        return self.template("value", tree)

    def expr_Attribute(self, node: ir.Attribute) -> ast.expr:
        return trees.attribute(self.expr(node.value), node.name)

    def expr_Subscript(self, node: ir.Subscript) -> ast.expr:
        items = [self.index_item(item) for item in node.index]
        index = items[0] if len(items) == 1 else trees.sequence(items)
        return ast.Subscript(self.expr(node.value), index, ast.Load())

    def index_item(self, item) -> ast.expr:
        if item is None or item is Ellipsis:
            return ast.Constant(item)
        if isinstance(item, ir.Slice):
            parts = (
                self.expr(part) if part else None for part in (item.start, item.stop, item.step)
            )
            return ast.Slice(*parts)
        return self.expr(item)

    def training(self) -> ast.expr:
        return trees.expression("self.training")

    # --- operators ------------------------------------------------------------------------------

    def expr_Unary(self, node: ir.Unary) -> ast.expr:
        operator = {"-": ast.USub, "not": ast.Not, "~": ast.Invert}[node.operator]()
        return ast.UnaryOp(operator, self.expr(node.value))

    def expr_Binary(self, node: ir.Binary) -> ast.expr:
        right = self.expr(node.right)
        if isinstance(right, ast.UnaryOp) and isinstance(right.operand, ast.Constant):
            right = ast.Constant(-right.operand.value) if isinstance(right.op, ast.USub) else right
        return ast.BinOp(self.expr(node.left), OPERATORS[node.operator](), right)

    def expr_Compare(self, node: ir.Compare) -> ast.expr:
        return ast.Compare(
            self.expr(node.left), [COMPARISONS[node.operator]()], [self.expr(node.right)]
        )

    def expr_Logical(self, node: ir.Logical) -> ast.expr:
        operator = ast.And() if node.operator == "and" else ast.Or()
        return ast.BoolOp(operator, [self.expr(value) for value in node.values])

    def expr_IsNone(self, node: ir.IsNone) -> ast.expr:
        operator = ast.IsNot() if node.negated else ast.Is()
        return ast.Compare(self.expr(node.value), [operator], [ast.Constant(None)])

    def expr_IfElse(self, node: ir.IfElse) -> ast.expr:
        return ast.IfExp(self.expr(node.test), self.expr(node.then), self.expr(node.other))

    def expr_TupleExpr(self, node: ir.TupleExpr) -> ast.expr:
        return trees.sequence([self.expr(item) for item in node.items])

    def expr_ListExpr(self, node: ir.ListExpr) -> ast.expr:
        return ast.List([self.expr(item) for item in node.items], ast.Load())

    def expr_DictExpr(self, node: ir.DictExpr) -> ast.expr:
        return ast.Dict(
            [self.expr(k) for k, _ in node.items], [self.expr(v) for _, v in node.items]
        )

    def expr_Comprehension(self, node: ir.Comprehension) -> ast.expr:
        items = [trees.name(target) for target in node.targets]
        target = items[0] if len(items) == 1 else trees.sequence(items)
        conditions = [self.expr(node.condition)] if node.condition is not None else []
        generator = ast.comprehension(target, self.expr(node.iterable), conditions, 0)
        return ast.ListComp(self.expr(node.element), [generator])

    # --- calls ----------------------------------------------------------------------------------

    def expr_OpCall(self, node: ir.OpCall) -> ast.expr:
        self.location = node.location
        lowering = node.op.lowerings[self.framework]
        if not isinstance(lowering, str):
            lowering = lowering(self, node)
            if not isinstance(lowering, str):
                return lowering
        given = dict(node.arguments)
        omitted, holes = set(), {}
        for param in node.op.params:
            if param.name in given and not self.is_default(given[param.name], param.default):
                holes[param.name] = self.expr(given[param.name])
            elif param.name in given or param.default is not REQUIRED:
                if not relies_on_default(lowering, param.default):
                    omitted.add(param.name)
                holes[param.name] = trees.constant(
                    param.default if param.default is not REQUIRED else None
                )
        for name in given.keys() - holes.keys():
            holes[name] = self.expr(given[name])
        if "taps" in node.op.effects:
            holes["taps"] = trees.name("taps")
            if "emit" not in given:
                omitted |= {"taps"}
        if "past" in node.op.effects:
            holes["past"] = self.past() if self.stateful else ast.Constant(None)
        if "device" in lowering:
            holes["device"] = self.device()
        if isinstance(holes.get("dtype"), ast.Constant):
            holes["dtype"] = self.dtype(holes["dtype"].value)
        return drop_none_arguments(trees.fill(lowering, holes, omitted, self.use))

    def past(self) -> ast.expr:
        """The cache, or states of one, that tell how many tokens it holds."""
        return trees.name("past")

    def is_default(self, value: ir.Expr, default) -> bool:
        if not isinstance(value, ir.Const) or default is REQUIRED:
            return False
        return value.value == default and type(value.value) is type(default)

    def expr_PythonCall(self, node: ir.PythonCall) -> ast.expr:
        arguments = [self.expr(argument) for argument in node.arguments]
        if node.function in ("pair", "as_list"):
            return self.template(node.function, *arguments)
        if node.function == REQUIRED_FIELD:
            name = ".".join(node.arguments[0].path)
            return self.template(REQUIRED_FIELD, *arguments, ast.Constant(name))
        if node.function in (*MATH, "prod"):
            return self.template(f"math.{node.function}", *arguments)
        if node.function == "exact":
            return ast.BinOp(arguments[0], ast.FloorDiv(), arguments[1])
        return trees.call(node.function, *arguments)

    def expr_MethodCall(self, node: ir.MethodCall) -> ast.expr:
        function = trees.attribute(self.expr(node.value), node.method)
        return ast.Call(function, [self.expr(argument) for argument in node.arguments], [])

    def expr_Draw(self, node: ir.Draw) -> ast.expr:
        sizes = [self.dim(dim) for dim in node.type.shape]
        like = next(iter(self.sizes.sources), None)
        if None in sizes or like is None:
            self.program.report(f"the sizes of the draw {node.name} are not known", node.location)
            return ast.Constant(None)
        function = trees.attribute(trees.name("draws"), node.distribution)
        return ast.Call(
            function, [ast.Constant(node.name), trees.sequence(sizes), trees.name(like)], []
        )

    def expr_FunctionCall(self, node: ir.FunctionCall) -> ast.expr:
        return trees.call(node.function, *(self.expr(value) for _, value in node.arguments))

    def expr_LayerCall(self, node: ir.LayerCall) -> ast.expr:
        layer = self.expr(node.layer)
        kind = strip_optional(node.layer.type)
        module = self.module_of(kind)
        arguments = [(name, self.expr(value)) for name, value in node.arguments]
        positional, keywords = self.split_arguments(arguments, module)
        if module is not None:
            if module.stateful:
                keywords["past"] = trees.name(self.past_name(node.layer))
            if module.random:
                keywords["draws"] = trees.name("draws")
            if module.taps:
                keywords["taps"] = self.taps_for(node.layer)
        return ast.Call(layer, positional, [ast.keyword(k, v) for k, v in keywords.items()])

    def taps_for(self, layer: ir.Expr) -> ast.expr:
        scopes = dict(self.module.scopes) if self.module is not None else {}
        if isinstance(layer, ir.LayerRef) and layer.path[-1] in scopes:
            names = [ast.Constant(name) for name in scopes[layer.path[-1]]]
            return trees.call("taps.scope", *names)
        return trees.name("taps")

    def split_arguments(self, arguments, module) -> tuple[list[ast.expr], dict[str, ast.expr]]:
        return [value for _, value in arguments], {}

    def past_name(self, layer: ir.Expr) -> str:
        if isinstance(layer, ir.Name):
            return self.block_pasts.get(layer.name, "past")
        return "past"

    def expr_ModelCall(self, node: ir.ModelCall) -> ast.expr:
        module = self.module_of(strip_optional(node.layer.type))
        arguments = [(name, self.expr(value)) for name, value in node.arguments]
        # of a model that may be any, only the names of its inputs are known
        first = [parameter.name for parameter in module.inputs[:1]]
        known = 0 if module.tap_types or first != [n for n, _ in arguments[:1]] else 1
        positional, keywords = [value for _, value in arguments[:known]], dict(arguments[known:])
        # what a part of any architecture was asked for is the caller's own affair
        asked = module.tap_types and any(name.startswith("output_") for name in keywords)
        own = self.effect_inputs(self.module)
        for name in self.effect_inputs(module):
            if name in own and not (asked and name.startswith("output_")):
                keywords[name] = trees.name(name)
        keywords["return_dict"] = ast.Constant(True)
        layer = self.expr(node.layer)
        return ast.Call(layer, positional, [ast.keyword(k, v) for k, v in keywords.items()])

    def expr_MethodOf(self, node: ir.MethodOf) -> ast.expr:
        owner = trees.name("self") if node.layer is None else self.expr(node.layer)
        arguments = [self.expr(value) for _, value in node.arguments]
        return trees.call(trees.attribute(owner, node.name), *arguments)

    def expr_RecordExpr(self, node: ir.RecordExpr) -> ast.expr:
        fields = [ast.keyword(name, self.expr(value)) for name, value in node.fields]
        for tap in dict(self.module.scopes).get(node.layer, ()):
            value = trees.attribute(trees.name("taps"), f"{node.layer}_{tap}")
            fields.append(ast.keyword(tap, value))
        return ast.Call(trees.name(self.class_name(f"{node.type.name}Output")), [], fields)

    def expr_Rule(self, node: ir.Rule) -> ast.expr:
        return self.template(node.name, *(self.expr(argument) for argument in node.arguments))

    def expr_StateCall(self, node: ir.StateCall) -> ast.expr:
        slot = trees.attribute(trees.name("past"), node.state)
        if node.method == "filled":
            test = ast.Compare(trees.name("past"), [ast.IsNot()], [ast.Constant(None)])
            return ast.BoolOp(ast.And(), [test, trees.attribute(slot, "filled")])
        function = trees.attribute(slot, node.method)
        return ast.Call(function, [self.expr(argument) for argument in node.arguments], [])

    # --- sizes ----------------------------------------------------------------------------------

    def dim(self, dim: Dim) -> ast.expr | None:
        """A size as an expression, or None where only the runtime knows it."""
        if (constant := dim.constant) is not None:
            return trees.constant(constant)
        common = math.lcm(*(factor.denominator for _, factor in dim.terms))
        total: ast.expr | None = None
        for monomial, factor in dim.terms:
            count = int(factor * common)
            product = self._product(monomial, abs(count))
            if product is None:
                return None
            if total is None:
                total = product if count > 0 else ast.UnaryOp(ast.USub(), product)
            else:
                total = ast.BinOp(total, ast.Add() if count > 0 else ast.Sub(), product)
        return total if common == 1 else ast.BinOp(total, ast.FloorDiv(), trees.constant(common))

    def _product(self, monomial, factor: int) -> ast.expr | None:
        product: ast.expr | None = None if factor == 1 and monomial else trees.constant(factor)
        for atom, power in monomial:
            symbol = self._opaque(atom) if isinstance(atom, Opaque) else self.symbol(atom)
            if symbol is None or power < 1:
                return None
            for _ in range(power):
                product = symbol if product is None else ast.BinOp(product, ast.Mult(), symbol)
        return product

    def _opaque(self, atom: Opaque) -> ast.expr | None:
        arguments = [self.dim(argument) for argument in atom.arguments]
        if None in arguments or atom.operation not in (*OPERATORS, "min", "max"):
            return None
        if atom.operation in OPERATORS:
            return ast.BinOp(arguments[0], OPERATORS[atom.operation](), arguments[1])
        return trees.call(atom.operation, *arguments)

    def symbol(self, name: str) -> ast.expr | None:
        if name.startswith("?"):
            return None
        if name in self.argument_names or name in self.size_names:
            return self.member(name)
        if any(parameter.name == name for parameter in self.node.inputs):
            return trees.name(name)
        if self.program.is_runtime_dim(name):
            return self.dim_name(name)
        path = tuple(name.split("."))
        fallback = self.program.fallbacks.get((self.module.config, name)) if self.module else None
        return self.config_value(path) if fallback is None else self.nullable(path, fallback)


def relies_on_default(lowering: str, default) -> bool:
    """Frameworks differ in the numbers they assume: those are always written out."""
    is_number = isinstance(default, (int, float)) and not isinstance(default, bool)
    return is_number and "." in lowering.partition("(")[0]


def drop_none_arguments(tree: ast.expr) -> ast.expr:
    """`arange(s, None, 1)` is `arange(s)`: trailing positional defaults are left out."""
    if isinstance(tree, ast.Call) and getattr(tree.func, "attr", "") in ("arange", "range"):
        arguments = tree.args
        if (
            len(arguments) == 3
            and isinstance(arguments[2], ast.Constant)
            and arguments[2].value == 1
        ):
            arguments.pop()
            if isinstance(arguments[1], ast.Constant) and arguments[1].value is None:
                arguments.pop()
    return tree
