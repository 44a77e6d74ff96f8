"""The second check: the same rules on the real sizes of every preset.

Symbols cannot express everything (strided convolutions, stages that double their width), so each
model is inferred once more with a preset's numbers: stacks unrolled, static conditions decided,
every module inferred anew for the arguments of each of its calls.
"""

from __future__ import annotations

from typing import Any

from .configs import CHANNELS, COMMON_VALUES, ConfigSchema, static_of
from .diagnostics import Diagnostics
from .dims import Dim
from .language.faults import Failure
from .language.modules import Checker
from .language.program import Program
from .language.refusals import refused
from .language.sources import ModuleSource
from .language.unify import substitute
from .located import Map
from .types import NONE, UNKNOWN, Config, Static, TupleOf, strip_optional

# sizes that a call brings along, different from one another and from usual sizes of models
SIZES = (2, 7, 5, 11, 3, 13, 17, 19)


def check_presets(program: Program) -> None:
    """Raises SpecError with what does not fit for the numbers of some preset."""
    for name, overrides in program.spec.presets.items():
        errors = Diagnostics()
        program.forget_concrete()
        values = config_values(program, program.main_entry, dict(overrides or {}))
        for source in program.sources.values():
            if source.model:
                for full in (False, True):
                    _infer(program, source, errors, _values_for(values, source.config), full)
        for reason in refused(program, values):
            message = f"preset {name} is refused: {reason}"
            program.errors.error(program.spec.presets.key_locations[name], message)
        for fault in errors:
            message = f"{fault.message} (with the sizes of preset {name})"
            program.errors.error(
                fault.location, message, expected=fault.expected, found=fault.found, hint=fault.hint
            )
    program.errors.raise_if_any()


def config_values(program: Program, entry: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Every field's value: the defaults, a preset's, and those that follow from others."""
    schema: ConfigSchema = program.configs[entry]
    values: dict[str, Any] = {**COMMON_VALUES, "num_labels": schema.labels}
    for field in schema.fields.values():
        if isinstance(strip_optional(field.type), Config):
            nested = overrides.get(field.name) or {}
            if program.configs[strip_optional(field.type).name].interface:
                values[field.name] = dict(nested)
                continue
            values[field.name] = config_values(
                program, strip_optional(field.type).name, dict(nested)
            )
        else:
            values[field.name] = overrides.get(field.name, field.default)
    values.update({name: value for name, value in overrides.items() if name not in schema.fields})
    source = ModuleSource(entry, Map(schema.location), False, entry)
    for field in schema.fields.values():
        text = field.expression or field.when_null
        if text and (field.derived or values[field.name] is None):
            checker = Checker(program, source, Diagnostics(), values)
            try:
                known = checker.text_expression(text, field.location).type
            except Failure:
                continue
            value = [] if known == TupleOf(()) else known.value
            values[field.name] = None if value is UNKNOWN else value
    if schema.is_backbone and values.get("stage_names"):
        values.setdefault("out_features", values["stage_names"][-1:])
        values.setdefault("out_indices", [len(values["stage_names"]) - 1])
        if values.get(CHANNELS):
            values["channels"] = [values[CHANNELS][index] for index in values["out_indices"]]
    return values


def _values_for(values: dict[str, Any], entry: str) -> dict[str, Any]:
    """A sub-model's own configuration, where it has one."""
    return values.get(f"{entry}_config", values) if entry != "main" else values


def _infer(program: Program, source, errors: Diagnostics, values: dict, full: bool) -> None:
    """Infer one model; `full` with all its inputs, otherwise without those that may be absent."""
    checker = Checker(program, source, errors, values)
    try:
        checker.declare()
        inputs = checker.declare_inputs()
    except Failure:
        return
    sizes = call_sizes(checker, values)
    known = {name: Dim.of(value) for name, value in values.items() if type(value) is int}
    chosen: set[str] = set()
    for parameter in inputs:
        absent = parameter.default is None and not full
        if parameter.one_of:
            absent = parameter.group in chosen
            chosen.add(parameter.group)
        kind = substitute(strip_optional(parameter.type), {**known, **sizes})
        if isinstance(kind, Static):  # a flag keeps its default
            absent, kind = False, static_of(None if parameter.default is ... else parameter.default)
        checker.scope.locals[parameter.name] = NONE if absent else kind
    checker.scope.dim_values.update(sizes)
    if not checker.failed:
        checker.infer_result()


def call_sizes(checker: Checker, values: dict[str, Any]) -> dict[str, Dim]:
    """A number for each free size of a call; images have the size the configuration says."""
    image = values.get("image_size")
    height, width = image if isinstance(image, (list, tuple)) else (image, image)
    sizes = {}
    for index, name in enumerate(sorted(checker.scope.dims)):
        known = {"height": height, "width": width}.get(name)
        sizes[name] = Dim.of(known if isinstance(known, int) else SIZES[index % len(SIZES)])
    return sizes
