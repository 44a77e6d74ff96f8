"""What a model that `generates` says of its inputs, for the runtime that continues sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ir
from .diagnostics import did_you_mean, quoted
from .language.sources import ModuleSource
from .located import Map
from .types import Record, Tensor, strip_optional

if TYPE_CHECKING:
    from .language.program import Program

MASKS = ("attention_mask", "decoder_attention_mask")
PLACES = ("position_ids", "decoder_position_ids")
FRAMES = "input_features"  # of audio
ENDS = ("keeps", "positions", "places", "windows")  # the arguments that come last
TABLES = ("embedding", "scaled_embedding", "param", "buffer")  # kinds of layers with rows


@dataclass(frozen=True)
class Generates:
    """The arguments of the runtime's `Decoding`, as its documentation has them."""

    per_token: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()  # name, function
    keeps: str | None = None
    positions: str | None = None
    places: str | None = None
    windows: tuple[str, int, str] | None = None  # field, frames, field of a frame's size

    def texts(self) -> list[str]:
        """As arguments in source code; those that say nothing are left out."""
        found = [(n, repr(getattr(self, n))) for n in ("per_token", "prompt") if getattr(self, n)]
        if self.inputs:
            pairs = "".join(f"({name!r}, {function}), " for name, function in self.inputs)
            found.append(("inputs", f"({pairs})"))
        found += [(n, repr(getattr(self, n))) for n in ENDS if getattr(self, n)]
        return [f"{name}={text}" for name, text in found]


def generates(program: Program, module: ir.Module) -> Generates | None:
    """What the model says, completed by what its inputs and layers tell; None if it says nothing.

    Inputs that do not exist and functions of other inputs are reported.
    """
    section = program.spec.models[module.name].get("generates")
    if section is None:
        return None
    names = [parameter.name for parameter in module.inputs]
    for index, name in enumerate(section.get("prompt", ())):
        if name not in names:
            where = section["prompt"].item_locations[index]
            message = f"{module.name}: there is no input {quoted(name)}"
            program.errors.error(where, message, hint=did_you_mean(name, names))
    return Generates(
        per_token=tuple(_per_token(module)),
        prompt=tuple(section.get("prompt", ())),
        inputs=tuple(_functions(program, module, section)),
        keeps=_kept(program, module, section),
        positions=next(_positions(program, module, set()), None),
        places=section.get("places"),
        windows=_windows(program, module, section),
    )


def _functions(program: Program, module: ir.Module, section: Map) -> Iterator[tuple[str, str]]:
    """The inputs that functions make of the tokens so far."""
    known = [parameter.name for parameter in module.inputs]
    for entry in section.get("inputs", Map(section.location)).entries():
        if entry.key not in known:
            message = f"{module.name}: there is no input {quoted(entry.key)}"
            hint = did_you_mean(entry.key, known)
            program.errors.error(entry.key_location, message, hint=hint)
        elif program.function(entry.value) is None:
            message = f"{module.name}: there is no function {quoted(entry.value)}"
            hint = did_you_mean(entry.value, program.spec.functions)
            program.errors.error(entry.value_location, message, hint=hint)
        else:
            yield entry.key, entry.value


def _kept(program: Program, module: ir.Module, section: Map) -> str | None:
    """An output that is an input as well."""
    name = section.get("keeps")
    outputs = dict(module.returns.fields) if isinstance(module.returns, Record) else {}
    both = [p.name for p in module.inputs if p.name in outputs]
    if name is not None and name not in both:
        where = section.value_locations["keeps"]
        message = f"{module.name}: {quoted(name)} is not both an input and an output"
        program.errors.error(where, message, hint=did_you_mean(name, both))
    return name


def _windows(program: Program, module: ir.Module, section: Map) -> tuple[str, int, str] | None:
    """The field of a window's places, the frames of each, and the field of how large one is."""
    windows = section.get("windows")
    if windows is None:
        return None
    name, schema = windows["places"], program.configs[module.config]
    if schema.type(name) is None:
        where = windows.value_locations["places"]
        message = f"{module.name}: there is no field {quoted(name)}"
        program.errors.error(where, message, hint=did_you_mean(name, schema.names))
        return None
    kinds = {p.name: strip_optional(p.type) for p in module.inputs}
    frames = kinds.get(FRAMES)
    size = str(frames.shape[1]) if isinstance(frames, Tensor) and frames.rank == 3 else None
    if size is None or schema.type(size) is None:
        message = f"{module.name}: windows need an input {FRAMES} of float[b, a field, frames]"
        program.errors.error(section.value_locations["windows"], message)
        return None
    return name, windows["stride"], size


def _per_token(module: ir.Module) -> Iterator[str]:
    """Inputs of whole numbers with one for each token, beside ids, masks, places and labels."""
    kinds = {p.name: strip_optional(p.type) for p in module.inputs}
    ids = kinds.get("input_ids")
    if not isinstance(ids, Tensor):
        return
    for name, kind in kinds.items():
        if name in ("input_ids", "labels", *MASKS, *PLACES) or not isinstance(kind, Tensor):
            continue
        if (kind.dtype, kind.rank) == ("int", 2) and str(kind.shape[1]) == str(ids.shape[1]):
            yield name


def _positions(program: Program, module: ir.Module | None, seen: set[str]) -> Iterator[str]:
    """The field that says how many rows a table of positions has; not those of a source."""
    if module is None or module.name in seen:
        return
    seen.add(module.name)
    for layer in module.layers:
        definition = layer.construct.definition
        if isinstance(definition, ModuleSource):
            yield from _positions(program, program.module(definition), seen)
        elif definition.name in TABLES and layer.construct.arguments:
            for node in ir.walk(layer.construct.arguments[0][1]):
                field = node.path[-1] if isinstance(node, ir.ConfigField) else ""
                if "position" in field and "source" not in field:
                    yield field
