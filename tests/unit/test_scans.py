"""The selective scan: three frameworks against a loop in numpy, gradients against differences."""

import jax
import numpy as np
import tensorflow as tf
import torch
from triptych import flax as ours_flax
from triptych import pytorch as ours_pytorch
from triptych import tensorflow as ours_tensorflow

RANDOM = np.random.default_rng(4)
B, S, D, N = 2, 5, 3, 4


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


INPUTS = (
    draw(B, S, D),  # x
    np.abs(draw(B, S, D)),  # steps
    -np.abs(draw(D, N)),  # decay
    draw(B, S, N),  # into
    draw(B, S, N),  # out
    draw(B, D, N),  # state
)


def reference(x, steps, decay, into, out, state):
    outputs = []
    for t in range(S):
        state = np.exp(steps[:, t, :, None] * decay) * state
        state = state + (steps[:, t] * x[:, t])[..., None] * into[:, t, None]
        outputs.append((state * out[:, t, None]).sum(-1))
    return np.stack(outputs, 1), state


def objective(y, last):
    return (y**2).sum() + (last**2).sum()


WIDE = [a.astype(np.float64) for a in INPUTS]
EXPECTED = reference(*WIDE)
DIRECTIONS = [draw(*a.shape) for a in INPUTS]


def slope(place, step=1e-6):
    ends = []
    for sign in (1, -1):
        moved = list(WIDE)
        moved[place] = moved[place] + sign * step * DIRECTIONS[place]
        ends.append(objective(*reference(*moved)))
    return (ends[0] - ends[1]) / (2 * step)


SLOPES = [slope(place) for place in range(len(INPUTS))]


def check(outputs, gradients):
    for found, expected in zip(outputs, EXPECTED, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    along = [float((g * d).sum()) for g, d in zip(gradients, DIRECTIONS, strict=True)]
    np.testing.assert_allclose(along, SLOPES, rtol=1e-3, atol=1e-2)


def test_pytorch():
    inputs = [torch.tensor(a, requires_grad=True) for a in INPUTS]
    outputs = ours_pytorch.selective_scan(*inputs)
    objective(*outputs).backward()
    check([a.detach().numpy() for a in outputs], [a.grad.numpy() for a in inputs])


def test_tensorflow():
    @tf.function(jit_compile=True)
    def run(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y, last = ours_tensorflow.selective_scan(*inputs)
            total = tf.reduce_sum(y**2) + tf.reduce_sum(last**2)
        return (y, last), tape.gradient(total, inputs)

    outputs, gradients = run(*map(tf.constant, INPUTS))
    check([a.numpy() for a in outputs], [g.numpy() for g in gradients])


def test_flax():
    run = ours_flax.selective_scan
    gradient = jax.grad(lambda *a: objective(*run(*a)), argnums=tuple(range(6)))
    check(jax.jit(run)(*INPUTS), [np.asarray(g) for g in jax.jit(gradient)(*INPUTS)])


def test_positions_one_by_one_are_the_whole():
    y, last = reference(*INPUTS)
    for library, make in ((ours_pytorch, torch.from_numpy), (ours_flax, np.asarray)):
        x, steps, decay, into, out, state = map(make, INPUTS)
        parts = []
        for t in range(S):
            now = (a[:, t : t + 1] for a in (x, steps))
            reads = (a[:, t : t + 1] for a in (into, out))
            part, state = library.selective_scan(*now, decay, *reads, state)
            parts.append(np.asarray(part))
        np.testing.assert_allclose(np.concatenate(parts, 1), y, atol=1e-4)
        np.testing.assert_allclose(np.asarray(state), last, atol=1e-4)
