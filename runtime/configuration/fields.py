"""One field of a configuration: its default, and the values it accepts."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ..errors import ConfigError, nearest, show
from .annotations import describe, matches, numbers
from .kinds import Kinds

MAX_SIZE = 2**31  # integers beyond it (either sign) are refused unless the field says otherwise


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"

    def __copy__(self) -> _Required:
        return self

    def __deepcopy__(self, memo: dict) -> _Required:
        return self


REQUIRED = _Required()


@dataclasses.dataclass(frozen=True)
class Field:
    """The declaration of one configuration field; see `field`."""

    default: Any = REQUIRED
    min: float | None = None
    max: float | None = None
    choices: tuple | None = None
    kinds: Kinds | None = None
    finite: bool = True
    doc: str = ""
    type: Any = Any

    def check(self, key: str, value: Any) -> None:
        """Raises a ConfigError unless `value` has the field's type, range, choices and keys."""
        if not matches(value, self.type):
            raise ConfigError(key=key, expected=describe(self.type), found=show(value))
        for number in numbers(value):
            self._check_number(key, number, value)
        if self.choices is not None and value is not None:
            for item in value if isinstance(value, list | tuple) else [value]:
                if item not in self.choices:
                    self._refuse_choice(key, item)
        if self.kinds is not None and value is not None:
            self.kinds.check(key, value)

    def _check_number(self, key: str, number: float, value: Any) -> None:
        if self.finite and not math.isfinite(number):
            raise ConfigError(key=key, expected="a finite number", found=show(value))
        if self.min is not None and number < self.min:
            raise ConfigError(key=key, expected=f"at least {self.min}", found=show(value))
        limit = self.max
        if limit is None and isinstance(number, int):
            limit = MAX_SIZE
            if number < -limit:
                raise ConfigError(key=key, expected=f"at least {-limit}", found=show(value))
        if limit is not None and number > limit:
            raise ConfigError(key=key, expected=f"at most {limit}", found=show(value))

    def _refuse_choice(self, key: str, item: Any) -> None:
        names = ", ".join(map(repr, self.choices))
        raise ConfigError(
            key=key,
            expected=f"one of {names}",
            found=show(item),
            hint=nearest(item, [name for name in self.choices if isinstance(name, str)]),
        )


def field(
    default: Any = REQUIRED,
    *,
    min: float | None = None,
    max: float | None = None,
    choices: tuple | None = None,
    kinds: Kinds | None = None,
    finite: bool = True,
    doc: str = "",
) -> Any:
    """Declares a configuration field that needs more than a default.

    Args:
        default: The value when none is given (copied); without one the field is required.
        min, max: Inclusive limits of the number, or of every number in a list. Integers are
            limited to MAX_SIZE where `max` is not given.
        choices: The values allowed (for a list: of each item); None passes where the type has it.
        kinds: Which keys a dictionary must have, by its kind.
        finite: False allows infinity; NaN never passes.
        doc: One sentence for people.
    """
    choices = None if choices is None else tuple(choices)
    return Field(default, min, max, choices, kinds, finite, doc)
