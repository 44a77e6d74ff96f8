"""Recurrent layers."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from .base import LINEAR, Layer, Parameter, value
from .initialization import uniform


class LSTM(Layer):
    """Layers of long short-term memory (Hochreiter, Schmidhuber 1997): [b, s, in] -> [b, s, out].

    States start from 0. The rows of the weights are the input, forget, cell and output gates.
    """

    kind = "lstm"

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, rngs: nnx.Rngs):
        self.hidden_size, self.num_layers = hidden_size, num_layers
        bound = 1 / math.sqrt(hidden_size)
        for i in range(num_layers):
            sizes = {
                f"weight_ih_l{i}": (4 * hidden_size, hidden_size if i else input_size),
                f"weight_hh_l{i}": (4 * hidden_size, hidden_size),
                f"bias_ih_l{i}": (4 * hidden_size,),
                f"bias_hh_l{i}": (4 * hidden_size,),
            }
            for name, size in sizes.items():
                order = LINEAR if len(size) == 2 else None
                init = uniform(-bound, bound)
                setattr(self, name, Parameter(size, permutation=order, init=init, rngs=rngs))

    def __call__(self, x: jax.Array) -> jax.Array:
        for i in range(self.num_layers):
            x = self._layer(x, i)
        return x

    def _layer(self, x: jax.Array, i: int) -> jax.Array:
        bias = value(getattr(self, f"bias_ih_l{i}")) + value(getattr(self, f"bias_hh_l{i}"))
        outer = value(getattr(self, f"weight_hh_l{i}"))
        inputs = jnp.einsum("bsd,dh->sbh", x, value(getattr(self, f"weight_ih_l{i}"))) + bias
        zeros = jnp.zeros((x.shape[0], self.hidden_size), inputs.dtype)

        def step(state: tuple, inputs: jax.Array) -> tuple:
            hidden, cell = state
            enter, forget, new, leave = jnp.split(inputs + hidden @ outer, 4, axis=-1)
            cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(enter) * jnp.tanh(new)
            hidden = jax.nn.sigmoid(leave) * jnp.tanh(cell)
            return (hidden, cell), hidden

        _, hidden = lax.scan(step, (zeros, zeros), inputs)
        return hidden.transpose(1, 0, 2)
