"""The cheapest assignment, against all permutations."""

import itertools

import numpy as np
import pytest
from triptych.assignment import assign

FRAMEWORKS = ("pytorch", "tensorflow", "flax")


def least(cost):
    """The least sum over assignments of as many columns as possible."""
    rows, columns = cost.shape
    if columns > rows:
        return least(cost.T)
    taken = itertools.permutations(range(rows), columns)
    return min(sum(cost[row, column] for column, row in enumerate(chosen)) for chosen in taken)


def total(cost, rows):
    there = rows >= 0
    assert there.sum() == min(cost.shape) and len(set(rows[there])) == there.sum()
    return cost[rows[there], np.flatnonzero(there)].sum()


@pytest.mark.parametrize("shape", [(6, 4), (5, 5), (3, 6), (7, 1), (4, 0)])
def test_assign(shape):
    random = np.random.default_rng(0)
    for _ in range(20):
        cost = random.normal(size=shape)
        assert total(cost, assign(cost)) == pytest.approx(least(cost) if cost.size else 0)


def test_ties_and_equal_costs():
    assert sorted(assign(np.zeros((3, 3)))) == [0, 1, 2]
    cost = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    assert total(cost, assign(cost)) == 1.0


def kernel(framework):
    """The framework's function from and to numpy, as it is and compiled."""
    if framework == "pytorch":
        import torch
        from triptych.pytorch.assignment import linear_assignment

        def call(*arrays, function=linear_assignment):
            return function(*map(torch.from_numpy, arrays)).numpy()

        return call, torch.compile(linear_assignment)
    if framework == "tensorflow":
        import tensorflow as tf
        from triptych.tensorflow.assignment import linear_assignment

        def call(*arrays, function=linear_assignment):
            return function(*map(tf.constant, arrays)).numpy()

        return call, tf.function(linear_assignment, jit_compile=True)
    import jax
    import jax.numpy as jnp
    from triptych.flax.assignment import linear_assignment

    def call(*arrays, function=linear_assignment):
        return np.asarray(function(*map(jnp.asarray, arrays)))

    return call, jax.jit(linear_assignment)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("shape", [(3, 6, 4), (2, 3, 5), (2, 4, 0)])
def test_linear_assignment(framework, shape):
    call, compiled = kernel(framework)
    random = np.random.default_rng(1)
    cost = random.normal(size=shape).astype(np.float32)
    counts = np.array([shape[2], 0, 2][: shape[0]], np.int64)
    rows = call(cost, counts)
    for row, one, count in zip(rows, cost, counts, strict=True):
        assert (row[count:] == -1).all()
        wanted = least(one[:, :count]) if count else 0
        assert total(one[:, :count], row[:count]) == pytest.approx(wanted, abs=1e-5)
    assert (call(cost, counts, function=compiled) == rows).all()
