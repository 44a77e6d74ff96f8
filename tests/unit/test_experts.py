"""Mixtures of experts: three frameworks against a loop in numpy, with gradients of a finite sum."""

import jax
import numpy as np
import tensorflow as tf
import torch
from triptych import flax as ours_flax
from triptych import pytorch as ours_pytorch
from triptych import tensorflow as ours_tensorflow

RANDOM = np.random.default_rng(3)
ROWS, CHOSEN, EXPERTS, WIDTH, INNER = 7, 2, 5, 4, 6


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


X, WEIGHTS = draw(ROWS, WIDTH), draw(ROWS, CHOSEN)
# expert 3 is nobody's choice
INDEX = np.array([[0, 1], [1, 0], [2, 4], [4, 1], [0, 2], [2, 0], [4, 0]], np.int32)
MATRICES = draw(EXPERTS, INNER, WIDTH), draw(EXPERTS, INNER, WIDTH), draw(EXPERTS, WIDTH, INNER)


def reference(x, weights, gate, up, down):
    """Row by row, in float64."""
    x, weights, gate, up, down = (a.astype(np.float64) for a in (x, weights, gate, up, down))
    total = np.zeros_like(x)
    for row in range(ROWS):
        for choice in range(CHOSEN):
            expert = INDEX[row, choice]
            inner = np.tanh(gate[expert] @ x[row]) * (up[expert] @ x[row])
            total[row] += weights[row, choice] * (down[expert] @ inner)
    return total


def slopes():
    """The gradient of the sum of squares along one direction of every input, by differences."""
    inputs = (X, WEIGHTS, *MATRICES)
    directions = [draw(*a.shape) for a in inputs]
    step = 1e-6
    found = []
    for place, direction in enumerate(directions):
        ends = []
        for sign in (1, -1):
            moved = [a.astype(np.float64) for a in inputs]
            moved[place] = moved[place] + sign * step * direction
            ends.append((reference(*moved) ** 2).sum())
        found.append((ends[0] - ends[1]) / (2 * step))
    return directions, found


EXPECTED = reference(X, WEIGHTS, *MATRICES)
DIRECTIONS, SLOPES = slopes()


def check(output, gradients):
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-4, atol=1e-4)
    along = [float((g * d).sum()) for g, d in zip(gradients, DIRECTIONS, strict=True)]
    np.testing.assert_allclose(along, SLOPES, rtol=1e-3, atol=1e-2)


def test_pytorch():
    def run(*inputs):
        x, weights, *matrices = inputs
        return ours_pytorch.mixture_of_experts(
            x, weights, torch.from_numpy(INDEX).long(), *matrices, torch.tanh
        )

    for call in (run, torch.compile(run, backend="aot_eager", fullgraph=True)):
        inputs = [torch.tensor(a, requires_grad=True) for a in (X, WEIGHTS, *MATRICES)]
        output = call(*inputs)
        (output**2).sum().backward()
        check(output.detach().numpy(), [a.grad.numpy() for a in inputs])


def test_tensorflow():
    @tf.function(jit_compile=True)
    def run(*inputs):
        x, weights, *matrices = inputs
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = ours_tensorflow.mixture_of_experts(x, weights, INDEX, *matrices, tf.tanh)
            total = tf.reduce_sum(output**2)
        return output, tape.gradient(total, inputs)

    output, gradients = run(*map(tf.constant, (X, WEIGHTS, *MATRICES)))
    check(output.numpy(), [g.numpy() for g in gradients])


def test_without_a_gate():
    _, up, down = MATRICES
    expected = np.zeros_like(X)
    for row, choices in enumerate(INDEX):
        for weight, expert in zip(WEIGHTS[row], choices, strict=True):
            expected[row] += weight * (down[expert] @ np.tanh(up[expert] @ X[row]))
    tensors = [torch.from_numpy(a) for a in (X, WEIGHTS, INDEX)]
    matrices = [torch.from_numpy(a) for a in (up, down)]
    found = [
        ours_pytorch.mixture_of_experts(*tensors, None, *matrices, torch.tanh),
        ours_tensorflow.mixture_of_experts(X, WEIGHTS, INDEX, None, up, down, tf.tanh),
        ours_flax.mixture_of_experts(X, WEIGHTS, INDEX, None, up, down, jax.numpy.tanh),
    ]
    for output in found:
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)


def test_flax():
    def run(x, weights, *matrices):
        return ours_flax.mixture_of_experts(x, weights, INDEX, *matrices, jax.numpy.tanh)

    inputs = (X, WEIGHTS, *MATRICES)
    gradient = jax.grad(lambda *a: (run(*a) ** 2).sum(), argnums=tuple(range(5)))
    check(jax.jit(run)(*inputs), [np.asarray(g) for g in jax.jit(gradient)(*inputs)])
