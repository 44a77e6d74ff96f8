"""Random and constant initial values of parameters.

A rule is called as `rule(key, shape, dtype, config)` with the shape in checkpoint layout. Numbers
may be given by the name of the configuration's field that holds them. Values are drawn by numpy:
JAX would compile a program for every shape.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from ..errors import ConfigError
from ..first_values import Number, resolve
from ..sinusoids import interleaved_table, sinusoid_table

if TYPE_CHECKING:
    from .weights import Leaf

KINDS = ("linear", "embedding", "norm", "conv", "param", "bias")


@dataclass(frozen=True)
class Rule:
    """`draw(generator, shape, *numbers)` gives values; names among the numbers are looked up.

    `by_layer`: behind the numbers, the fan in of the layer's weight.
    """

    draw: Callable[..., np.ndarray]
    numbers: tuple[Number, ...] = ()
    by_layer: bool = False

    def of_layer(self, leaf: Leaf) -> Rule:
        """The rule for one leaf."""
        if not self.by_layer:
            return self
        owner = leaf.owner  # whose weight may be kept in parts
        variable = owner.weight if hasattr(owner, "weight") else owner.normed.original1
        weight = replace(leaf, variable=variable)
        return Rule(self.draw, (*self.numbers, fans(weight.shape)[0]))

    def __call__(
        self, key: jax.Array | None, shape: tuple, dtype: Any, config: Any = None, salt: int = 0
    ) -> np.ndarray | jax.Array:
        """Values from a JAX key and a number that tells parameters apart."""
        numbers = [resolve(number, config) for number in self.numbers]

        def draw(seed: np.ndarray) -> np.ndarray:
            generator = np.random.default_rng([*np.asarray(seed).ravel().tolist(), salt])
            return np.asarray(self.draw(generator, shape, *numbers)).astype(dtype, copy=False)

        if key is None:
            return draw(np.zeros(0))
        seed = jax.random.key_data(key)
        if isinstance(seed, jax.core.Tracer):  # a model that is built under jit or eval_shape
            return jax.pure_callback(draw, jax.ShapeDtypeStruct(shape, dtype), seed)
        return draw(seed)


def with_init(made: Any, init: Rule | None = None, bias_init: Rule | None = None) -> Any:
    """The layer or parameter itself, whose first values follow rules of its own."""
    if init is not None:
        (made if isinstance(made, nnx.Variable) else made.weight).set_metadata(rule=init)
    if bias_init is not None and made.bias is not None:
        made.bias.set_metadata(rule=bias_init)
    return made


def _constant(generator: np.random.Generator, shape: tuple, value: float) -> np.ndarray:
    return np.full(shape, value, np.float32)


def constant(value: Number) -> Rule:
    """The same number everywhere."""
    return Rule(_constant, (value,))


def zeros() -> Rule:
    """0 everywhere."""
    return constant(0.0)


def ones() -> Rule:
    """1 everywhere."""
    return constant(1.0)


def _normal(generator: np.random.Generator, shape: tuple, std: float, mean: float) -> np.ndarray:
    values = generator.standard_normal(shape, np.float32)
    return np.float32(mean) + np.float32(std) * values


def _uniform(generator: np.random.Generator, shape: tuple, low: float, high: float) -> np.ndarray:
    values = generator.random(shape, np.float32)
    return np.float32(low) + np.float32(high - low) * values


def _trunc_normal(generator, shape, std, mean, low, high) -> np.ndarray:
    values = np.atleast_1d(_normal(generator, shape, std, mean))
    while (outside := (values < low) | (values > high)).any():
        values[outside] = _normal(generator, (int(outside.sum()),), std, mean)
    return values.reshape(shape)


def normal(std: Number, mean: Number = 0.0) -> Rule:
    """Draws from a normal distribution."""
    return Rule(_normal, (std, mean))


def trunc_normal(std: Number, mean: Number = 0.0, low: Number = -2.0, high: Number = 2.0) -> Rule:
    """Draws from a normal distribution, again where the value is outside [low, high]."""
    return Rule(_trunc_normal, (std, mean, low, high))


def uniform(low: Number, high: Number) -> Rule:
    """Draws uniformly from [low, high)."""
    return Rule(_uniform, (low, high))


def fans(shape: tuple) -> tuple[int, int]:
    """(inputs, outputs) of one entry of a weight [out, in, *kernel]."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _xavier_uniform(generator, shape, gain) -> np.ndarray:
    bound = gain * math.sqrt(6 / sum(fans(shape)))
    return _uniform(generator, shape, -bound, bound)


def xavier_uniform(gain: Number = 1.0) -> Rule:
    """Uniform with variance 2 gain² / (fan in + fan out) (Glorot, Bengio 2010)."""
    return Rule(_xavier_uniform, (gain,))


def _xavier_normal(generator, shape, gain) -> np.ndarray:
    return _normal(generator, shape, gain * math.sqrt(2 / sum(fans(shape))), 0)


def xavier_normal(gain: Number = 1.0) -> Rule:
    """Normal with variance 2 gain² / (fan in + fan out) (Glorot, Bengio 2010)."""
    return Rule(_xavier_normal, (gain,))


def _kaiming_uniform(generator, shape, a) -> np.ndarray:
    bound = math.sqrt(6 / ((1 + a * a) * fans(shape)[0]))
    return _uniform(generator, shape, -bound, bound)


def kaiming_uniform(a: Number = 0.0) -> Rule:
    """Uniform with variance 2 / ((1 + a²) fan in) (He et al. 2015)."""
    return Rule(_kaiming_uniform, (a,))


