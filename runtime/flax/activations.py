"""Activation functions by the names that configurations use.

Each computes in float32 (or better) and returns the dtype that it was given.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from ..activations import ACTIVATIONS
from ..errors import ConfigError, nearest, show
from .base import Buffer, Parameter, at_least_float32, value
from .initialization import constant

Activation = Callable[[jax.Array], jax.Array]
_functions: dict[str, Activation] = {}


def _named(*names: str) -> Callable[[Activation], Activation]:
    def register(function: Activation) -> Activation:
        @functools.wraps(function)
        def wide(x: jax.Array) -> jax.Array:
            x = jnp.asarray(x)
            return function(at_least_float32(x)).astype(x.dtype)

        _functions.update(dict.fromkeys(names, wide))
        return wide

    return register


@_named("gelu", "gelu_python")
def gelu(x):
    return 0.5 * x * (1.0 + lax.erf(x * math.sqrt(0.5)))


@_named("gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate")
def gelu_tanh(x):
    return 0.5 * x * (1.0 + jnp.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


@_named("gelu_fast")
def gelu_fast(x):
    return 0.5 * x * (1.0 + jnp.tanh(0.7978845608 * x * (1.0 + 0.044715 * x * x)))


@_named("gelu_10")
def gelu_10(x):
    return jnp.clip(gelu(x), -10.0, 10.0)


@_named("quick_gelu")
def quick_gelu(x):
    return x * jax.nn.sigmoid(1.702 * x)


@_named("laplace")
def laplace(x, mean=0.707107, deviation=0.282095):
    return 0.5 * (1.0 + lax.erf((x - mean) / (deviation * math.sqrt(2.0))))


@_named("leaky_relu")
def leaky_relu(x):
    return jnp.where(x >= 0, x, 0.01 * x)


@_named("linear")
def linear(x):
    return x


@_named("mish")
def mish(x):
    return x * jnp.tanh(jax.nn.softplus(x))


@_named("relu")
def relu(x):
    return jax.nn.relu(x)


@_named("relu2")
def relu2(x):
    return jnp.square(jax.nn.relu(x))


@_named("relu6")
def relu6(x):
    return jnp.clip(x, 0.0, 6.0)


@_named("sigmoid")
def sigmoid(x):
    return jax.nn.sigmoid(x)


@_named("silu", "swish")
def silu(x):
    return x * jax.nn.sigmoid(x)


@_named("tanh")
def tanh(x):
    return jnp.tanh(x)


class PReLU(nnx.Module):
    """ReLU whose negative side has a slope that is learned."""

    own_rules = {"weight": constant(0.25)}

    def __init__(self):
        self.weight = Parameter(1, init=self.own_rules["weight"])

    def __call__(self, x):
        x = jnp.asarray(x)
        return jnp.where(x >= 0, x, value(self.weight).astype(x.dtype) * x)


class XIELU(nnx.Module):
    """Integral of ELU with learned curvature on both sides (Huang and Schlag 2024)."""

    # softplus of the two parameters starts at 0.8 and at 0.8 - beta
    own_rules = {
        "alpha_p": constant(math.log(math.expm1(0.8))),
        "alpha_n": constant(math.log(math.expm1(0.3))),
        "beta": constant(0.5),
        "eps": constant(-1e-6),
    }

    def __init__(self):
        rules = self.own_rules
        self.alpha_p = Parameter(1, init=rules["alpha_p"])
        self.alpha_n = Parameter(1, init=rules["alpha_n"])
        self.beta = Parameter((), init=rules["beta"], kind=Buffer)
        self.eps = Parameter((), init=rules["eps"], kind=Buffer)

    def __call__(self, x):
        x = jnp.asarray(x)
        wide = at_least_float32(x)
        leaves = (self.alpha_p, self.alpha_n, self.beta, self.eps)
        alpha_p, alpha_n, beta, eps = (leaf[...].astype(wide.dtype) for leaf in leaves)
        alpha_p, alpha_n = jax.nn.softplus(alpha_p), beta + jax.nn.softplus(alpha_n)
        positive = alpha_p * wide * wide
        negative = (jnp.expm1(jnp.minimum(wide, eps)) - wide) * alpha_n
        return (jnp.where(wide > 0, positive, negative) + beta * wide).astype(x.dtype)


_learned = {"prelu": PReLU, "xielu": XIELU}


def activation(name: str) -> Activation:
    """The activation of that name: a function, or a module where it has parameters."""
    if name in _learned:
        return _learned[name]()
    if name in _functions:
        return _functions[name]
    raise ConfigError(
        expected="the name of an activation function",
        found=show(name),
        hint=nearest(name, ACTIVATIONS),
    )
