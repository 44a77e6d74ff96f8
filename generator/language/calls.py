"""Calls: which kind a call is, and those of ops, functions and states."""

from __future__ import annotations

import ast
from keyword import iskeyword

from .. import ir, states
from ..diagnostics import listed
from ..ops import OPS
from ..ops.table import Op
from ..types import Layer, Record, Static
from .arguments import ArgumentMixin
from .builtins import BUILTINS, LOOPS, MATH, METHODS, REQUIRED_FIELD, BuiltinMixin
from .context import CallContext, StateContext
from .faults import Failure
from .layer_calls import LayerCallMixin


def part_name(record: str, field: str) -> str:
    """What a record inside another is called: (Model, text_model_output) -> ModelTextModel."""
    return record + "".join(map(str.title, field.removesuffix("_output").split("_")))


class CallMixin(ArgumentMixin, BuiltinMixin, LayerCallMixin):
    """`expr_Call` and what it leads to."""

    def expr_Call(self, node: ast.Call) -> ir.Expr:
        if any(keyword.arg is None for keyword in node.keywords):
            self.fail(node, "** is not part of the language", found=ast.unparse(node))
        given = [keyword.arg for keyword in node.keywords]
        if len(set(given)) < len(given):
            twice = next(name for name in given if given.count(name) > 1)
            self.fail(node, f"{twice} is given twice", found=ast.unparse(node)[:60])
        if isinstance(node.func, ast.Attribute):
            return self.attribute_call(node)
        if isinstance(node.func, ast.Subscript):
            return self.layer_call(node, self.expr(node.func))
        if not isinstance(node.func, ast.Name):
            return self.fail(node, "only names are called", found=ast.unparse(node.func))
        name, scope = node.func.id, self.scope
        layer = self.renamed(name)
        if layer in scope.layers or isinstance(scope.locals.get(name), Layer):
            return self.layer_call(node, self.callee(node.func))
        if name in self.methods:
            return self.method_of(node, None, self.methods[name])
        if name in self.program.function_names:
            return self.function_call(node, name)
        if name == "record":
            return self.record(node)
        if name == "embed":
            return self.embed(node)
        if name == REQUIRED_FIELD:
            return self.required_field(node)
        if name in ("exact", *BUILTINS, *MATH, *LOOPS) and (result := self.static_call(node, name)):
            return result
        if name in OPS:
            return self.op_call(node, OPS[name])
        if name in scope.states or name in scope.value_names:
            self.fail(node, f"{name} is not a function or layer")
        known = (*BUILTINS, REQUIRED_FIELD, "record")
        names = [*scope.layers, *OPS, *self.program.function_names, *known]
        return self.fail(node, f"unknown function {name}", hint=self.hint(name, names))

    def attribute_call(self, node: ast.Call) -> ir.Expr:
        target, method = node.func.value, node.func.attr
        if isinstance(target, ast.Name) and target.id in self.scope.states:
            arguments = [self.expr(argument) for argument in node.args]
            return self.state_call(node, target.id, method, arguments)
        if (found := self.layer_method(target, method)) is not None:
            return self.method_of(node, *found)
        if isinstance(target, ast.Name) and self.renamed(target.id) in self.scope.layers:
            return self.layer_call(node, self.expr_Attribute(node.func))
        value = self.expr(target)
        if isinstance(value, ir.LayerRef):
            return self.layer_call(node, self.expr_Attribute(node.func))
        if isinstance(value.type, Static) and method in METHODS:
            arguments = tuple(self.expr(argument) for argument in node.args)
            return self.method_call(node, value, method, arguments)
        hint = f"write {method}(...)" if method in OPS else None
        return self.fail(
            node, f"{method} is not a method here", found=ast.unparse(node.func), hint=hint
        )

    # --- ops, functions, records, states --------------------------------------------------------

    def op_call(self, node: ast.Call, op: Op) -> ir.Expr:
        if op.name == "einsum" and len(node.args) > 1:  # any number of operands
            operands = ast.copy_location(ast.Tuple(node.args[1:], ast.Load()), node)
            node = ast.copy_location(
                ast.Call(node.func, [node.args[0], operands], node.keywords), node
            )
        bound, extras = self.bind(node, op.name, op.params, open_ended=op.name == "rearrange")
        arguments = {name: self.op_argument(name, value) for name, value in bound.items()}
        extra = {name: self.expr(value) for name, value in extras.items()}
        context = CallContext(self, node, op.name, op.params, arguments, extra)
        kind = op.rule(context)
        if "taps" in op.effects and "emit" in bound:
            self.taps.update(dict.fromkeys(self.tap_names(bound["emit"])))
        # positions and masks ask how long the past is, which takes a state that keeps it
        self.effects |= op.effects - ({"taps"} if self.program.keeps_states else {"taps", "past"})
        return ir.OpCall(self.source.locate(node), kind, op, (*arguments.items(), *extra.items()))

    def tap_names(self, node: ast.expr) -> list[str]:
        """`emit="attentions"`, or `emit="attentions" if CONDITION else None`."""
        ends = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
        values = [end.value if isinstance(end, ast.Constant) else ... for end in ends]
        names = [value for value in values if value is not None]
        if not all(isinstance(n, str) and n.isidentifier() and not iskeyword(n) for n in names):
            expected = "a name in quotes such as 'attentions', or None"
            self.fail(node, "not the name of an output", expected=expected, found=ast.unparse(node))
        return names

    def op_argument(self, name: str, value: ast.expr) -> ir.Expr:
        if name == "dropout" and isinstance(value, ast.Name):
            return self.callee(value)  # a layer handed to attention, not called here
        return self.expr(value)

    def function_call(self, node: ast.Call, name: str) -> ir.Expr:
        function = self.program.function(name)
        if function is None:
            if name in self.program.in_progress:
                self.fail(node, f"the function {name} calls itself")
            raise Failure  # the function's own errors are reported
        bound, _ = self.bind(node, name, function.inputs)
        arguments = {key: self.expr(value) for key, value in bound.items()}
        kind = self.apply(node, name, function.inputs, function.returns, arguments, {})
        self.program.used_functions.setdefault(name)
        if self.scope.values is not None and isinstance(kind, Static):
            kind = self.program.known_result(self, name, arguments) or kind
        return ir.FunctionCall(self.source.locate(node), kind, name, tuple(arguments.items()))

    def record(self, node: ast.Call) -> ir.Expr:
        layer, outer = None, self.record_name
        if node.args:
            layer = self.tapped_layer(node)
        fields = []
        for keyword in node.keywords:
            self.record_name = part_name(outer or self.outputs_name, keyword.arg)
            fields.append((keyword.arg, self.expr(keyword.value)))
        self.record_name = outer
        if any(name == self.program.spec.cache for name, _ in fields):
            self.returns_cache = True
        shown = tuple((name, value.type) for name, value in fields if value.type != Static("cache"))
        kind = Record(outer or self.outputs_name, shown)
        return ir.RecordExpr(self.source.locate(node), kind, tuple(fields), layer)

    def tapped_layer(self, node: ast.Call) -> str:
        """`record(text_model, ...)` inside another record: what the layer emits is in it too."""
        name = self.renamed(getattr(node.args[0], "id", ""))
        if self.record_name is None or len(node.args) > 1 or name not in self.scope.layers:
            self.fail(node, "the outputs of a record have names", found=ast.unparse(node))
        self.record_layers[name] = self.record_name
        return name

    def state_call(self, node, state: str, method: str, arguments: list[ir.Expr]) -> ir.Expr:
        declared = self.scope.states[state]
        methods = states.METHODS[declared.kind]
        if method not in methods:
            hint = self.hint(method, methods)
            self.fail(
                node, f"a {declared.kind} has no {method}", expected=listed(methods), hint=hint
            )
        sizes = {
            name: value.type.dim
            for name, value in declared.arguments
            if isinstance(value.type, Static)
        }
        self.effects |= {"past"}
        kind = states.method_type(StateContext(self, node, state, method, sizes, arguments))
        return ir.StateCall(self.source.locate(node), kind, state, method, tuple(arguments))
