"""Configurations that an architecture does not have, though each of their fields is sound."""

from __future__ import annotations

from functools import reduce
from typing import Any, NoReturn

from .errors import ConfigError, show


def refuse(config: Any, reason: str, *names: str) -> NoReturn:
    """Raises ConfigError with the values of the fields that a reason is about."""
    found = [f"{name} {show(reduce(getattr, name.split('.'), config))}" for name in names]
    raise ConfigError(f"refused: {reason}", found=", ".join(found))


def require_choice(config: Any, name: str, choices: tuple) -> None:
    """Raises ConfigError if a key beside a configuration's own fields has another value."""
    value = vars(config)["_extra"].get(name, choices[0])
    if value not in choices:
        expected = f"one of {', '.join(map(show, choices))}"
        raise ConfigError(key=name, expected=expected, found=show(value))
