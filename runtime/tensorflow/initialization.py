"""Random and constant first values of parameters, by rules.

A rule's numbers may be names of config fields: `normal("initializer_range")`. Random values come
from TensorFlow's global generator, which `keras.utils.set_random_seed` seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ConfigError
from ..first_values import Number, resolve
from ..sinusoids import interleaved_table, sinusoid_table

if TYPE_CHECKING:
    from .base import Layer, Parameter

KINDS = ("linear", "embedding", "norm", "conv", "param", "bias")
Sampler = Callable[..., tf.Tensor]


@dataclass(frozen=True)
class Rule:
    """`sample(shape, dtype, fans, *numbers)` with numbers given here or in the config.

    `by_layer`: the fans are those of the layer's weight, whichever of its tensors is filled.
    """

    sample: Sampler
    numbers: tuple[Number, ...] = ()
    by_layer: bool = False

    def __call__(self, parameter: Parameter, config: Any, layer: Layer | None = None) -> tf.Tensor:
        """A value for the parameter, in its own layout."""
        numbers = [resolve(number, config) for number in self.numbers]
        shape = [int(size) for size in parameter.shape]
        dtype = tf.as_dtype(parameter.dtype)
        # Half precision would truncate the distribution's tails.
        wide = dtype if dtype == tf.float64 else tf.float32
        fans = _fans(weight_of(layer) if self.by_layer else parameter)
        return tf.cast(self.sample(shape, wide, fans, *numbers), dtype)


def weight_of(layer: Layer) -> Parameter:
    """The weight of a layer, or what has its shape where it is kept in parts."""
    return layer.weight if hasattr(layer, "weight") else layer.normed.original1


def _fans(parameter: Parameter) -> tuple[int, int]:
    """Inputs and outputs per position: [out, in, *kernel] in checkpoint layout."""
    shape = parameter.checkpoint_shape
    if len(shape) < 2:
        return 1, 1
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _fill(shape: Sequence[int], dtype: tf.DType, _fans: Any, value: float) -> tf.Tensor:
    return tf.fill(shape, tf.cast(value, dtype))


def _normal(
    shape: Sequence[int], dtype: tf.DType, _fans: Any, std: float, mean: float
) -> tf.Tensor:
    return tf.random.normal(shape, mean, std, dtype)


def _trunc_normal(
    shape: Sequence[int],
    dtype: tf.DType,
    _fans: Any,
    std: float,
    mean: float,
    low: float,
    high: float,
) -> tf.Tensor:
    def share(x: float) -> float:  # of a normal distribution that lies below x
        return (1 + math.erf((x - mean) / (std * math.sqrt(2)))) / 2

    # Inverse of the distribution function, applied to numbers between the two ends.
    uniform = tf.random.uniform(shape, 2 * share(low) - 1, 2 * share(high) - 1, dtype)
    # erfinv is infinite at the very ends
    uniform = tf.clip_by_value(uniform, -1 + 1e-7, 1 - 1e-7)
    values = mean + std * math.sqrt(2) * tf.math.erfinv(uniform)
    return tf.clip_by_value(values, low, high)


def _uniform(
    shape: Sequence[int], dtype: tf.DType, _fans: Any, low: float, high: float
) -> tf.Tensor:
    return tf.random.uniform(shape, low, high, dtype)


def _xavier_uniform(
    shape: Sequence[int], dtype: tf.DType, fans: tuple[int, int], gain: float
) -> tf.Tensor:
    bound = gain * math.sqrt(6 / sum(fans))
    return tf.random.uniform(shape, -bound, bound, dtype)


def _xavier_normal(
    shape: Sequence[int], dtype: tf.DType, fans: tuple[int, int], gain: float
) -> tf.Tensor:
    return tf.random.normal(shape, 0.0, gain * math.sqrt(2 / sum(fans)), dtype)


def _kaiming_uniform(
    shape: Sequence[int], dtype: tf.DType, fans: tuple[int, int], slope: float
) -> tf.Tensor:
    bound = math.sqrt(6 / ((1 + slope**2) * fans[0]))
    return tf.random.uniform(shape, -bound, bound, dtype)


def _kaiming_normal(
    shape: Sequence[int], dtype: tf.DType, fans: tuple[int, int], slope: float
) -> tf.Tensor:
    return tf.random.normal(shape, 0.0, math.sqrt(2 / ((1 + slope**2) * fans[0])), dtype)


def _fan_in_uniform(shape: Sequence[int], dtype: tf.DType, fans: tuple[int, int]) -> tf.Tensor:
    bound = 1 / math.sqrt(max(fans[0], 1))
    return tf.random.uniform(shape, -bound, bound, dtype)


def normal(std: Number, mean: Number = 0.0) -> Rule:
    """Draws from a normal distribution."""
    return Rule(_normal, (std, mean))


def trunc_normal(std: Number, mean: Number = 0.0, a: Number = -2.0, b: Number = 2.0) -> Rule:
    """Draws from a normal distribution within [a, b]."""
    return Rule(_trunc_normal, (std, mean, a, b))


def uniform(a: Number, b: Number) -> Rule:
    """Draws uniformly from [a, b)."""
    return Rule(_uniform, (a, b))


def constant(value: Number) -> Rule:
    """Sets all entries to one value."""
    return Rule(_fill, (value,))


def zeros() -> Rule:
    """Sets all entries to 0."""
    return constant(0.0)


def ones() -> Rule:
    """Sets all entries to 1."""
    return constant(1.0)


def xavier_uniform(gain: Number = 1.0) -> Rule:
    """Uniform with variance 2 gain² / (fan in + fan out) (Glorot, Bengio 2010)."""
    return Rule(_xavier_uniform, (gain,))


def xavier_normal(gain: Number = 1.0) -> Rule:
    """Normal with variance 2 gain² / (fan in + fan out) (Glorot, Bengio 2010)."""
    return Rule(_xavier_normal, (gain,))


def kaiming_uniform(a: Number = 0.0) -> Rule:
    """Uniform with variance 2 / ((1 + a²) fan in) (He et al. 2015)."""
    return Rule(_kaiming_uniform, (a,))


def kaiming_normal(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a²) fan in) (He et al. 2015)."""
    return Rule(_kaiming_normal, (a,))