def _kaiming_normal(generator, shape, a) -> np.ndarray:
    return _normal(generator, shape, math.sqrt(2 / ((1 + a * a) * fans(shape)[0])), 0)


def kaiming_normal(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a²) fan in) (He et al. 2015)."""
    return Rule(_kaiming_normal, (a,))


def kaiming_normal_out(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a²) fan out) (He et al. 2015)."""

    def draw(generator, shape, a):
        return _normal(generator, shape, math.sqrt(2 / ((1 + a * a) * fans(shape)[1])), 0)

    return Rule(draw, (a,))


def fan_in_uniform() -> Rule:
    """Uniform in ±1 / sqrt(fan in of the layer's weight), for a bias too."""

    def draw(generator, shape, fan_in):
        bound = 1 / math.sqrt(max(fan_in, 1))
        return _uniform(generator, shape, -bound, bound)

    return Rule(draw, by_layer=True)


def _sinusoids(_: np.random.Generator, shape: tuple, steps: float) -> np.ndarray:
    return sinusoid_table(shape, steps)


def sinusoids(steps: Number) -> Rule:
    """Sines, then cosines of the row's number, with frequencies 10000 ** (-k / steps)."""
    return Rule(_sinusoids, (steps,))


def _interleaved(_: np.random.Generator, shape: tuple, std: float) -> np.ndarray:
    return interleaved_table(shape, std)


def interleaved_sinusoids(std: Number) -> Rule:
    """Sines and cosines of the row's number in turns, of mean 0 and a standard deviation."""
    return Rule(_interleaved, (std,))


def softplus_log_uniform(low: Number, high: Number, floor: Number = 0.0) -> Rule:
    """The inverse of softplus of max(x, floor), log(x) uniform in [log(low), log(high))."""

    def draw(generator, shape, low, high, floor):
        size = np.exp(_uniform(generator, shape, math.log(low), math.log(high)))
        size = np.maximum(size, floor)
        return size + np.log(-np.expm1(-size))

    return Rule(draw, (low, high, floor))


def log_range() -> Rule:
    """log(1), log(2), ... along the last axis."""

    def draw(generator, shape):
        return np.broadcast_to(np.log(np.arange(1, shape[-1] + 1, dtype=np.float32)), shape)

    return Rule(draw)


def _powers(_: np.random.Generator, shape: tuple, steps, power, factor, start) -> np.ndarray:
    row = start + factor * (np.arange(shape[-1]) / steps) ** power
    return np.broadcast_to(row, shape)


def powers(steps: Number, power: Number, factor: Number = 1.0, start: Number = 0.0) -> Rule:
    """start + factor * (i / steps) ** power for each place i along the last axis."""
    return Rule(_powers, (steps, power, factor, start))


def _rays(_: np.random.Generator, shape: tuple, heads, levels, count) -> np.ndarray:
    angles = np.arange(heads) * (2 * math.pi / heads)
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    steps /= np.abs(steps).max(axis=-1, keepdims=True)
    points = steps[:, None] * np.arange(1, count + 1)[:, None]
    return np.repeat(points[:, None], levels, axis=1).reshape(shape)


def rays(heads: Number, levels: Number, count: Number) -> Rule:
    """Points (x, y), one after the other: `count` of each of `levels` of each of `heads`, which
    lie on a ray of the head's own, 1, 2, ... away along x or y (Zhu et al. 2020, appendix A.4)."""
    return Rule(_rays, (heads, levels, count))


def _orthogonal(generator: np.random.Generator, shape: tuple, gain: float) -> np.ndarray:
    q, r = np.linalg.qr(generator.standard_normal((max(shape), min(shape))))
    q *= np.sign(np.diag(r))
    q = q if shape[0] >= shape[1] else q.T
    return q * gain * math.sqrt(max(1, shape[0] / shape[1]))


def orthogonal(gain: Number = 1.0) -> Rule:
    """Rows or columns at right angles, of length `gain`, times sqrt(rows / columns) if tall."""
    return Rule(_orthogonal, (gain,))


def find_rule(leaf: Leaf, rules: Mapping[str, Rule]) -> Rule:
    """The rule for a leaf: the first path that matches, also below the base model's name; else
    its own, or what an activation with parameters starts from; else the rule of its kind.

    Raises ConfigError if there is none.
    """
    for pattern, rule in rules.items():
        if pattern not in KINDS and _matches(leaf.name, pattern):
            return rule
    if (rule := getattr(leaf.variable, "rule", None)) is not None:
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


def _matches(name: str, pattern: str) -> bool:
    """Whether a path, or the end of one, is of this form; `*.x` is also `x` alone."""
    return fnmatchcase(name, pattern) or fnmatchcase(f".{name}", f"*.{pattern.removeprefix('*.')}")


def initial_value(
    leaf: Leaf, rules: Mapping[str, Rule], key: jax.Array, config: Any
) -> np.ndarray | jax.Array:
    """What a leaf starts from, in checkpoint layout.

    It depends on the leaf's name, not on its place, so it is the same however the layers of a
    stack are stored.
    """
    source = getattr(leaf.owner, "derived", {}).get(leaf.attribute)
    if source is not None:
        first = initial_value(leaf.sibling(source), rules, key, config)
        return leaf.owner.derive(leaf.attribute, first).astype(leaf.dtype)
    rule, salt = find_rule(leaf, rules).of_layer(leaf), zlib.crc32(leaf.name.encode())
    array = rule(key, leaf.shape, leaf.dtype, config, salt)
    padding = getattr(leaf.owner, "padding_idx", None)
    if padding is None or leaf.attribute != "weight":
        return array
    if isinstance(array, np.ndarray):
        array[padding] = 0
        return array
    return array.at[padding].set(0)
