"""Arguments of calls: bound to parameters, checked against the declared types."""

from __future__ import annotations

import ast

from .. import ir
from ..dims import Dim
from ..ops.table import REQUIRED
from ..types import Layer, Optional, Static, Type, free_symbols
from .typestrings import unknown_dim
from .unify import Unifier, hint_of, substitute


class ArgumentMixin:
    """Binds the arguments of a call, and infers its result from theirs."""

    def bind(self, node: ast.Call, name: str, params, open_ended: bool = False):
        """Arguments by parameter name, as syntax trees, and the keywords that no parameter has."""
        names = [param.name for param in params]
        bound: dict[str, ast.expr] = {}
        extras: dict[str, ast.expr] = {}
        if len(node.args) > len(names):
            plural = "" if len(names) == 1 else "s"
            self.fail(
                node, f"{name} takes {len(names)} argument{plural}", found=str(len(node.args))
            )
        bound.update(zip(names, node.args, strict=False))
        for keyword in node.keywords:
            if keyword.arg in bound:
                self.fail(node, f"{name}: the argument {keyword.arg} is given twice")
            if keyword.arg in names:
                bound[keyword.arg] = keyword.value
            elif open_ended:
                extras[keyword.arg] = keyword.value
            else:
                self.fail(
                    node,
                    f"{name} has no argument {keyword.arg}",
                    hint=self.hint(keyword.arg, names),
                )
        for param in params:
            if param.default is REQUIRED and param.name not in bound:
                self.fail(node, f"{name} needs the argument {param.name}")
        return bound, extras

    def apply(self, node, name, inputs, returns: Type, arguments, values: dict[str, Dim]) -> Type:
        """Check arguments against declared inputs; the declared result with its sizes filled in."""
        values = {**values, **static_sizes(inputs, arguments)}
        free: set[str] = set()
        for parameter in inputs:
            free |= free_symbols(parameter.type)
        free |= free_symbols(returns)
        free -= values.keys()
        free = {symbol for symbol in free if self.program.is_runtime_dim(symbol)}
        unifier = Unifier(free)
        for parameter in inputs:
            if parameter.name not in arguments:
                continue
            declared = substitute(parameter.type, values)
            if parameter.one_of:
                declared = Optional(declared)
            fault = unifier.type(declared, arguments[parameter.name].type)
            if fault:
                found = str(arguments[parameter.name].type)
                shown = substitute(declared, unifier.bound)
                message = f"{name}: the argument {parameter.name} does not fit"
                self.fail_at(
                    arguments[parameter.name].location,
                    message,
                    expected=str(shown),
                    found=found,
                    hint=hint_of(fault),
                )
        return unifier.substitute(substitute(returns, values))


def argument_dims(kind: Layer) -> dict[str, Dim]:
    """The sizes among a layer's constructor arguments; those not known stand for any."""
    return {
        name: value.dim if value.dim is not None else unknown_dim()
        for name, value in kind.arguments
        if isinstance(value, Static) and value.kind in ("int", "any")
    }


def static_sizes(inputs, arguments: dict[str, ir.Expr]) -> dict[str, Dim]:
    """What static ints among the inputs stand for in a call."""
    sizes = {}
    for parameter in inputs:
        if isinstance(parameter.type, Static) and parameter.type.kind == "int":
            given = arguments[parameter.name].type if parameter.name in arguments else None
            dim = given.dim if isinstance(given, Static) else None
            sizes[parameter.name] = dim if dim is not None else unknown_dim()
    return sizes
