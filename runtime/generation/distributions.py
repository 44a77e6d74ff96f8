"""Distributions of numbers by their names: how values are drawn, and what their means are.

Of arrays of parameters, all of one shape, come values of that shape; `ops` has the operations of a
framework, `key` a source of random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

POINT = "point"


@dataclass(frozen=True)
class Distribution:
    """`draw(ops, key, *parameters)` and `mean(ops, *parameters)`."""

    draw: Callable[..., Any]
    mean: Callable[..., Any]


def _student_t(ops: Any, key: Any, freedom: Any, mean: Any, spread: Any) -> Any:
    first, second = ops.split_key(key)
    chi_squared = 2.0 * ops.gamma(first, 0.5 * freedom)
    return mean + spread * ops.normal(second, mean) * ops.sqrt(freedom / chi_squared)


def _normal(ops: Any, key: Any, mean: Any, spread: Any) -> Any:
    return mean + spread * ops.normal(key, mean)


def _negative_binomial(ops: Any, key: Any, count: Any, logits: Any) -> Any:
    """A Poisson variable whose rate is a gamma variable."""
    first, second = ops.split_key(key)
    return ops.poisson(second, ops.gamma(first, count) * ops.exp(logits))


DISTRIBUTIONS = {
    "student_t": Distribution(_student_t, lambda ops, freedom, mean, spread: mean),
    "normal": Distribution(_normal, lambda ops, mean, spread: mean),
    "negative_binomial": Distribution(
        _negative_binomial, lambda ops, count, logits: count * ops.exp(logits)
    ),
    POINT: Distribution(lambda ops, key, value: value, lambda ops, value: value),
}