def kaiming_normal_out(a: Number = 0.0) -> Rule:
    """Normal with variance 2 / ((1 + a²) fan out) (He et al. 2015)."""

    def sample(shape: Any, dtype: Any, fans: tuple[int, int], slope: float) -> tf.Tensor:
        return _kaiming_normal(shape, dtype, fans[::-1], slope)

    return Rule(sample, (a,))


def fan_in_uniform() -> Rule:
    """Uniform in ±1 / sqrt(fan in of the layer's weight), for a bias too."""
    return Rule(_fan_in_uniform, by_layer=True)


def _sinusoids(shape: Sequence[int], dtype: tf.DType, _fans: Any, steps: float) -> tf.Tensor:
    return tf.constant(sinusoid_table(shape, steps), dtype)


def sinusoids(steps: Number) -> Rule:
    """Sines, then cosines of the row's number, with frequencies 10000 ** (-k / steps)."""
    return Rule(_sinusoids, (steps,))


def _interleaved(shape: Sequence[int], dtype: tf.DType, _fans: Any, std: float) -> tf.Tensor:
    return tf.constant(interleaved_table(shape, std), dtype)


def interleaved_sinusoids(std: Number) -> Rule:
    """Sines and cosines of the row's number in turns, of mean 0 and a standard deviation."""
    return Rule(_interleaved, (std,))


def with_init(made: Any, init: Rule | None = None, bias_init: Rule | None = None) -> Any:
    """The layer or parameter itself, whose first values follow rules of its own."""
    if init is not None:
        getattr(made, "weight", made).init = init
    if bias_init is not None and made.bias is not None:
        made.bias.init = bias_init
    return made


