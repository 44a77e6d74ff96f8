"""What a model that `forecasts` says of the values it draws, for the runtime that draws them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ir
from .diagnostics import did_you_mean, listed, quoted
from .language.sources import place_of
from .language.syntax import Source, parse_expression
from .located import Map
from .types import Record, Tensor, is_optional, strip_optional

if TYPE_CHECKING:
    from .language.program import Program

ALLOWED = (
    *(ast.Expression, ast.Name, ast.Constant, ast.Attribute, ast.IfExp, ast.Compare, ast.BoolOp),
    *(ast.List, ast.Subscript, ast.Call, ast.Load, ast.cmpop, ast.boolop),
)
MASK = "mask"
FIELDS = ("samples", "distribution", "steps")  # expressions over the configuration alone


@dataclass(frozen=True)
class Forecasts:
    """The arguments of the runtime's `Forecasting`, as its documentation has them.

    `inputs`: name and kind; the others are source code, but for the name `drawn`.
    """

    inputs: tuple[tuple[str, str], ...]
    samples: str
    distribution: str
    parameters: str
    drawn: str | None = None
    steps: str | None = None

    def texts(self) -> list[str]:
        """As arguments in source code; those that say nothing are left out."""
        found = [f"inputs={self.inputs!r}", f"parameters=lambda config, outputs: {self.parameters}"]
        found += [f"drawn={self.drawn!r}"] if self.drawn else []
        pairs = [(name, getattr(self, name)) for name in FIELDS]
        return found + [f"{name}=lambda config: {text}" for name, text in pairs if text]


def forecasts(program: Program, module: ir.Module) -> Forecasts | None:
    """What the model says; None if it says nothing. Faults are reported."""
    section = program.spec.models[module.name].get("forecasts")
    if section is None:
        return None
    inputs = tuple(_inputs(program, module, section))
    _check_drawn(program, module, section)
    texts = {}
    for key in (*FIELDS, "parameters"):
        if key in section:
            names = _Names(program, module, key == "parameters")
            texts[key] = names.written(section, key)
    return Forecasts(inputs=inputs, drawn=section.get("drawn"), **texts)


def called(section: Map | None) -> Iterator[str]:
    """The functions that a section calls."""
    text = str((section or {}).get("parameters", "None"))
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:  # which is reported where the expression is read
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _inputs(program: Program, module: ir.Module, section: Map) -> Iterator[tuple[str, str]]:
    """Their kinds as `Forecasting` has them."""
    known = {parameter.name: parameter for parameter in module.inputs}
    given = section["inputs"]
    shapes = []
    for text, where in zip(given, given.item_locations, strict=True):
        name = text.removesuffix("?")
        if name not in known:
            _no_input(program, module, name, where)
            continue
        kind = strip_optional(known[name].type)
        if not isinstance(kind, Tensor):
            message = f"{module.name}: {quoted(name)} is no tensor"
            program.errors.error(where, message, found=str(kind))
            continue
        shapes.append(kind.shape)
        if not text.endswith("?"):
            yield name, kind.dtype
        elif is_optional(known[name].type):
            yield name, f"{kind.dtype}?"
        elif (kind.dtype, kind.shape) == ("bool", shapes[0]):
            yield name, MASK
        else:
            message = f"{module.name}: the model cannot do without {quoted(name)}"
            hint = "of what it needs, only a mask of the first input may be left out"
            program.errors.error(where, message, hint=hint)


def _check_drawn(program: Program, module: ir.Module, section: Map) -> None:
    """Values that are drawn step by step go into an input [b, steps]."""
    name = section.get("drawn")
    if (name is None) != ("steps" not in section):
        only, other = ("steps", "drawn") if name is None else ("drawn", "steps")
        message = f"{module.name}: {quoted(only)} goes with {quoted(other)}"
        program.errors.error(section.key_locations[only], message)
    if name is None:
        return
    where = section.value_locations["drawn"]
    kind = next((strip_optional(p.type) for p in module.inputs if p.name == name), None)
    if kind is None:
        _no_input(program, module, name, where)
    elif not isinstance(kind, Tensor) or (kind.dtype, kind.rank) != ("float", 2):
        message = f"{module.name}: {quoted(name)} has no place for one number a step"
        program.errors.error(where, message, expected="float[b, steps]", found=str(kind))


def _no_input(program: Program, module: ir.Module, name: str, where) -> None:
    message = f"{module.name}: there is no input {quoted(name)}"
    names = [parameter.name for parameter in module.inputs]
    program.errors.error(where, message, hint=did_you_mean(name, names))


class _Names(ast.NodeTransformer):
    """An expression over fields, and with `outputs` over a call's outputs, as source code."""

    def __init__(self, program: Program, module: ir.Module, outputs: bool) -> None:
        self.program, self.module = program, module
        returned = module.returns.fields if outputs and isinstance(module.returns, Record) else ()
        self.outputs = dict(returned)
        self.functions = outputs
        self.schema = program.configs[module.config]
        self.source: Source | None = None

    def written(self, section: Map, key: str) -> str:
        """The source code of what stands under a key."""
        errors, text = self.program.errors, str(section[key])
        self.source = parse_expression(text, place_of(section, key), errors)
        if self.source is None:
            return "None"
        tree = self.source.tree
        for node in ast.walk(tree):
            if not isinstance(node, ALLOWED):
                expected = "names, constants, lists, their items, conditions, calls of functions"
                found = ast.unparse(node)
                message = f"{self.module.name}: too much for {quoted(key)}"
                errors.error(self.source.locate(node), message, expected=expected, found=found)
                return "None"
        return ast.unparse(ast.fix_missing_locations(self.visit(tree)))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.outputs:
            return _attribute("outputs", node.id)
        return self._field(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if ast.unparse(node.value) == "config":
            return self._field(node, node.attr)
        return self._unknown(node, ast.unparse(node))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = ast.unparse(node.func)
        function = self.program.function(name) if self.functions else None
        if function is None:
            names = self.program.function_names if self.functions else ()
            message = f"{self.module.name}: there is no function {quoted(name)}"
            hint = did_you_mean(name, names)
            self.program.errors.error(self.source.locate(node), message, hint=hint)
            return node
        if node.keywords or len(node.args) != len(function.inputs):
            message = f"{self.module.name}: the arguments of {name}, in order and all of them"
            expected = listed([parameter.name for parameter in function.inputs])
            where = self.source.locate(node)
            self.program.errors.error(where, message, expected=expected, found=ast.unparse(node))
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def _field(self, node: ast.expr, name: str) -> ast.expr:
        if self.schema.type(name) is None:
            return self._unknown(node, name)
        field = self.schema.fields.get(self.schema.own_name(name))
        read = _attribute("config", field.name if field else name)
        if field is None or field.when_null is None:
            return read
        fields = _Names(self.program, self.module, False)
        fields.source = self.source
        meant = fields.visit(ast.parse(field.when_null, mode="eval").body)
        absent = ast.Compare(read, [ast.Is()], [ast.Constant(None)])
        return ast.IfExp(absent, meant, read)

    def _unknown(self, node: ast.expr, name: str) -> ast.expr:
        known = [*self.outputs, *self.schema.names]
        what = "output or field" if self.outputs else "field"
        message = f"{self.module.name}: there is no {what} {quoted(name)}"
        where = self.source.locate(node)
        self.program.errors.error(where, message, hint=did_you_mean(name, known))
        return node


def _attribute(owner: str, name: str) -> ast.expr:
    return ast.Attribute(ast.Name(owner, ast.Load()), name, ast.Load())
