"""RWKV's attention: three frameworks against its definition in numpy, gradients against them."""

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow as tf
import torch
from triptych import flax as ours_flax
from triptych import pytorch as ours_pytorch
from triptych import tensorflow as ours_tensorflow

RANDOM = np.random.default_rng(6)
B, S, D = 2, 6, 3
KEYS, VALUES = (RANDOM.normal(size=(B, S, D)).astype(np.float32) for _ in range(2))
DECAY = np.abs(RANDOM.normal(size=D)).astype(np.float32)
FIRST = RANDOM.normal(size=D).astype(np.float32)
EMPTY = np.zeros((B, 3, D), np.float32)
EMPTY[:, 2] = -1e38
INPUTS = (KEYS, VALUES, DECAY, FIRST)


def reference(keys, values, decay, first):
    outputs = []
    for t in range(S):
        ages = t - 1 - np.arange(t)
        weights = np.exp(keys[:, :t] - ages[:, None] * decay)
        own = np.exp(keys[:, t] + first)
        total = (weights * values[:, :t]).sum(1) + own * values[:, t]
        outputs.append(total / (weights.sum(1) + own))
    return np.stack(outputs, 1)


WIDE = [a.astype(np.float64) for a in INPUTS]
EXPECTED = reference(*WIDE)
DIRECTIONS = [RANDOM.normal(size=a.shape) for a in INPUTS]


def slope(place, step=1e-6):
    ends = []
    for sign in (1, -1):
        moved = list(WIDE)
        moved[place] = moved[place] + sign * step * DIRECTIONS[place]
        ends.append((reference(*moved) ** 2).sum())
    return (ends[0] - ends[1]) / (2 * step)


SLOPES = [slope(place) for place in range(4)]


def check(output, gradients):
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-4, atol=1e-5)
    along = [float((g * d).sum()) for g, d in zip(gradients, DIRECTIONS, strict=True)]
    np.testing.assert_allclose(along, SLOPES, rtol=1e-3, atol=1e-3)


def test_pytorch():
    inputs = [torch.tensor(a, requires_grad=True) for a in INPUTS]
    output, _ = ours_pytorch.wkv(*inputs, torch.from_numpy(EMPTY))
    (output**2).sum().backward()
    check(output.detach().numpy(), [a.grad.numpy() for a in inputs])


def test_tensorflow():
    @tf.function(jit_compile=True)
    def run(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output, _ = ours_tensorflow.wkv(*inputs, tf.constant(EMPTY))
            total = tf.reduce_sum(output**2)
        return output, tape.gradient(total, inputs)

    output, gradients = run(*map(tf.constant, INPUTS))
    check(output.numpy(), [g.numpy() for g in gradients])


def test_flax():
    def run(*inputs):
        return ours_flax.wkv(*inputs, jnp.asarray(EMPTY))[0]

    gradient = jax.grad(lambda *a: (run(*a) ** 2).sum(), argnums=(0, 1, 2, 3))
    check(jax.jit(run)(*INPUTS), [np.asarray(g) for g in jax.jit(gradient)(*INPUTS)])


def test_a_sequence_in_two_calls():
    for library, make in ((ours_pytorch, torch.from_numpy), (ours_flax, jnp.asarray)):
        state, parts = make(EMPTY), []
        for part in (slice(0, 4), slice(4, S)):
            keys, values = make(KEYS[:, part]), make(VALUES[:, part])
            output, state = library.wkv(keys, values, make(DECAY), make(FIRST), state)
            parts.append(np.asarray(output))
        np.testing.assert_allclose(np.concatenate(parts, 1), EXPECTED, rtol=1e-4, atol=1e-5)
