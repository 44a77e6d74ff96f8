"""Inference of expressions: syntax tree -> typed IR."""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

from .. import ir
from ..diagnostics import listed
from ..dims import Dim, TooLarge, opaque
from ..layers import LayerKind, parameter_type
from ..states import METHODS
from ..types import (
    BOOL,
    ERROR,
    FLOATS,
    NONE,
    UNKNOWN,
    Config,
    Layer,
    LayerMap,
    ListOf,
    Mask,
    Optional,
    Record,
    Stack,
    Static,
    Tensor,
    TupleOf,
    Type,
    integer,
    is_optional,
    make_optional,
    strip_optional,
)
from . import unify
from .calls import CallMixin
from .typestrings import dim_binary, unknown_dim

ANY = Static("any")
OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|",
}  # fmt: skip
FUNCTIONS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
}  # fmt: skip
COMPARISONS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
COMPARE = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip
DTYPES = ("float32", "int", "bool", "float")
NUMBERS = ("int", "float", "number", "bool", "any")
LARGEST = 2**63  # of a known whole number
LONGEST = 100_000  # of a known text or list


class Failure(Exception):
    """An expression that has been reported; its statement is given up."""


class ExpressionMixin(CallMixin):
    """Methods `expr_<node>`; the module's checker provides `scope`, `source`, `fail`."""

    def expr(self, node: ast.expr) -> ir.Expr:
        method = getattr(self, f"expr_{type(node).__name__}", None)
        if method is None:
            self.fail(node, "this expression is not allowed here", found=ast.unparse(node))
        try:
            return method(node)
        except TooLarge:
            return self.fail(node, "the size has too many terms")

    def expr_Constant(self, node: ast.Constant) -> ir.Expr:
        return self.constant(node.value, node)

    def constant(self, value: Any, node: ast.AST) -> ir.Const:
        location = self.source.locate(node)
        if value is None:
            return ir.Const(location, NONE, None)
        if isinstance(value, bool):
            return ir.Const(location, Static("bool", value=value), value)
        if isinstance(value, int):
            return ir.Const(location, integer(value), value)
        if isinstance(value, (float, str)):
            return ir.Const(location, Static(type(value).__name__, value=value), value)
        return self.fail(node, "not a literal of the language", found=repr(value)[:40])

    # --- names ----------------------------------------------------------------------------------

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
            return self.binding(name)
        if name in scope.arguments:
            return ir.Name(location, scope.arguments[name], name, "argument")
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

    def binding(self, name: str) -> ir.Expr:
        """An argument that a head was given: an expression of the spec that uses it."""
        source = self.scope.bindings[name]
        outer, self.source = self.source, source
        try:
            return self.expr(source.tree.body)
        finally:
            self.source = outer

    def config_field(self, node: ast.AST, path: tuple[str, ...]) -> ir.Expr:
        kind = self.scope.config_type(path)
        location = self.source.locate(node)
        if kind is None:
            names = self.scope.config.names
            self.fail(
                node, f"no configuration field {'.'.join(path)}", hint=self.hint(path[-1], names)
            )
        fallback = None
        if len(path) == 1 and (field := self.scope.config.fields.get(path[0])) and field.when_null:
            fallback = self.text_expression(field.when_null, field.location)
            kind = fallback.type if kind == NONE else strip_optional(kind)
        return ir.ConfigField(location, kind, path, fallback)

    def layer_value(self, node: ast.AST, path: tuple[str, ...], kind: Type) -> ir.Expr:
        location = self.source.locate(node)
        if (
            isinstance(kind, Layer)
            and isinstance(kind.definition, LayerKind)
            and not kind.definition.rule
        ):
            return ir.LayerRef(location, parameter_type(dict(kind.arguments)), path)
        if isinstance(kind, Optional) and self.holds(self.scope.layer_conditions.get(path[0])):
            return self.layer_value(node, path, kind.inner)
        return ir.LayerRef(location, kind, path)

    def holds(self, condition: ir.Expr | None) -> bool:
        truth = True
        while isinstance(condition, ir.Unary) and condition.operator == "not":
            condition, truth = condition.value, not truth
        return condition is not None and (condition, truth) in self.scope.conditions

    def expr_Attribute(self, node: ast.Attribute) -> ir.Expr:
        location = self.source.locate(node)
        if isinstance(node.value, ast.Name) and node.value.id == "config":
            return self.config_field(node, (node.attr,))
        if isinstance(node.value, ast.Name) and node.value.id in self.scope.states:
            return self.state_call(node, node.value.id, node.attr, [])
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

    # --- operators ------------------------------------------------------------------------------

    def expr_UnaryOp(self, node: ast.UnaryOp) -> ir.Expr:
        value = self.expr(node.operand)
        location, kind = self.source.locate(node), value.type
        if isinstance(node.op, ast.Not):
            value = self.tested(node.operand, value)
            known = (
                not kind.value
                if isinstance(kind, Static) and kind.value is not UNKNOWN
                else UNKNOWN
            )
            return ir.Unary(location, Static("bool", value=known), "not", value)
        if isinstance(node.op, ast.Invert):
            if not (isinstance(kind, Tensor) and kind.dtype == "bool"):
                self.fail(node, "~ negates bool tensors", found=str(kind))
            return ir.Unary(location, kind, "~", value)
        if isinstance(kind, Static):
            if kind.kind not in NUMBERS:
                self.fail(node, "- negates numbers", found=str(kind))
            known = -kind.value if isinstance(kind.value, (int, float)) else UNKNOWN
            dim = -kind.dim if kind.dim is not None else None
            return ir.Unary(location, Static(kind.kind, dim, known), "-", value)
        if not isinstance(kind, Tensor) or kind.dtype == "bool":
            self.fail(node, "- negates numbers", found=str(kind))
        return ir.Unary(location, kind, "-", value)

    def expr_BinOp(self, node: ast.BinOp) -> ir.Expr:
        symbol = OPERATORS[type(node.op)]
        left, right = self.expr(node.left), self.expr(node.right)
        location = self.source.locate(node)
        for side in (left, right):
            if is_optional(side.type):
                hint = "test it with `is not None`"
                self.fail(node, "an operand may be absent", found=ast.unparse(node), hint=hint)
        if isinstance(left.type, Mask) or isinstance(right.type, Mask):
            return ir.Binary(
                location, self.mask_operator(node, symbol, left, right), symbol, left, right
            )
        if symbol == "+" and all(isinstance(s.type, (ListOf, TupleOf)) for s in (left, right)):
            return ir.Binary(location, unify.join_lists(left.type, right.type), symbol, left, right)
        if isinstance(left.type, Static) and isinstance(right.type, Static):
            return ir.Binary(location, self.static_operator(node, left, right), symbol, left, right)
        return ir.Binary(
            location, self.tensor_operator(node, symbol, left, right), symbol, left, right
        )

    def mask_operator(self, node, symbol, left, right) -> Type:
        if symbol not in "&|" or not (isinstance(left.type, Mask) and isinstance(right.type, Mask)):
            self.fail(
                node,
                "masks are joined with & and | only",
                found=f"{left.type} {symbol} {right.type}",
            )
        met = unify.meet_masks(left.type, right.type)
        if met is None:
            self.fail(
                node, "masks of different sizes", expected=str(left.type), found=str(right.type)
            )
        return met

    def static_operator(self, node: ast.BinOp, left: ir.Expr, right: ir.Expr) -> Type:
        a, b = left.type, right.type
        symbol = OPERATORS[type(node.op)]
        known: Any = UNKNOWN
        if a.value is not UNKNOWN and b.value is not UNKNOWN and symbol in FUNCTIONS:
            if symbol == "**" and isinstance(b.value, (int, float)) and abs(b.value) > 64:
                self.fail(node, "the power is too large", found=str(b.value))
            if symbol == "%" and isinstance(a.value, str):
                self.fail(node, "% does not apply", found=f"{a} and {b}")
            if symbol in "+*" and joined_length(a.value, b.value) > LONGEST:
                self.fail(node, "the value is too long")
            try:
                known = FUNCTIONS[symbol](a.value, b.value)
            except TypeError:
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")
            except (ZeroDivisionError, OverflowError) as error:
                self.fail(node, f"cannot compute {ast.unparse(node)}: {error}")
            if isinstance(known, complex):
                self.fail(node, "not a real number", found=ast.unparse(node))
            if isinstance(known, int) and abs(known) > LARGEST:
                self.fail(node, "the number is too large", found=ast.unparse(node))
        if a.kind == b.kind == "int" and symbol != "/":
            if isinstance(known, int):
                return integer(known)
            if isinstance(known, float):
                return Static("float", value=known)
            dims = a.dim, b.dim
            dim = dim_binary(type(node.op), *dims) if None not in dims else None
            return Static("int", dim)
        if a.kind in ("str", "list") and symbol in "+*":
            return Static(a.kind, value=known, element=a.element)
        if {a.kind, b.kind} <= {"int", "float", "number", "bool", "any"}:
            kind = next((kind for kind in ("any", "number") if kind in (a.kind, b.kind)), "float")
            return Static(kind, value=known)
        return self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")

    def tensor_operator(self, node, symbol, left: ir.Expr, right: ir.Expr) -> Type:
        a, b = left.type, right.type
        for side in (a, b):
            if not isinstance(side, (Tensor, Static)):
                self.fail(node, f"{symbol} does not apply", found=str(side))
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            if symbol == "@":
                return self.matmul(node, a, b)
            result = unify.broadcast(a, b)
            if isinstance(result, str):
                hint = (
                    "cast_like() makes the types equal" if result.startswith("different") else None
                )
                self.fail(
                    node, f"{ast.unparse(node)}: {result}", expected=str(a), found=str(b), hint=hint
                )
        else:
            result = a if isinstance(a, Tensor) else b
            number = b if isinstance(a, Tensor) else a
            if number.kind not in NUMBERS:
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")
            if result.dtype == "int" and number.kind in ("float", "number"):
                self.fail(node, "an int tensor with a float", hint="cast(x, float32) first")
        if symbol in "&|":
            if result.dtype != "bool":
                self.fail(node, f"{symbol} joins bool tensors", found=str(result))
        elif result.dtype == "bool":
            self.fail(node, f"{symbol} does not apply to bool tensors", hint="cast(x, int) first")
        if symbol == "/" and result.dtype == "int":
            self.fail(node, "/ does not apply to int tensors", hint="use // or cast(x, float32)")
        return result

    def matmul(self, node, a: Tensor, b: Tensor) -> Tensor:
        if a.rank < 2 or b.rank < 2 or a.dtype != b.dtype:
            self.fail(node, "@ multiplies matrices of one type", found=f"{a} and {b}")
        if not unify.equal(a.shape[-1], b.shape[-2]):
            self.fail(
                node,
                "@ joins the last and the last but one size",
                expected=str(a.shape[-1]),
                found=str(b.shape[-2]),
            )
        batch = unify.broadcast(Tensor(a.dtype, a.shape[:-2]), Tensor(b.dtype, b.shape[:-2]))
        if isinstance(batch, str):
            self.fail(node, f"@: {batch}", found=f"{a} and {b}")
        return Tensor(a.dtype, (*batch.shape, a.shape[-2], b.shape[-1]))

    def expr_Compare(self, node: ast.Compare) -> ir.Expr:
        if len(node.ops) != 1:
            self.fail(node, "write one comparison at a time", found=ast.unparse(node))
        location, comparison = self.source.locate(node), node.ops[0]
        left = self.expr(node.left)
        if isinstance(comparison, (ast.Is, ast.IsNot)):
            right = node.comparators[0]
            if not (isinstance(right, ast.Constant) and right.value is None):
                self.fail(node, "`is` compares with None only", found=ast.unparse(node))
            negated = isinstance(comparison, ast.IsNot)
            known = UNKNOWN if isinstance(left.type, Optional) else (left.type == NONE) != negated
            if left.type == ANY or isinstance(left, ir.ConfigField):
                known = UNKNOWN if self.scope.values is None else known
            return ir.IsNone(location, Static("bool", value=known), left, negated)
        symbol = COMPARISONS[type(comparison)]
        right = self.expr(node.comparators[0])
        if isinstance(left.type, Tensor) or isinstance(right.type, Tensor):
            if symbol in ("in", "not in"):
                self.fail(node, "`in` compares static values only")
            result = self.tensor_comparison(node, left, right)
            return ir.Compare(location, result, symbol, left, right)
        known: Any = UNKNOWN
        a, b = left.type, right.type
        for kind in (a, b):
            if not isinstance(strip_optional(kind), Static):
                hint = "test it with `is not None`" if is_optional(kind) else None
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}", hint=hint)
        if isinstance(a, Static) and isinstance(b, Static) and UNKNOWN not in (a.value, b.value):
            try:
                known = COMPARE[symbol](a.value, b.value)
            except TypeError:
                self.fail(node, f"{symbol} does not apply", found=f"{a} and {b}")
        return ir.Compare(location, Static("bool", value=known), symbol, left, right)

    def tensor_comparison(self, node, left: ir.Expr, right: ir.Expr) -> Tensor:
        a, b = left.type, right.type
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            result = unify.broadcast(a, b)
            if isinstance(result, str):
                self.fail(node, f"{ast.unparse(node)}: {result}", expected=str(a), found=str(b))
            return Tensor("bool", result.shape)
        tensor, other = (a, b) if isinstance(a, Tensor) else (b, a)
        if not isinstance(other, Static) or other.kind not in NUMBERS:
            self.fail(node, "a tensor is compared with a number or a tensor", found=str(other))
        return Tensor("bool", tensor.shape)

    def expr_BoolOp(self, node: ast.BoolOp) -> ir.Expr:
        symbol = "and" if isinstance(node.op, ast.And) else "or"
        values = []
        kept = len(self.scope.conditions)
        saved = dict(self.scope.locals)
        for item in node.values:
            value = self.static_test(item)
            values.append(value)
            self.assume(value, symbol == "and")
        del self.scope.conditions[kept:]
        self.scope.locals = saved
        knowns = [value.type.value for value in values]
        known: Any = UNKNOWN
        decisive = symbol == "or"
        if any(item is not UNKNOWN and bool(item) == decisive for item in knowns):
            known = decisive
        elif UNKNOWN not in knowns:
            known = not decisive
        return ir.Logical(
            self.source.locate(node), Static("bool", value=known), symbol, tuple(values)
        )

    def static_test(self, node: ast.expr) -> ir.Expr:
        """A condition: decided when the model is built or traced, never by a tensor's values."""
        return self.tested(node, self.expr(node))

    def tested(self, node: ast.expr, value: ir.Expr) -> ir.Expr:
        if not isinstance(value.type, Static):
            hint = "use `is not None` for presence, where() for values"
            self.fail(node, "a condition is a static value", found=str(value.type), hint=hint)
        return value

    def expr_IfExp(self, node: ast.IfExp) -> ir.Expr:
        test = self.static_test(node.test)
        known = test.type.value
        then = other = None
        if known is UNKNOWN or known:
            then = self.under(test, True, node.body)
        if known is UNKNOWN or not known:
            other = self.under(test, False, node.orelse)
        if then is None or other is None:  # the concrete check follows one branch only
            return then or other
        kind = unify.join(then.type, other.type)
        if kind is None:
            self.fail(
                node,
                "the two values have different types",
                expected=str(then.type),
                found=str(other.type),
            )
        return ir.IfElse(self.source.locate(node), kind, test, then, other)

    def under(self, test: ir.Expr, truth: bool, node: ast.expr) -> ir.Expr:
        kept, saved = len(self.scope.conditions), dict(self.scope.locals)
        self.assume(test, truth)
        try:
            return self.expr(node)
        finally:
            del self.scope.conditions[kept:]
            self.scope.locals = saved

    def assume(self, test: ir.Expr, truth: bool) -> None:
        """Remember a condition on this path, and narrow what it tests for None."""
        self.scope.conditions.append((test, truth))
        if isinstance(test, ir.Unary) and test.operator == "not":
            self.assume(test.value, not truth)
        elif isinstance(test, ir.Logical) and truth == (test.operator == "and"):
            for value in test.values:
                self.assume(value, truth)
        elif isinstance(test, ir.IsNone) and isinstance(test.value, ir.Name):
            name = test.value.name
            if name in self.scope.locals:
                present = test.negated == truth
                kind = self.scope.locals[name]
                self.scope.locals[name] = strip_optional(kind) if present else NONE

    # --- structures -----------------------------------------------------------------------------

    def expr_Tuple(self, node: ast.Tuple) -> ir.Expr:
        items = tuple(self.expr(item) for item in node.elts)
        kind = TupleOf(tuple(item.type for item in items))
        return ir.TupleExpr(self.source.locate(node), kind, items)

    def expr_List(self, node: ast.List) -> ir.Expr:
        items = tuple(self.expr(item) for item in node.elts)
        location = self.source.locate(node)
        if items and all(isinstance(item.type, Static) for item in items):
            values = [item.type.value for item in items]
            known = UNKNOWN if UNKNOWN in values else values
            return ir.ListExpr(location, Static("list", value=known, element=items[0].type), items)
        return ir.ListExpr(location, TupleOf(tuple(item.type for item in items)), items)

    def expr_Dict(self, node: ast.Dict) -> ir.Expr:
        items = tuple(
            (self.expr(k), self.expr(v)) for k, v in zip(node.keys, node.values, strict=True)
        )
        return ir.DictExpr(self.source.locate(node), Static("dict"), items)

    def expr_ListComp(self, node: ast.ListComp) -> ir.Expr:
        if len(node.generators) != 1:
            self.fail(node, "a comprehension has one `for`")
        generator = node.generators[0]
        iterable = self.expr(generator.iter)
        names, kinds = self.loop_targets(generator.target, iterable)
        saved = dict(self.scope.locals)
        self.scope.locals.update(zip(names, kinds, strict=True))
        condition = self.static_test(generator.ifs[0]) if generator.ifs else None
        element = self.expr(node.elt)
        self.scope.locals = saved
        if isinstance(element.type, Static):
            kind: Type = Static("list", element=element.type)
        else:
            kind = ListOf(element.type)
        return ir.Comprehension(self.source.locate(node), kind, element, names, iterable, condition)

    def expr_Subscript(self, node: ast.Subscript) -> ir.Expr:
        value = self.expr(node.value)
        location, kind = self.source.locate(node), value.type
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(kind, Tensor):
            return self.tensor_index(node, value, items)
        index = tuple(self.index_item(item) for item in items)
        if isinstance(kind, Static):
            if kind.kind not in ("list", "dict", "any", "str"):
                self.fail(node, "this value has no items", found=str(kind))
            return ir.Subscript(location, self.static_item(node, kind, index), value, index)
        if isinstance(kind, (TupleOf, ListOf, Stack, LayerMap)):
            return ir.Subscript(location, self.sequence_item(node, kind, index), value, index)
        hint = "test it with `is not None`" if is_optional(kind) else None
        return self.fail(node, "this value has no items", found=str(kind), hint=hint)

    def static_item(self, node, kind: Static, index) -> Type:
        key = index[0].type.value if isinstance(index[0], ir.Expr) else UNKNOWN
        if kind.value is not UNKNOWN and key is not UNKNOWN:
            try:
                return self.static_of(kind.value[key])
            except (KeyError, IndexError, TypeError):
                self.fail(node, "no such item", found=repr(key))
        if isinstance(index[0], ir.Slice):
            return kind
        element = kind.element or ANY
        if element == Static("int") and kind.kind == "list":
            return Static("int", opaque_item(node))
        return element

    def sequence_item(self, node, kind, index) -> Type:
        key = index[0].type if isinstance(index[0], ir.Expr) else None
        wanted = "str" if isinstance(kind, LayerMap) else "int"
        if len(index) > 1 or key is not None and getattr(key, "kind", "") not in (wanted, "any"):
            expected = f"one static {wanted}"
            self.fail(node, "no such item", expected=expected, found=ast.unparse(node.slice))
        if isinstance(kind, LayerMap):
            return (
                dict(kind.items).get(index[0].type.value, kind.element)
                if kind.items
                else kind.element
            )
        position = index[0].type.value if isinstance(index[0], ir.Expr) else UNKNOWN
        if isinstance(kind, TupleOf):
            if not isinstance(position, int) or not -len(kind.items) <= position < len(kind.items):
                self.fail(node, "no such item", found=f"{len(kind.items)} items")
            return kind.items[position]
        return kind.element if isinstance(index[0], ir.Expr) else kind

    def index_item(self, node: ast.expr):
        if isinstance(node, ast.Slice):
            parts = (
                self.expr(part) if part else None for part in (node.lower, node.upper, node.step)
            )
            return ir.Slice(*parts)
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return Ellipsis
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        return self.expr(node)

    def tensor_index(self, node: ast.Subscript, value: ir.Expr, items: list[ast.expr]) -> ir.Expr:
        tensor: Tensor = value.type
        index = tuple(self.index_item(item) for item in items)
        used = sum(item is not None and item is not Ellipsis for item in index)
        if used > tensor.rank:
            self.fail(node, "more indices than axes", expected=str(tensor.rank), found=str(used))
        shape: list[Dim] = []
        axis = 0
        for item in index:
            if item is None:
                shape.append(Dim.of(1))
            elif item is Ellipsis:
                skipped = tensor.rank - used
                shape += tensor.shape[axis : axis + skipped]
                axis += skipped
            elif isinstance(item, ir.Slice):
                shape.append(self.sliced(tensor.shape[axis], item))
                axis += 1
            else:
                if not isinstance(item.type, Static) or item.type.kind not in ("int", "any"):
                    hint = "take() and select_rows() read by tensors of indices"
                    self.fail(node, "an index is a static int", found=str(item.type), hint=hint)
                axis += 1
        shape += tensor.shape[axis:]
        return ir.Subscript(
            self.source.locate(node), Tensor(tensor.dtype, tuple(shape)), value, index
        )

    def sliced(self, size: Dim, item: ir.Slice) -> Dim:
        def bound(expr: ir.Expr | None, default: Dim) -> Dim | None:
            if expr is None or expr.type == NONE:
                return default
            dim = expr.type.dim if isinstance(expr.type, Static) else None
            if dim is not None and (dim.constant or 0) < 0:
                return size + dim
            negative = isinstance(expr, ir.Unary) and dim is not None and dim.constant is None
            return None if negative else dim

        start, stop = bound(item.start, Dim.of(0)), bound(item.stop, size)
        if start is None or stop is None:
            return unknown_dim()
        if size.constant is not None and stop.constant is not None:
            stop = opaque("min", stop, size)
        length = stop - start
        if item.step is not None:
            step = item.step.type.dim
            if step is None or (step.constant or 0) < 1:
                return unknown_dim()
            length = opaque("//", length + step - 1, step)
        return length


def joined_length(left: Any, right: Any) -> int:
    """The length of two texts or lists joined, or of one repeated; 0 of numbers."""
    lengths = [len(value) for value in (left, right) if isinstance(value, (str, list))]
    counts = [value for value in (left, right) if isinstance(value, int)]
    return sum(lengths) * max([1, *counts]) if lengths else 0


def opaque_item(node: ast.AST) -> Dim:
    """An entry of a list of ints in the configuration: `depths[i]`."""
    return opaque("item", Dim.of(ast.unparse(node)))


__all__ = ["ANY", "FLOATS", "ExpressionMixin", "Failure", "make_optional"]
