"""A model's weights as the loop of a search reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from ..base import value
from ..layers import Linear


@contextlib.contextmanager
def read_outside(model: Any) -> Iterator[None]:
    """Inside, a model reads no variable: all were read before.

    TensorFlow copies a variable at each use as soon as rows of it have been looked up, and XLA
    what a loop reads by itself.
    """
    read = [(variable, tf.convert_to_tensor(variable.value)) for variable in model.variables]
    with keras.StatelessScope(state_mapping=read), _biases_as_rows(model):
        yield


@contextlib.contextmanager
def _biases_as_rows(model: Any) -> Iterator[None]:
    """Inside, linear layers add biases of as many axes as their products have.

    XLA fuses the product of one row with a vector that is added, and computes what it has fused
    on one core.
    """
    layers = [x for x in model._flatten_layers() if isinstance(x, Linear) and x.bias is not None]
    for layer in layers:
        vars(layer)["call"] = _WithRow(layer)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["call"]


class _WithRow:
    """The call of a linear layer, whose bias gets its axes outside of any loop."""

    def __init__(self, layer: Linear):
        bias = value(layer.bias)
        self.layer = layer
        self.rows = {rank: tf.reshape(bias, [1] * (rank - 1) + [-1]) for rank in (2, 3)}

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        layer, row = self.layer, self.rows.get(x.shape.rank)
        call = type(layer).call
        if row is None:
            return call(layer, x)
        bias, vars(layer)["bias"] = layer.bias, None
        try:
            return call(layer, x) + row
        finally:
            vars(layer)["bias"] = bias