def softplus_log_uniform(low: Number, high: Number, floor: Number = 0.0) -> Rule:
    """The inverse of softplus of max(x, floor), log(x) uniform in [log(low), log(high))."""

    def sample(shape: Any, dtype: Any, _fans: Any, low: float, high: float, floor: float):
        size = tf.exp(tf.random.uniform(shape, math.log(low), math.log(high), dtype))
        size = tf.maximum(size, floor)
        return size + tf.math.log(-tf.math.expm1(-size))

    return Rule(sample, (low, high, floor))


def log_range() -> Rule:
    """log(1), log(2), ... along the last axis."""

    def sample(shape: Any, dtype: Any, _fans: Any) -> tf.Tensor:
        row = tf.math.log(tf.range(1, shape[-1] + 1, dtype=dtype))
        return tf.broadcast_to(row, shape)

    return Rule(sample)


def _powers(
    shape: Sequence[int],
    dtype: tf.DType,
    _fans: Any,
    steps: float,
    power: float,
    factor: float,
    start: float,
) -> tf.Tensor:
    places = tf.range(shape[-1], dtype=tf.float64)
    row = start + factor * (places / steps) ** power
    return tf.broadcast_to(tf.cast(row, dtype), shape)


def powers(steps: Number, power: Number, factor: Number = 1.0, start: Number = 0.0) -> Rule:
    """start + factor * (i / steps) ** power for each place i along the last axis."""
    return Rule(_powers, (steps, power, factor, start))


def _rays(
    shape: Sequence[int], dtype: tf.DType, _fans: Any, heads: int, levels: int, count: int
) -> tf.Tensor:
    angles = tf.range(heads, dtype=tf.float64) * (2 * math.pi / heads)
    steps = tf.stack([tf.cos(angles), tf.sin(angles)], axis=-1)
    steps /= tf.reduce_max(tf.abs(steps), axis=-1, keepdims=True)
    far = tf.range(1, count + 1, dtype=tf.float64)
    points = tf.tile((steps[:, None] * far[:, None])[:, None], [1, levels, 1, 1])
    return tf.cast(tf.reshape(points, shape), dtype)


def rays(heads: Number, levels: Number, count: Number) -> Rule:
    """Points (x, y), one after the other: `count` of each of `levels` of each of `heads`, which
    lie on a ray of the head's own, 1, 2, ... away along x or y (Zhu et al. 2020, appendix A.4)."""
    return Rule(_rays, (heads, levels, count))


def _orthogonal(
    shape: Sequence[int], dtype: tf.DType, fans: tuple[int, int], gain: float
) -> tf.Tensor:
    q, r = tf.linalg.qr(tf.random.normal((max(shape), min(shape)), dtype=dtype))
    q *= tf.sign(tf.linalg.diag_part(r))
    q = q if shape[0] >= shape[1] else tf.transpose(q)
    return q * gain * math.sqrt(max(1, fans[1] / fans[0]))


def orthogonal(gain: Number = 1.0) -> Rule:
    """Rows or columns at right angles, of length `gain`, times sqrt(rows / columns) if tall."""
    return Rule(_orthogonal, (gain,))


def find_rule(
    name: str, parameter: Parameter, owner: Layer, rules: Mapping[str, Rule]
) -> Rule | None:
    """The rule for a leaf: by its name, as the leaf's own, as a bias, or by the layer's kind."""
    for pattern, rule in rules.items():
        if pattern in KINDS:
            continue
        if fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}"):
            return rule
    kind = "bias" if name.rpartition(".")[2] == "bias" else owner.kind
    return parameter.init or rules.get(kind)


def initialize(
    name: str, parameter: Parameter, owner: Layer, rules: Mapping[str, Rule], config: Any
) -> None:
    """Give a parameter its first value; `name` is that in the checkpoint."""
    rule = find_rule(name, parameter, owner, rules)
    if rule is None:
        raise ConfigError(
            "no initializer is for this", key=name, hint=f"The layer's kind is {owner.kind!r}"
        )
    value = rule(parameter, config, owner)
    padding = getattr(owner, "padding_idx", None)
    if padding is not None:
        zero = tf.zeros((1, value.shape[1]), value.dtype)
        value = tf.tensor_scatter_nd_update(value, [[padding]], zero)
    parameter.assign(value)
