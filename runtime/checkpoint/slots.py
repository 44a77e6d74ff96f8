"""The tensors of a model as a checkpoint sees them, and the stored tensors they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .transforms import Split, Transform


@dataclass(frozen=True)
class Slot:
    """One parameter or buffer of a model.

    Attributes:
        name: Its name in the model's own checkpoints.
        shape: Its shape in checkpoint layout.
        transform: How it comes from stored tensors, if not from one of its own name; its keys are
            complete names (`Transform.at`).
        tied_to: The slot whose tensor it shares, if any.
        required: False for what a file need not hold: computed or optional buffers.
    """

    name: str
    shape: tuple[int, ...]
    transform: Transform | None = None
    tied_to: str | None = None
    required: bool = True

    @cached_property
    def stored(self) -> dict[str, tuple[int, ...]]:
        """The names and shapes of the stored tensors it comes from."""
        shape = tuple(self.shape)
        return {self.name: shape} if self.transform is None else self.transform.stored_shapes(shape)


class Joined:
    """A stored tensor of several slots that is put together only when it is asked for."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, make: Callable[[], np.ndarray]):
        self.shape = shape
        self.dtype = dtype
        self._make = make

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._make(), dtype)


def stored_tensors(slots: Iterable[Slot], value: Callable[[str], Any]) -> dict[str, Any]:
    """What a checkpoint of these slots holds: {stored name: array}, tied ones once.

    `value` returns the array of a slot in checkpoint layout. The parts of a Split are joined only
    when they are written, so that no second copy of a model is ever made.
    """
    result: dict[str, Any] = {}
    groups: dict[tuple, dict[int, Slot]] = {}
    for slot in slots:
        if slot.tied_to is not None:
            continue
        if isinstance(slot.transform, Split):
            group = groups.setdefault(slot.transform.whole, {})
            group[slot.transform.index] = slot
            if len(group) == 1:  # the group is shared, and complete by the time it is read
                result |= _joined(group, value)
        elif slot.transform is not None:
            result |= slot.transform.save(value(slot.name))
        else:
            result[slot.name] = value(slot.name)
    for group in groups.values():
        slot = next(iter(group.values()))
        if len(group) < slot.transform.count:
            expected, found = f"all {slot.transform.count} parts", str(len(group))
            raise CheckpointError(key=slot.name, expected=expected, found=found)
    return result


def _joined(group: dict[int, Slot], value: Callable[[str], Any]) -> dict[str, Joined]:
    """The stored tensors of a group of parts."""
    slot = next(iter(group.values()))

    def make(key: str) -> np.ndarray:
        return slot.transform.save({index: value(part.name) for index, part in group.items()})[key]

    dtype = np.dtype(value(slot.name).dtype)
    return {
        key: Joined(shape, dtype, lambda key=key: make(key)) for key, shape in slot.stored.items()
    }
