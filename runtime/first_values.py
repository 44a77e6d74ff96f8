"""Numbers of rules for first values, which may come from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# a number, the name of a field, or a function of the configuration
Number = float | str | Callable[[Any], float]


def resolve(number: Number, config: Any) -> float:
    """The number under a configuration."""
    if isinstance(number, str):
        return getattr(config, number)
    return number(config) if callable(number) else number


# the entries of places 0, ..., n - 1 along the last axis: (config, places, n, layer) -> values
Each = Callable[[Any, np.ndarray, int, int], Any]


def along(function: Each, name: str) -> Callable[[Any], Callable[[int], np.ndarray]]:
    """For a tensor of this name: config -> n -> its last axis; `layer` is the name's number."""
    layer = next((int(step) for step in name.split(".") if step.isdigit()), 0)

    def of(config: Any) -> Callable[[int], np.ndarray]:
        return lambda n: np.asarray(function(config, np.arange(n), n, layer), np.float32)

    return of
