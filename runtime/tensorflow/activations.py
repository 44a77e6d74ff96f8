"""Every activation that configurations may name."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from ..errors import ConfigError, nearest
from .base import Layer, Parameter, value
from .initialization import constant

Activation = Callable[[tf.Tensor], tf.Tensor]

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


def _wide(function: Activation) -> Activation:
    """Compute half precision inputs in float32, and round once."""

    @functools.wraps(function)
    def wrapped(x: tf.Tensor) -> tf.Tensor:
        if x.dtype in (tf.bfloat16, tf.float16):
            return tf.cast(function(tf.cast(x, tf.float32)), x.dtype)
        return function(x)

    return wrapped


@_wide
def gelu(x: tf.Tensor) -> tf.Tensor:
    """x Phi(x), with the normal distribution's Phi."""
    return tf.nn.gelu(x, approximate=False)


@_wide
def gelu_tanh(x: tf.Tensor) -> tf.Tensor:
    """GELU with Phi approximated by a tanh."""
    return tf.nn.gelu(x, approximate=True)


@_wide
def gelu_accurate(x: tf.Tensor) -> tf.Tensor:
    """The same approximation, written with a cube."""
    return 0.5 * x * (1 + tf.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)))


@_wide
def gelu_fast(x: tf.Tensor) -> tf.Tensor:
    """The same approximation with a rounded constant."""
    return 0.5 * x * (1 + tf.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))


@_wide
def gelu_10(x: tf.Tensor) -> tf.Tensor:
    """GELU, at most 10 in size."""
    return tf.clip_by_value(gelu(x), -10.0, 10.0)


@_wide
def quick_gelu(x: tf.Tensor) -> tf.Tensor:
    """x sigmoid(1.702 x)."""
    return x * tf.sigmoid(1.702 * x)


@_wide
def laplace(x: tf.Tensor) -> tf.Tensor:
    """A normal distribution function that approximates the square of a ReLU."""
    mean, deviation = 0.707107, 0.282095
    return 0.5 * (1 + tf.math.erf((x - mean) / (deviation * math.sqrt(2))))


@_wide
def mish(x: tf.Tensor) -> tf.Tensor:
    """x tanh(softplus(x))."""
    return x * tf.tanh(tf.math.softplus(x))


@_wide
def silu(x: tf.Tensor) -> tf.Tensor:
    """x sigmoid(x)."""
    return tf.nn.silu(x)


def relu2(x: tf.Tensor) -> tf.Tensor:
    """The square of a ReLU."""
    return tf.square(tf.nn.relu(x))


def leaky_relu(x: tf.Tensor) -> tf.Tensor:
    """x, or x / 100 below zero."""
    return tf.nn.leaky_relu(x, alpha=0.01)


class PReLU(Layer):
    """x, or below zero a learned multiple of x."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(self, "weight", (1,), init=constant(0.25))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.where(x > 0, x, value(self.weight) * x)


class XIELU(Layer):
    """Quadratic above zero, exponential below, with learned factors (Huang et al. 2024)."""

    def __init__(self) -> None:
        super().__init__()
        positive, negative, beta = 0.8, 0.8, 0.5
        self.alpha_p = Parameter(self, "alpha_p", (1,), init=constant(_inverse_softplus(positive)))
        below = _inverse_softplus(negative - beta)
        self.alpha_n = Parameter(self, "alpha_n", (1,), init=constant(below))
        self.beta = Parameter(self, "beta", (), trainable=False, init=constant(beta))
        self.eps = Parameter(self, "eps", (), trainable=False, init=constant(-1e-6))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        beta = value(self.beta)
        above = tf.math.softplus(value(self.alpha_p))
        below = beta + tf.math.softplus(value(self.alpha_n))
        exponential = (tf.math.expm1(tf.minimum(x, value(self.eps))) - x) * below + beta * x
        return tf.where(x > 0, above * x * x + beta * x, exponential)


def _inverse_softplus(y: float) -> float:
    return math.log(math.expm1(y))


FUNCTIONS: dict[str, Activation] = {
    "gelu": gelu,
    "gelu_10": gelu_10,
    "gelu_accurate": gelu_accurate,
    "gelu_fast": gelu_fast,
    "gelu_new": gelu_tanh,
    "gelu_python": gelu,
    "gelu_python_tanh": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "laplace": laplace,
    "leaky_relu": leaky_relu,
    "linear": tf.identity,
    "mish": mish,
    "quick_gelu": quick_gelu,
    "relu": tf.nn.relu,
    "relu2": relu2,
    "relu6": tf.nn.relu6,
    "sigmoid": tf.sigmoid,
    "silu": silu,
    "swish": silu,
    "tanh": tf.tanh,
}
LAYERS: dict[str, type[Layer]] = {"prelu": PReLU, "xielu": XIELU}


def activation(name: str) -> Activation:
    """The function of this name; a new layer where it has learned values."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in LAYERS:
        return LAYERS[name]()
    names = sorted((*FUNCTIONS, *LAYERS))
    raise ConfigError(f"no activation is called {name!r}", hint=nearest(name, names))
