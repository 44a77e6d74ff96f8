"""Decides which stored tensors fill which tensors of a model, and reports what does not fit."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import CheckpointError
from .names import StoredNames
from .slots import Slot
from .tensors import Checkpoint

LISTED = 20  # names of one kind that a report spells out


@dataclass(frozen=True)
class Rules:
    """How old checkpoints differ: (pattern, replacement) of names, and names to pass over.

    For each name the first pattern that is found counts. Names that the model knows are never
    renamed; what is passed over is not reported as unexpected.
    """

    rename: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mismatch:
    """A stored tensor whose shape is not the model's."""

    name: str
    expected: tuple[int, ...]
    found: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}: expected {list(self.expected)}, found {list(self.found)}"


@dataclass
class LoadPlan:
    """Where the tensors of a model come from.

    Attributes:
        sources: For each slot that can be filled, {key: name in the file} of its stored tensors.
        missing: Stored names the model needs and the file lacks.
        unexpected: Names in the file that the model has no use for.
        mismatched: Stored tensors of another shape; their slots have no source.
        tied_differs: Slots tied by the configuration whose own stored tensor differs from the one
            used.
    """

    checkpoint: Checkpoint
    slots: dict[str, Slot]
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[Mismatch] = field(default_factory=list)
    tied_differs: list[str] = field(default_factory=list)

    @property
    def unfilled(self) -> list[str]:
        """Slots without a source, which keep their initial values; tied ones are not among them."""
        slots = self.slots.values()
        return [s.name for s in slots if s.name not in self.sources and s.tied_to is None]

    def load(self, name: str) -> np.ndarray:
        """The tensor of a slot in checkpoint layout, a view wherever that is possible."""
        source, transform = self.sources[name], self.slots[name].transform
        if transform is None:
            return self.checkpoint.read(next(iter(source.values())))
        return transform.load(lambda key: self.checkpoint.read(source[key]))

    def report(self) -> str:
        """What did not fit, a paragraph for each kind; empty if everything did."""
        kinds = [
            ("missing in the file, so newly initialised", self.missing),
            ("in the file, but not used", self.unexpected),
            ("of another shape, so newly initialised", [str(item) for item in self.mismatched]),
            ("tied, but different in the file; the shared tensor is used", self.tied_differs),
        ]
        lines = []
        for text, names in kinds:
            if names:
                lines.append(f"{len(names)} {text}:")
                lines += [f"  {name}" for name in names[:LISTED]]
            if len(names) > LISTED:
                lines.append(f"  ... and {len(names) - LISTED} more")
        return "\n".join([f"{self.checkpoint.path}:", *lines]) if lines else ""

    @property
    def info(self) -> dict[str, list]:
        """What did not fit, as callers of `from_pretrained` get it."""
        return {
            "missing_keys": self.missing,
            "unexpected_keys": self.unexpected,
            "mismatched_keys": [(item.name, item.found, item.expected) for item in self.mismatched],
            "error_msgs": [],
        }

    def warn(self) -> None:
        """Issues the report as a warning, if there is anything to report."""
        if text := self.report():
            warnings.warn(text, stacklevel=3)


