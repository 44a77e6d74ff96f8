"""Sizes that depend on values: known where values can be read, bounded where code is compiled."""

import importlib

import numpy as np
import pytest

FRAMEWORKS = ("pytorch", "tensorflow", "flax")


def array_of(framework):
    """A framework's function from numbers to its tensors, and its compiler."""
    if framework == "pytorch":
        import torch

        compiler = lambda f: torch.compile(f, backend="eager", fullgraph=True)  # noqa: E731
        return torch.tensor, compiler
    if framework == "tensorflow":
        import tensorflow as tf

        return tf.constant, tf.function
    import jax

    return jax.numpy.asarray, jax.jit


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_value_or_bound(framework):
    bounded = importlib.import_module(f"triptych.{framework}").bounded
    array, compiled = array_of(framework)
    assert bounded(array(3), 5) == 3
    assert bounded(array(7), 5) == 5

    def head(x, count):
        return x[: bounded(count, 5)]

    x = array(np.arange(9))
    assert np.asarray(head(x, array(3))).tolist() == [0, 1, 2]
    assert np.asarray(compiled(head)(x, array(3))).tolist() == [0, 1, 2, 3, 4]
