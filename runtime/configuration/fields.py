"""One field of a configuration: its default, and the values it accepts."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from typing import Any

from ..errors import ConfigError, nearest, show

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
    finite: bool = True
    doc: str = ""
    type: Any = Any

    def check(self, key: str, value: Any) -> None:
        """Raises a ConfigError unless `value` has the field's type, range and choices."""
        if not matches(value, self.type):
            raise ConfigError(key=key, expected=describe(self.type), found=show(value))
        for number in numbers(value):
            self._check_number(key, number, value)
        if self.choices is not None and value is not None:
            for item in value if isinstance(value, list | tuple) else [value]:
                if item not in self.choices:
                    self._refuse_choice(key, item)

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
    finite: bool = True,
    doc: str = "",
) -> Any:
    """Declares a configuration field that needs more than a default.

    Args:
        default: The value when none is given (copied); without one the field is required.
        min, max: Inclusive limits of the number, or of every number in a list. Integers are
            limited to MAX_SIZE where `max` is not given.
        choices: The values allowed (for a list: of each item); None passes where the type has it.
        finite: False allows infinity; NaN never passes.
        doc: One sentence for people.
    """
    choices = None if choices is None else tuple(choices)
    return Field(default, min, max, choices, finite, doc)


def alternatives(kind: Any) -> tuple:
    """The members of a union, or the type itself."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def matches(value: Any, kind: Any) -> bool:
    """Whether a plain value has the annotated type; a bool is no int, an int is also a float."""
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, part) for part in arguments)
    if kind is None or kind is types.NoneType:
        return value is None
    if kind is int or kind is float:
        accepted = int if kind is int else (int, float)
        return isinstance(value, accepted) and not isinstance(value, bool)
    if origin in (list, tuple):
        # JSON has no tuples, and Python code likes them: each passes for the other.
        return isinstance(value, list | tuple) and _items_match(value, arguments)
    if origin is dict:
        if not isinstance(value, dict):
            return False
        return not arguments or all(
            matches(name, arguments[0]) and matches(item, arguments[1])
            for name, item in value.items()
        )
    return isinstance(value, origin)


def _items_match(value: list | tuple, arguments: tuple) -> bool:
    if not arguments:
        return True
    if len(arguments) == 1 or arguments[-1] is Ellipsis:
        return all(matches(item, arguments[0]) for item in value)
    return len(value) == len(arguments) and all(map(matches, value, arguments))


def describe(kind: Any) -> str:
    """An annotated type in words."""
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    words |= {dict: "an object", list: "a list", tuple: "a list", types.NoneType: "null"}
    names = []
    for part in alternatives(kind):
        name = words.get(typing.get_origin(part) or part, getattr(part, "__name__", str(part)))
        arguments = [item for item in typing.get_args(part) if item is not Ellipsis]
        if arguments and name == "a list":
            name = f"a list ({', '.join(describe(item) for item in arguments)})"
        names.append(name)
    return " or ".join(dict.fromkeys(names))


def numbers(value: Any) -> Iterator[int | float]:
    """The numbers in a plain value, at any depth; bools are none."""
    if isinstance(value, int | float):
        if not isinstance(value, bool):
            yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
