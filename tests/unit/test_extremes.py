"""Largest and smallest entries: values and gradients of compiled programs, as PyTorch has them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch
from triptych import flax as ours_flax
from triptych import tensorflow as ours_tensorflow

X = np.random.default_rng(5).normal(size=(3, 4, 5)).astype(np.float32)
W = np.random.default_rng(6).normal(size=(5, 6)).astype(np.float32)


@pytest.mark.parametrize("name", ["largest", "smallest"])
@pytest.mark.parametrize("axis", [1, -1, (0, 2), None])
def test_values_and_gradients(name, axis):
    x = torch.from_numpy(X).requires_grad_()
    reduce = torch.amax if name == "largest" else torch.amin
    expected = reduce(torch.tanh(x) @ torch.from_numpy(W), dim=() if axis is None else axis)
    (expected**2).sum().backward()

    @tf.function(jit_compile=True)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = getattr(ours_tensorflow, name)(tf.tanh(x) @ W, axis=axis)
            total = tf.reduce_sum(y**2)
        return y, tape.gradient(total, x)

    def total(x):
        y = getattr(ours_flax, name)(jnp.tanh(x) @ W, axis=axis)
        return (y**2).sum(), y

    gradient, (_, y) = jax.jit(lambda x: (jax.grad(lambda x: total(x)[0])(x), total(x)))(X)
    for found, slope in (both(tf.constant(X)), (y, gradient)):
        np.testing.assert_allclose(found, expected.detach(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(slope, x.grad, rtol=1e-4, atol=1e-5)
