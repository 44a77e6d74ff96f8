"""Inference of calls: ops, layers, modules, models, functions, states and static builtins."""

from __future__ import annotations

import ast
import math
from keyword import iskeyword

from .. import ir, states
from ..diagnostics import listed
from ..dims import Dim, opaque
from ..layers import LAYERS, LayerKind
from ..ops import OPS
from ..ops.table import REQUIRED, Op
from ..types import (
    NONE,
    UNKNOWN,
    Layer,
    ListOf,
    Optional,
    Record,
    Stack,
    Static,
    Tensor,
    TupleOf,
    Type,
    integer,
    is_optional,
    strip_optional,
)
from .context import CallContext, LayerContext, StateContext
from .typestrings import unknown_dim
from .unify import Unifier, substitute


def pair(value) -> list:
    """One size for both axes, or one for each."""
    return list(value) if isinstance(value, (list, tuple)) else [value, value]


def stages(count: int) -> list[str]:
    """The usual names of a backbone's stages."""
    return ["stem", *(f"stage{index}" for index in range(1, count + 1))]


BUILTINS = {
    "pair": pair, "stages": stages,
    "len": len, "min": min, "max": max, "sum": sum, "abs": abs, "int": int, "float": float,
    "bool": bool, "str": str, "round": round, "range": range, "list": list, "any": any, "all": all,
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
KEYWORDS_ONLY = {"record", "emit"}


class CallMixin:
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
        if name in self.program.function_names:
            return self.function_call(node, name)
        if name == "record":
            return self.record(node)
        if name == "embed":
            return self.embed(node)
        if name in ("exact", *BUILTINS, *MATH, *LOOPS) and (result := self.static_call(node, name)):
            return result
        if name in OPS:
            return self.op_call(node, OPS[name])
        if name in scope.states or name in scope.value_names:
            self.fail(node, f"{name} is not a function or layer")
        names = [*scope.layers, *OPS, *self.program.function_names, *BUILTINS, "record"]
        return self.fail(node, f"unknown function {name}", hint=self.hint(name, names))

    def callee(self, node: ast.Name) -> ir.Expr:
        layer = self.renamed(node.id)
        if layer in self.scope.layers:
            return self.layer_value(node, (layer,), self.scope.layers[layer])
        return self.expr_Name(node)

    def attribute_call(self, node: ast.Call) -> ir.Expr:
        target, method = node.func.value, node.func.attr
        if isinstance(target, ast.Name) and target.id in self.scope.states:
            arguments = [self.expr(argument) for argument in node.args]
            return self.state_call(node, target.id, method, arguments)
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

    def method_call(self, node, value: ir.Expr, method: str, arguments) -> ir.Expr:
        values = [value.type.value, *(argument.type.value for argument in arguments)]
        kind = Static("bool") if method in ("startswith", "endswith") else Static("any")
        if method.startswith("remove"):
            kind = Static("str")
        if all(item is not UNKNOWN for item in values):
            try:
                kind = self.static_of(getattr(values[0], method)(*values[1:]))
            except (AttributeError, ValueError, TypeError) as error:
                self.fail(node, f"{method}: {error}")
        return ir.MethodCall(self.source.locate(node), kind, value, method, arguments)

    # --- ops, functions, static builtins --------------------------------------------------------

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
        self.effects |= op.effects - {"taps"}
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
                return self.static_of(result) if result is not UNKNOWN else integer(unknown_dim())
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
            return self.static_of(list(result) if isinstance(result, range) else result)
        if name == "range":
            return Static("list", element=Static("int"))
        if name in ("min", "max") and all(kind.dim is not None for kind in kinds):
            return integer(opaque(name, *(kind.dim for kind in kinds)))
        if name == "stages":
            return Static("list", element=Static("str"))
        if name == "pair":
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
            element = kind.element or Static("any")
            return integer(unknown_dim()) if element == Static("int") else element
        if isinstance(kind, TupleOf) and kind.items:
            return kind.items[0]
        return self.fail(node, "this cannot be looped over", found=str(kind))

    def function_call(self, node: ast.Call, name: str) -> ir.Expr:
        function = self.program.function(name)
        if function is None:
            if name in self.program.in_progress:
                self.fail(node, f"the function {name} calls itself")
            raise self.failure  # the function's own errors are reported
        bound, _ = self.bind(node, name, function.inputs)
        arguments = {key: self.expr(value) for key, value in bound.items()}
        kind = self.apply(node, name, function.inputs, function.returns, arguments, {})
        self.program.used_functions.setdefault(name)
        return ir.FunctionCall(self.source.locate(node), kind, name, tuple(arguments.items()))

    # --- layers, modules, models ----------------------------------------------------------------

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
            raise self.failure  # the module's own errors are reported
        if module.model:
            return self.model_call(node, layer, kind, module)
        bound, _ = self.bind(node, kind.kind, module.inputs)
        arguments = {key: self.expr(value) for key, value in bound.items()}
        result = self.call_type(node, kind, module, arguments)
        if self.module_source.model and isinstance(layer, ir.LayerRef):
            self.tap_sources.setdefault(layer.path[0], module.taps)
        else:
            self.taps.update(dict.fromkeys(module.taps))
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

    def apply(self, node, name, inputs, returns: Type, arguments, values: dict[str, Dim]) -> Type:
        """Check arguments against declared inputs; the declared result with its sizes filled in."""
        values = {**values, **static_sizes(inputs, arguments)}
        free: set[str] = set()
        for parameter in inputs:
            free |= free_symbols(parameter.type)
        free |= free_symbols(returns)
        free -= values.keys()
        free = {symbol for symbol in free if self.is_free(symbol, values)}
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
                hint = fault if fault not in ("sizes differ", "another rank") else None
                self.fail_at(
                    arguments[parameter.name].location,
                    message,
                    expected=str(shown),
                    found=found,
                    hint=hint,
                )
        return unifier.substitute(substitute(returns, values))

    def is_free(self, symbol: str, values: dict) -> bool:
        return not symbol.startswith("?") and self.program.is_runtime_dim(symbol)

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
        self.effects |= {"draws"} if module.random else set()
        if module.stateful:
            self.effects |= {"past"}
            result = Record(result.name, (*result.fields, ("past_key_values", Static("cache"))))
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

    def record(self, node: ast.Call) -> ir.Expr:
        if node.args:
            self.fail(node, "the outputs of a record have names", found=ast.unparse(node))
        fields = tuple((keyword.arg, self.expr(keyword.value)) for keyword in node.keywords)
        if any(name == "past_key_values" for name, _ in fields):
            self.returns_cache = True
        shown = tuple((name, value.type) for name, value in fields if value.type != Static("cache"))
        kind = Record(self.name, shown)
        return ir.RecordExpr(self.source.locate(node), kind, fields)

    # --- states ---------------------------------------------------------------------------------

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


def free_symbols(kind: Type) -> set[str]:
    if isinstance(kind, Tensor):
        return set().union(*(dim.symbols for dim in kind.shape)) if kind.shape else set()
    if isinstance(kind, Optional):
        return free_symbols(kind.inner)
    if isinstance(kind, ListOf):
        return free_symbols(kind.element)
    if isinstance(kind, TupleOf):
        return set().union(*map(free_symbols, kind.items)) if kind.items else set()
    if isinstance(kind, Record):
        return (
            set().union(*(free_symbols(item) for _, item in kind.fields)) if kind.fields else set()
        )
    if hasattr(kind, "queries"):
        sizes = (size for size in (kind.batch, kind.queries, kind.keys) if size is not None)
        return set().union(*(size.symbols for size in sizes))
    if isinstance(kind, Static) and kind.dim is not None:
        return set(kind.dim.symbols)
    return set()


MERGE = Op(
    "merge_leading",
    (),
    lambda call: NONE,
    dict.fromkeys(("pytorch", "tensorflow", "flax"), "merge_leading(x, axes)"),
    frozenset(),
)

__all__ = ["LAYERS", "CallMixin", "free_symbols"]
