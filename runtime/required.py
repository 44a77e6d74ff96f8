"""Fields of a configuration without which a call cannot be made."""

from __future__ import annotations

from typing import TypeVar

from .errors import ConfigError

T = TypeVar("T")


def required(value: T | None, name: str) -> T:
    """The value of a field that may be absent, where it must not be."""
    if value is None:
        raise ConfigError("this call needs the field", key=name, hint="Set it in the configuration")
    return value
