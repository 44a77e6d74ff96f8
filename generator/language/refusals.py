"""What a spec refuses: conditions on the configuration, each with its reason."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import ir
from ..diagnostics import Diagnostics
from ..located import Map
from ..types import Static
from .faults import Failure
from .modules import Checker
from .sources import ModuleSource, place_of
from .syntax import parse_expression

if TYPE_CHECKING:
    from .program import Program


@dataclass(frozen=True)
class Refusal:
    reason: str
    condition: str
    fields: tuple[str, ...]


def refusals(program: Program, section: Map, entry: str) -> list[Refusal]:
    """Those of a section `{reason: condition}`; faults are reported."""
    found = []
    for reason in section:
        value = _condition(program, section, reason, entry, program.errors)
        if value is None:
            continue
        location = section.value_locations[reason]
        read = [node for node in ir.walk(value) if isinstance(node, ir.ConfigField)]
        for field in read:
            if field.fallback is not None:
                message = f"{'.'.join(field.path)} may be null in a file"
                program.errors.error(location, message, hint="refuse what it stands for then")
        fields = dict.fromkeys(".".join(field.path) for field in read)
        if not fields:
            program.errors.error(location, "a refusal is a condition on configuration fields")
        found.append(Refusal(reason, str(section[reason]), tuple(fields)))
    return found


def check_refusals(program: Program) -> None:
    """Reports faults of the spec's, and presets that it refuses itself."""
    refusals(program, program.spec.refuse, program.main_entry)
    for name, data in program.spec.models.items():
        refusals(program, data.get("refuse", {}), program.sources[name].config)


def refused(program: Program, values: dict) -> list[str]:
    """The reasons why a configuration with these values is refused."""
    section = program.spec.refuse
    found = []
    for reason in section:
        value = _condition(program, section, reason, program.main_entry, Diagnostics(), values)
        if value is not None and getattr(value.type, "value", None) is True:
            found.append(reason)
    return found


def _condition(
    program: Program, section: Map, reason: str, entry: str, errors: Diagnostics, values=None
) -> ir.Expr | None:
    source = ModuleSource("refuse", Map(section.location), False, entry)
    checker = Checker(program, source, errors, values)
    checker.source = parse_expression(str(section[reason]), place_of(section, reason), errors)
    if checker.source is None:
        return None
    try:
        value = checker.expr(checker.source.tree.body)
    except Failure:
        return None
    if not (isinstance(value.type, Static) and value.type.kind == "bool"):
        found = ast.unparse(checker.source.tree.body)
        message = "a refusal is a condition: true or false"
        errors.error(section.value_locations[reason], message, found=found)
        return None
    return value
