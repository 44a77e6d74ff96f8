"""Recurrent layers."""

from __future__ import annotations

import tensorflow as tf

from .base import Layer, Parameter, value
from .functional import shape_of


class LSTM(Layer):
    """Layers of long short-term memory (Hochreiter, Schmidhuber 1997): [b, s, in] -> [b, s, out].

    States start from 0. The rows of the weights are the input, forget, cell and output gates.
    """

    kind = "lstm"

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        for i in range(num_layers):
            sizes = {
                f"weight_ih_l{i}": (4 * hidden_size, hidden_size if i else input_size),
                f"weight_hh_l{i}": (4 * hidden_size, hidden_size),
                f"bias_ih_l{i}": (4 * hidden_size,),
                f"bias_hh_l{i}": (4 * hidden_size,),
            }
            for name, size in sizes.items():
                order = (1, 0) if len(size) == 2 else None
                setattr(self, name, Parameter(self, name, size, permutation=order))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        for i in range(self.num_layers):
            x = self._layer(x, i)
        return x

    def _layer(self, x: tf.Tensor, i: int) -> tf.Tensor:
        bias = value(getattr(self, f"bias_ih_l{i}")) + value(getattr(self, f"bias_hh_l{i}"))
        outer = value(getattr(self, f"weight_hh_l{i}"))
        batch, length, _ = shape_of(x)
        inputs = tf.einsum("bsd,dh->sbh", x, value(getattr(self, f"weight_ih_l{i}"))) + bias
        steps = tf.TensorArray(x.dtype, length, element_shape=(x.shape[0], outer.shape[1]))
        steps = steps.unstack(inputs)
        results = tf.TensorArray(x.dtype, length, element_shape=(x.shape[0], self.hidden_size))
        zeros = tf.zeros((batch, self.hidden_size), x.dtype)

        def step(t, hidden, cell, results):
            gates = steps.read(t) + tf.matmul(hidden, outer)
            enter, forget, new, leave = tf.split(gates, 4, axis=-1)
            cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(new)
            hidden = tf.sigmoid(leave) * tf.tanh(cell)
            return t + 1, hidden, cell, results.write(t, hidden)

        *_, results = tf.while_loop(
            lambda t, *_: t < length, step, (0, zeros, zeros, results), maximum_iterations=length
        )
        return tf.transpose(results.stack(), (1, 0, 2))
