"""What a spec declares beside its modules: configuration fields, presets, rows, roles, rules for
first values. Checked once all modules are sound."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..configs import ConfigSchema, Field
from ..diagnostics import Diagnostics, Location, describe, did_you_mean, listed, quoted
from ..forecasts import forecasts
from ..generation import generates
from ..located import Map
from ..types import NONE, Config, Optional, Record, Static, TupleOf, strip_optional
from .builtins import MATH
from .faults import Failure
from .modules import Checker
from .refusals import check_refusals
from .rules import INITIALIZERS, wanted_count
from .sources import ModuleSource, place_of
from .syntax import Place, parse_expression
from .tensors import check_tensors

if TYPE_CHECKING:
    from .program import Program

KINDS = ("linear", "embedding", "norm", "conv", "bias", "param")
OLD_BOOLEANS = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}
PYTHON = {"int": int, "float": (int, float), "bool": bool, "str": str, "list": list, "dict": dict}


def check_declarations(program: Program) -> None:
    """Raises SpecError with every fault."""
    spec, errors = program.spec, program.errors
    sections = (
        spec.configs
        if spec.configs is not None
        else {"main": spec.config or Map(spec.merged.location)}
    )
    for entry, section in sections.items():
        _Fields(program, program.configs[entry], section).check()
    main = program.configs[program.main_entry]
    for values in spec.presets.values():
        _check_preset(program, main, values or Map(spec.presets.location))
    check_refusals(program)
    _check_rows(program)
    _check_taps(program)
    _check_roles(program)
    for model in program.models:
        generates(program, model)
        forecasts(program, model)
    for key, rule in spec.init.items():
        place = place_of(spec.init, key)
        _check_rule(program, str(rule), place, spec.init.value_locations[key])
    errors.raise_if_any()
    check_tensors(program)
    errors.raise_if_any()


class _Fields:
    """The fields of one configuration."""

    def __init__(self, program: Program, schema: ConfigSchema, section: Map) -> None:
        self.program, self.schema, self.section = program, schema, section
        self.computed: set[str] = set()

    def check(self) -> None:
        for name, data in self.section.items():
            field = self.schema.fields.get(name)
            if field is None:
                continue
            location = self.section.value_locations[name]
            if isinstance(data, Map):
                if "default" in data:
                    where = data.value_locations["default"]
                    _check_value(self.program, field, data["default"], where)
                    _no_old_boolean(data, "default", self.program.errors)
                for key in ("value", "when_null"):
                    if key in data:
                        self.expression(
                            field, str(data[key]), place_of(data, key), data.value_locations[key]
                        )
            else:
                _no_old_boolean(self.section, name, self.program.errors)
            if isinstance(data, str) and field.expression:
                start = re.match(r"[^=]*=\s*", data).end()
                place = _behind(start, place_of(self.section, name))
                self.expression(field, field.expression, place, location)
            if field.expression:
                self.computed.add(name)

    def expression(self, field: Field, text: str, place, location: Location) -> None:
        """An expression over other fields, those before it where they are computed themselves."""
        source = ModuleSource(f"config.{field.name}", Map(location), False, self.schema.entry)
        checker = Checker(self.program, source, self.program.errors)
        parsed = checker.source = parse_expression(text, place, self.program.errors)
        if parsed is None:
            return
        for node in ast.walk(parsed.tree):
            other = self.schema.fields.get(getattr(node, "id", None))
            if other is not None and other.expression and other.name not in self.computed:
                message = f"config.{field.name}: {other.name} is computed later"
                self.program.errors.error(
                    parsed.locate(node), message, hint=f"move {other.name} up"
                )
                return
        try:
            kind = checker.expr(parsed.tree.body).type
        except Failure:
            return
        wanted, found = strip_optional(field.type), strip_optional(kind)
        if found == TupleOf(()):
            found = Static("list")
        if found == NONE and isinstance(field.type, Optional):
            return
        if isinstance(wanted, Static) and not _fits(wanted.kind, getattr(found, "kind", None)):
            message = f"config.{field.name}: the expression has another type"
            self.program.errors.error(place(0, 0), message, expected=wanted.kind, found=str(kind))


def _behind(start: int, place: Place) -> Place:
    """Places in a text that follows others on its first line."""
    return lambda line, column: place(line, column + (start if line == 0 else 0))


def _fits(wanted: str, found: str | None) -> bool:
    if wanted == found or wanted in ("any", "pair", "none") or found == "any":
        return True
    return wanted in ("float", "number") and found in ("int", "float", "number")


def _check_value(program: Program, field: Field, value: Any, where: Location) -> None:
    """A default, or a value of a preset."""
    errors = program.errors
    kind = strip_optional(field.type)
    if value is None or not isinstance(kind, Static):
        if value is None and not isinstance(field.type, Optional) and field.expression is None:
            hint = "a type that ends in '?' allows null"
            errors.error(where, f"config.{field.name} may not be null", hint=hint)
        return
    python = PYTHON.get(kind.kind)
    if kind.kind == "pair":
        python = (int, list)
    if python and (
        not isinstance(value, python) or (isinstance(value, bool) and kind.kind != "bool")
    ):
        expected = "int|list<int>" if kind.kind == "pair" else kind.kind
        errors.error(
            where, f"config.{field.name}: another type", expected=expected, found=describe(value)
        )
        return
    if field.record:
        program.records[field.record].check(f"config.{field.name}", value, where, errors)
    if field.choices and value not in field.choices:
        message = f"config.{field.name}: not one of the choices"
        errors.error(
            where, message, expected=listed(map(str, field.choices)), found=describe(value)
        )
    number = isinstance(value, (int, float))
    if number and field.min is not None and value < field.min:
        errors.error(
            where,
            f"config.{field.name}: too small",
            expected=f"at least {field.min}",
            found=str(value),
        )
    if number and field.max is not None and value > field.max:
        errors.error(
            where,
            f"config.{field.name}: too large",
            expected=f"at most {field.max}",
            found=str(value),
        )


def _no_old_boolean(container: Map, key: str, errors: Diagnostics) -> None:
    value, origin = container[key], container.origins[key]
    if (
        isinstance(value, str)
        and origin is not None
        and not origin.style
        and value.lower() in OLD_BOOLEANS
    ):
        hint = f"write {OLD_BOOLEANS[value.lower()]}, or put it in quotes if text is meant"
        where = container.value_locations[key]
        errors.error(where, f"{quoted(value)} is text, not a truth value", hint=hint)


def _check_preset(program: Program, schema: ConfigSchema, values: Map) -> None:
    for name, value in values.items():
        kind = schema.type(name)
        if kind is None:
            hint = did_you_mean(name, schema.names)
            where = values.key_locations[name]
            program.errors.error(
                where, f"there is no configuration field {quoted(name)}", hint=hint
            )
            continue
        nested = strip_optional(kind)
        if isinstance(nested, Config):
            if isinstance(value, Map) and not program.configs[nested.name].interface:
                _check_preset(program, program.configs[nested.name], value)
        elif name in schema.fields:
            _check_value(program, schema.fields[name], value, values.value_locations[name])
            _no_old_boolean(values, name, program.errors)


def _check_rows(program: Program) -> None:
    known = dict.fromkeys(program.spec.models)
    for model in program.spec.models.values():
        known.update(dict.fromkeys(model.get("aliases", ())))
    for row in program.spec.rows:
        for index, name in enumerate(row.get("classes", ())):
            if name not in known:
                where = row["classes"].item_locations[index]
                program.errors.error(
                    where, f"there is no model {quoted(name)}", hint=did_you_mean(name, known)
                )


def _check_taps(program: Program) -> None:
    """What is emitted inside a model is one more output of it."""
    for model in program.models:
        fields = dict(model.returns.fields) if isinstance(model.returns, Record) else {}
        for tap in model.taps:
            if tap in fields or tap == program.spec.cache:
                message = f"{model.name}: {tap} is emitted, and also an output"
                program.errors.error(model.location, message, hint="choose another name")


def _check_roles(program: Program) -> None:
    """Those of the spec, whose paths begin in its base model, and those of each head."""
    models = program.spec.models.items()
    heads = [(name, model["roles"]) for name, model in models if "roles" in model]
    for name, roles in ((program.base_model, program.spec.roles), *heads):
        if (source := program.source(name)) is None:
            continue
        checker = Checker(program, source, Diagnostics())
        checker.declare()
        for role in roles:
            with suppress(Failure):
                program.check_role(role, checker, roles)


def _check_rule(program: Program, text: str, place, location: Location) -> None:
    """`normal(initializer_range)`: a rule, with numbers or fields as its arguments."""
    source = parse_expression(text, place, program.errors)
    if source is None:
        return
    node = source.tree.body
    called = isinstance(node, ast.Call) and not node.keywords
    name = node.func if called else node
    if not isinstance(name, ast.Name) or name.id not in INITIALIZERS:
        hint = did_you_mean(name.id, INITIALIZERS) if isinstance(name, ast.Name) else None
        expected = listed(INITIALIZERS) if hint is None else None
        program.errors.error(location, "not a rule", expected=expected, found=text, hint=hint)
        return
    arguments = node.args if called else []
    if wanted := wanted_count(name.id, len(arguments)):
        message, found = f"{name.id}: number of arguments", str(len(arguments))
        program.errors.error(location, message, expected=wanted, found=found)
    known = [n for schema in program.configs.values() for n in schema.names]
    for argument in arguments:
        if not _is_number(argument):
            message = f"{name.id} takes numbers and configuration fields"
            program.errors.error(source.locate(argument), message, found=ast.unparse(argument))
            continue
        called = [node.func for node in ast.walk(argument) if isinstance(node, ast.Call)]
        for node in ast.walk(argument):
            if isinstance(node, ast.Name) and node not in called and node.id not in known:
                message = f"no configuration field {node.id}"
                program.errors.error(
                    source.locate(node), message, hint=did_you_mean(node.id, known)
                )


def _is_number(node: ast.expr) -> bool:
    """Whether it is a number, a field, or arithmetic of those."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, ast.IfExp):
        test = node.test
        known = isinstance(test, ast.Name) or (
            isinstance(test, ast.Compare)
            and isinstance(test.left, ast.Name)
            and all(isinstance(value, ast.Constant) for value in test.comparators)
        )
        return known and _is_number(node.body) and _is_number(node.orelse)
    if isinstance(node, ast.Call) and not node.keywords and isinstance(node.func, ast.Name):
        return node.func.id in MATH and all(map(_is_number, node.args))
    return isinstance(node, ast.Name)
