"""Builtins and methods on static values: computed here where the values are known."""

from __future__ import annotations

import ast
import math

from .. import ir
from ..configs import static_of
from ..dims import Dim, opaque
from ..ops import OPS
from ..types import ANY, UNKNOWN, ListOf, Stack, Static, TupleOf, Type, integer, strip_optional
from .typestrings import unknown_dim


def pair(value) -> list:
    """One size for both axes, or one for each."""
    return list(value) if isinstance(value, (list, tuple)) else [value, value]


def stages(count: int) -> list[str]:
    """The usual names of a backbone's stages."""
    return ["stem", *(f"stage{index}" for index in range(1, count + 1))]


def as_list(value) -> list:
    """One number as a list of it, several as they are."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


BUILTINS = {
    "pair": pair, "stages": stages, "as_list": as_list,
    "len": len, "min": min, "max": max, "sum": sum, "abs": abs, "int": int, "float": float,
    "bool": bool, "str": str, "round": round, "range": range, "list": list, "any": any, "all": all,
    "prod": math.prod,
}  # fmt: skip
METHODS = (
    "get",
    "startswith",
    "endswith",
    "index",
    "removeprefix",
    "removesuffix",
    "split",
    "keys",
)
MATH = ("exp", "log", "sqrt", "sin", "cos", "floor", "ceil")
LOOPS = ("enumerate", "zip", "reversed")
ARGUMENTS = {"exact": (2, 2), "zip": (1, 8), "range": (1, 3), "round": (1, 2)}  # others take one


REQUIRED_FIELD = "required"


class BuiltinMixin:
    """Calls such as `len(stages)` and `name.startswith(...)`."""

    def required_field(self, node: ast.Call) -> ir.Expr:
        """`required(field)`: a field that may be null, in a call that cannot do without it."""
        field = self.expr(node.args[0]) if len(node.args) == 1 and not node.keywords else None
        if not isinstance(field, ir.ConfigField):
            self.fail(node, "required takes a field of the configuration", found=ast.unparse(node))
        kind = strip_optional(field.type)
        if isinstance(kind, Static) and kind.kind == "none":  # in a preset, which makes no calls
            kind = ANY
        return ir.PythonCall(self.source.locate(node), kind, REQUIRED_FIELD, (field,))

    def static_call(self, node: ast.Call, name: str) -> ir.Expr | None:
        """A builtin on static values, or None where an op of that name takes the tensors."""
        arguments = tuple(self.expr(argument) for argument in node.args)
        location = self.source.locate(node)
        fewest, most = ARGUMENTS.get(name, (1, 1))
        if name not in OPS and not fewest <= len(arguments) <= most:
            expected = str(fewest) if fewest == most else f"{fewest} to {most}"
            self.fail(
                node, f"{name}: number of arguments", expected=expected, found=str(len(arguments))
            )
        kinds = [argument.type for argument in arguments]
        if name in LOOPS or (name == "len" and isinstance(kinds[0], (ListOf, TupleOf, Stack))):
            kind = integer() if name == "len" else self.iterator_type(node, name, kinds)
            return ir.PythonCall(location, kind, name, arguments)
        if not all(isinstance(kind, Static) for kind in kinds):
            if name in OPS:
                return None
            self.fail(node, f"{name} takes static values", found=", ".join(map(str, kinds)))
        if node.keywords:
            if name in OPS:
                return None
            self.fail(node, f"{name} takes no keywords")
        return ir.PythonCall(location, self.static_result(node, name, kinds), name, arguments)

    def static_result(self, node, name: str, kinds: list[Static]) -> Type:
        values = [kind.value for kind in kinds]
        if name in MATH:
            result = UNKNOWN
            if UNKNOWN not in values:
                try:
                    result = getattr(math, name)(*values)
                except (TypeError, ValueError, OverflowError) as error:
                    self.fail(node, f"{name}: {error}")
            if name in ("floor", "ceil"):
                return static_of(result) if result is not UNKNOWN else integer(unknown_dim())
            return Static("float", value=result)
        if name == "exact":
            left, right = (kind.dim for kind in kinds)
            if left is None or right is None:
                return integer()
            quotient = left.exact(right)
            constant = quotient.constant if quotient is not None else None
            if left.constant is not None and right.constant is not None and constant is None:
                self.fail(node, f"{left} is not divisible by {right}")
            return integer(quotient if quotient is not None else opaque("exact", left, right))
        if UNKNOWN not in values:
            if (
                name == "range"
                and max([abs(v) for v in values if isinstance(v, int)] or [0]) > 10**6
            ):
                self.fail(node, "the range is too long")
            try:
                result = BUILTINS[name](*values)
            except (TypeError, ValueError, OverflowError) as error:
                self.fail(node, f"{name}: {error}")
            return static_of(list(result) if isinstance(result, range) else result)
        if name == "range":
            return Static("list", element=Static("int"))
        if name in ("min", "max") and all(kind.dim is not None for kind in kinds):
            return integer(opaque(name, *(kind.dim for kind in kinds)))
        if name == "stages":
            return Static("list", element=Static("str"))
        if name in ("pair", "as_list"):
            return Static("list", element=Static("int"))
        if name == "len":
            return integer(opaque("len", Dim.of(ast.unparse(node.args[0]))))
        if name == "int":
            return integer(kinds[0].dim or unknown_dim())
        results = {
            "float": "float",
            "bool": "bool",
            "any": "bool",
            "all": "bool",
            "str": "str",
            "list": "list",
            "prod": "int",
        }
        return Static(results.get(name, "int" if {k.kind for k in kinds} == {"int"} else "number"))

    def iterator_type(self, node, name: str, kinds: list[Type]) -> Type:
        elements = [self.element_type(node, kind) for kind in kinds]
        if name == "enumerate":
            return ListOf(TupleOf((integer(unknown_dim()), elements[0])))
        if name == "zip":
            return ListOf(TupleOf(tuple(elements)))
        return kinds[0] if isinstance(kinds[0], Stack) else ListOf(elements[0])

    def element_type(self, node, kind: Type) -> Type:
        if isinstance(kind, (ListOf, Stack)):
            return kind.element
        if isinstance(kind, Static) and kind.kind in ("list", "any"):
            element = kind.element or ANY
            return integer(unknown_dim()) if element == Static("int") else element
        if isinstance(kind, TupleOf) and kind.items:
            return kind.items[0]
        return self.fail(node, "this cannot be looped over", found=str(kind))

    def method_call(self, node, value: ir.Expr, method: str, arguments) -> ir.Expr:
        values = [value.type.value, *(argument.type.value for argument in arguments)]
        kind = Static("bool") if method in ("startswith", "endswith") else ANY
        if method.startswith("remove"):
            kind = Static("str")
        if all(item is not UNKNOWN for item in values):
            try:
                kind = static_of(getattr(values[0], method)(*values[1:]))
            except (AttributeError, ValueError, TypeError) as error:
                self.fail(node, f"{method}: {error}")
        return ir.MethodCall(self.source.locate(node), kind, value, method, arguments)
