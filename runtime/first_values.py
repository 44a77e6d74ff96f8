"""Numbers of rules for first values, which may come from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# a number, the name of a field, or a function of the configuration
Number = float | str | Callable[[Any], float]


def resolve(number: Number, config: Any) -> float:
    """The number under a configuration."""
    if isinstance(number, str):
        return getattr(config, number)
    return number(config) if callable(number) else number
