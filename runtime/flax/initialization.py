"""Random and constant initial values of parameters.

A rule is called as `rule(key, shape, dtype, config)` with the shape in checkpoint layout. Numbers
may be given by the name of the configuration's field that holds them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from ..errors import ConfigError

if TYPE_CHECKING:
    from .weights import Leaf

Number = float | str
KINDS = ("linear", "embedding", "norm", "conv", "param", "bias")


@dataclass(frozen=True)
class Rule:
    """`draw(key, shape, *numbers)` gives float32 values; names among the numbers are looked up."""

    draw: Callable[..., jax.Array]
    numbers: tuple[Number, ...] = ()

    def __call__(self, key: jax.Array, shape: tuple, dtype: Any, config: Any = None) -> jax.Array:
        numbers = (getattr(config, n) if isinstance(n, str) else n for n in self.numbers)
        return self.draw(key, shape, *numbers).astype(dtype)


def constant(number: Number) -> Rule:
    """The same number everywhere."""
    return Rule(lambda key, shape, number: jnp.full(shape, number, jnp.float32), (number,))


def zeros() -> Rule:
    return constant(0.0)


def ones() -> Rule:
    return constant(1.0)


def normal(std: Number, mean: Number = 0.0) -> Rule:
    """Normal with this standard deviation."""

    def draw(key, shape, std, mean):
        return mean + std * jax.random.normal(key, shape)

    return Rule(draw, (std, mean))


def trunc_normal(std: Number, mean: Number = 0.0, low: Number = -2.0, high: Number = 2.0) -> Rule:
    """Normal, drawn again where outside of [low, high]."""

    def draw(key, shape, std, mean, low, high):
        low, high = (low - mean) / std, (high - mean) / std
        return mean + std * jax.random.truncated_normal(key, low, high, shape)

    return Rule(draw, (std, mean, low, high))


def uniform(low: Number, high: Number) -> Rule:
    """Uniform on [low, high)."""

    def draw(key, shape, low, high):
        return jax.random.uniform(key, shape, minval=low, maxval=high)

    return Rule(draw, (low, high))


def _symmetric(key: jax.Array, shape: tuple, bound: float) -> jax.Array:
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def fans(shape: tuple) -> tuple[int, int]:
    """(inputs, outputs) of one entry of a weight [out, in, *kernel]."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def xavier_uniform(gain: Number = 1.0) -> Rule:
    """Uniform with variance 2 gain^2 / (inputs + outputs)."""

    def draw(key, shape, gain):
        return _symmetric(key, shape, gain * math.sqrt(6 / sum(fans(shape))))

    return Rule(draw, (gain,))


def xavier_normal(gain: Number = 1.0) -> Rule:
    """Normal with variance 2 gain^2 / (inputs + outputs)."""

    def draw(key, shape, gain):
        return gain * math.sqrt(2 / sum(fans(shape))) * jax.random.normal(key, shape)

    return Rule(draw, (gain,))


def kaiming_uniform(a: Number = 0.0) -> Rule:
    """Uniform with variance 2 / ((1 + a^2) inputs)."""

    def draw(key, shape, a):
        return _symmetric(key, shape, math.sqrt(6 / ((1 + a * a) * fans(shape)[0])))

    return Rule(draw, (a,))


def kaiming_normal(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a^2) inputs)."""

    def draw(key, shape, a):
        return math.sqrt(2 / ((1 + a * a) * fans(shape)[0])) * jax.random.normal(key, shape)

    return Rule(draw, (a,))


def find_rule(leaf: Leaf, rules: Mapping[str, Rule]) -> Rule:
    """The rule for a leaf: the first path that matches, also below the base model's name; else
    what an activation with parameters starts from; else the rule of its kind.

    Raises ConfigError if there is none.
    """
    for pattern, rule in rules.items():
        names = fnmatchcase(leaf.name, pattern) or fnmatchcase(leaf.name, f"*.{pattern}")
        if names and pattern not in KINDS:
            return rule
    own = getattr(leaf.owner, "own_rules", {})
    if leaf.attribute in own:
        return own[leaf.attribute]
    kind = "bias" if leaf.attribute == "bias" else getattr(leaf.owner, "kind", "param")
    if kind in rules:
        return rules[kind]
    raise ConfigError(
        "no rule says how it is initialised",
        key=leaf.name,
        expected=f"a rule for {kind!r} or for the path",
        found=", ".join(rules) or "none",
    )


def initial_value(leaf: Leaf, rules: Mapping[str, Rule], key: jax.Array, config: Any) -> jax.Array:
    """What a leaf starts from, in checkpoint layout.

    Its own key depends on its name, not on its place, so the values are the same however the
    layers of a stack are stored.
    """
    rule = find_rule(leaf, rules)
    own_key = jax.random.fold_in(key, zlib.crc32(leaf.name.encode()))
    array = rule(own_key, leaf.shape, leaf.dtype, config)
    padding = getattr(leaf.owner, "padding_idx", None)
    if padding is not None and leaf.attribute == "weight":
        array = array.at[padding].set(0)
    return array