def match(
    slots: Iterable[Slot],
    checkpoint: Checkpoint,
    *,
    base_prefix: str = "",
    renames: Sequence[tuple[str, str]] = (),
    ignores: Sequence[str] = (),
    ignore_mismatched_sizes: bool = False,
) -> LoadPlan:
    """Plans the loading of `checkpoint` into `slots`.

    Args:
        base_prefix: The name of the base model inside of models with a head. The file may carry it
            or not, as the slots may; which, is decided once for all tensors.
        renames: (pattern, replacement) from old stored names to current ones; for each name the
            first pattern that is found counts. Names that the model knows are never renamed.
        ignores: Patterns of current names that are not reported as unexpected.
        ignore_mismatched_sizes: Leave tensors of another shape out instead of raising.

    Raises:
        CheckpointError: Shapes differ, or the file holds nothing of the model.
    """
    plan = LoadPlan(checkpoint, {slot.name: slot for slot in slots})
    names = StoredNames(checkpoint.names, renames)
    names.choose_prefix({n for s in plan.slots.values() for n in _accepted(s)}, base_prefix)
    tied = [slot for slot in plan.slots.values() if slot.tied_to is not None]
    own = [slot for slot in plan.slots.values() if slot.tied_to is None]
    used: dict[str, None] = {}
    missing: dict[str, None] = {}
    for slot in own:
        source = {key: _find(names, slot, key) for key in slot.stored}
        if None in source.values() and slot.transform is None:
            source = {slot.name: _stored_for_tied(names, slot, tied)}
        used |= dict.fromkeys(name for name in source.values() if name is not None)
        absent = [key for key, name in source.items() if name is None]
        if absent:
            missing |= dict.fromkeys(absent if slot.required else ())
        elif wrong := _mismatches(slot, source, checkpoint):
            plan.mismatched += [item for item in wrong if item not in plan.mismatched]
        else:
            plan.sources[slot.name] = source
    plan.missing = list(missing)
    if plan.mismatched and not ignore_mismatched_sizes:
        shapes = "; ".join(map(str, plan.mismatched[:LISTED]))
        hint = "Pass ignore_mismatched_sizes=True to initialise these anew"
        raise CheckpointError(f"shapes differ: {shapes}", file=checkpoint.path, hint=hint)
    if plan.slots and not plan.sources:
        _refuse_nothing(plan, names)
    used |= dict.fromkeys(_compare_tied(plan, names, tied))
    plan.unexpected = [
        name
        for name in checkpoint.names
        if name not in used and not any(re.search(p, names.current[name]) for p in ignores)
    ]
    return plan


def _accepted(slot: Slot) -> Iterator[str]:
    """All the names that a file may have for the stored tensors of a slot."""
    for key in slot.stored:
        yield key
        if slot.transform is not None:
            yield from slot.transform.other_names(key)


def _find(names: StoredNames, slot: Slot, key: str) -> str | None:
    others = slot.transform.other_names(key) if slot.transform is not None else ()
    return next((name for item in (key, *others) if (name := names.find(item)) is not None), None)


def _stored_for_tied(names: StoredNames, slot: Slot, tied: list[Slot]) -> str | None:
    """A shared tensor is stored once, and not always under its first name."""
    found = (names.find(other.name) for other in tied if other.tied_to == slot.name)
    return next((name for name in found if name is not None), None)


def _mismatches(slot: Slot, source: dict[str, str], checkpoint: Checkpoint) -> list[Mismatch]:
    found = {key: checkpoint.info(name).shape for key, name in source.items()}
    return [
        Mismatch(key, expected, found[key])
        for key, expected in slot.stored.items()
        if found[key] != expected
    ]


def _compare_tied(plan: LoadPlan, names: StoredNames, tied: list[Slot]) -> Iterator[str]:
    """Yields the stored tensors of tied slots, and notes those that differ from the shared one."""
    for slot in tied:
        for key in slot.stored:
            if (stored := names.find(key)) is None:
                continue
            yield stored
            shared = plan.sources.get(slot.tied_to)
            if shared is None or slot.transform is not None or stored in shared.values():
                continue
            if not _same(plan.checkpoint.read(stored), plan.load(slot.tied_to)):
                plan.tied_differs.append(slot.name)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    # Compared as bytes where that is possible: NaN then equals itself, and nothing is converted.
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.flags.c_contiguous and b.flags.c_contiguous:
        a, b = a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8)
    return np.array_equal(a, b)


def _refuse_nothing(plan: LoadPlan, names: StoredNames) -> None:
    wanted, stored = next(iter(plan.slots)), next(iter(names.current), "nothing")
    raise CheckpointError(
        "the checkpoint holds nothing that fits this model",
        file=plan.checkpoint.path,
        expected=f"names such as {wanted}",
        found=f"names such as {stored}",
    )
