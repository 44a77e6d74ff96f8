"""Convolution, batch norm and pooling of TensorFlow and Flax: PyTorch's values and gradients."""

from __future__ import annotations

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F
from flax import nnx
from torch import nn
from triptych.errors import ConfigError
from triptych.pooling import mean_matrix

FRAMEWORKS = ("tensorflow", "flax")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(2, 4, 8, 11)).astype(np.float32)


def torch_gradient(call, x):
    x = torch.tensor(x, requires_grad=True)
    y = call(x)
    weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    (y * torch.tensor(weights)).sum().backward()
    return y.detach().numpy(), x.grad.numpy(), weights


def value_and_gradient(framework, call, x, weights):
    if framework == "flax":
        y = call(jnp.asarray(x))
        gradient = jax.jit(jax.grad(lambda x: (call(x) * weights).sum()))
        return np.asarray(y), np.asarray(gradient(x))
    x = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = call(x)
        total = tf.reduce_sum(y * weights)
    return y.numpy(), tf.convert_to_tensor(tape.gradient(total, x)).numpy()


def agree(framework, call, reference, x=X):
    y, gradient, weights = torch_gradient(reference, x)
    found, change = value_and_gradient(framework, call, x, weights)
    np.testing.assert_allclose(found, y, atol=1e-5)
    np.testing.assert_allclose(change, gradient, atol=1e-5)


POOLS = [
    ("max_pool2d", 3, {"stride": 2, "padding": 1}),
    ("max_pool2d", (2, 3), {}),
    ("max_pool2d", 3, {"stride": 2, "ceil_mode": True}),
    ("max_pool2d", (3, 2), {"stride": (2, 4), "padding": (1, 0), "ceil_mode": True}),
    ("avg_pool2d", 2, {}),
    ("avg_pool2d", 3, {"stride": 2, "padding": 1}),
    ("avg_pool2d", 3, {"stride": 2, "padding": 1, "count_include_pad": False}),
    ("avg_pool2d", 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    ("avg_pool2d", (2, 5), {"stride": 3, "ceil_mode": True, "count_include_pad": False}),
    ("adaptive_avg_pool2d", (1, 1), {}),
    ("adaptive_avg_pool2d", (3, 7), {}),
    ("adaptive_avg_pool2d", (13, 4), {}),
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("name", "size", "options"), POOLS)
def test_pooling(framework, name, size, options):
    ours = getattr(importlib.import_module(f"triptych.{framework}"), name)
    theirs = getattr(F, name)
    agree(framework, lambda x: ours(x, size, **options), lambda x: theirs(x, size, **options))


def test_means():
    """Parts of an axis, by hand."""
    expected = [[1 / 2, 1 / 2, 0, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3, 0], [0, 0, 0, 1 / 2, 1 / 2]]
    np.testing.assert_allclose(mean_matrix(5, 3), expected, atol=1e-7)


def layers(framework, name, *arguments):
    """A layer with PyTorch's own values."""
    module = importlib.import_module(f"triptych.{framework}")
    options = {"rngs": nnx.Rngs(0)} if framework == "flax" else {}
    return getattr(module, name)(*arguments, **options)


def fill(framework, layer, values):
    for name, tensor in values.items():
        parameter, array = getattr(layer, name), tensor.detach().numpy()
        if parameter.permutation is not None:
            array = array.transpose(parameter.permutation)
        parameter.set_value(jnp.asarray(array)) if framework == "flax" else parameter.assign(array)


CONVOLUTIONS = [  # input channels, output channels, kernel, stride, padding, dilation, groups
    (4, 6, 3, 2, (1, 2), 1, 2),
    (4, 4, 3, 1, 1, 1, 4),
    (4, 8, (3, 2), 2, 1, 1, 4),
    (4, 8, 3, (2, 1), 0, 1, 4),
    (4, 4, 3, 1, 2, 2, 4),
    (4, 4, 3, 1, 2, (2, 1), 1),
    (4, 5, (4, 3), 1, "same", 1, 1),
    (4, 4, (4, 2), 1, "same", (1, 3), 4),
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("arguments", CONVOLUTIONS)
def test_convolution(framework, arguments):
    torch.manual_seed(0)
    reference = nn.Conv2d(*arguments)
    layer = layers(framework, "Conv2d", *arguments)
    fill(framework, layer, dict(reference.named_parameters()))
    agree(framework, layer, reference)
    if framework == "tensorflow":
        weights = torch_gradient(reference, X)[2]
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(X) * weights)
        found = tape.gradient(total, layer.weight.value).numpy()
        reference.zero_grad()
        (reference(torch.tensor(X)) * torch.tensor(weights)).sum().backward()
        expected = reference.weight.grad.numpy().transpose(layer.weight.permutation)
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_same_padding_has_stride_one(framework):
    with pytest.raises(ConfigError, match="stride of 1"):
        layers(framework, "Conv2d", 1, 1, 3, 2, "same")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (3, 4, 7), (6, 4)])
def test_batch_norm(framework, shape, compiled):
    """Both modes, and the running statistics; far from zero, where squares would be inexact."""
    x = (RANDOM.normal(size=shape) * 0.3 + 20).astype(np.float32)
    reference = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(4, 1e-3, 0.3)
    with torch.no_grad():
        for i, tensor in enumerate(reference.state_dict().values()):
            if tensor.is_floating_point():
                tensor.copy_(torch.arange(4) * 0.3 + i / 2 + 0.5)
    layer = layers(framework, "BatchNorm", 4, 1e-3, 0.3)
    fill(framework, layer, reference.state_dict())
    for training in (True, False):
        reference.train(training)
        if framework == "flax":
            (layer.train if training else layer.eval)()
            graph, state = nnx.split(layer)

            def call(state, x, graph=graph):
                merged = nnx.merge(graph, state)
                return merged(x), nnx.state(merged)

            y, state = (jax.jit(call) if compiled else call)(state, x)
            nnx.update(layer, state)
        else:
            run = tf.function(layer, jit_compile=True) if compiled else layer
            y = run(tf.constant(x), training=training)
        np.testing.assert_allclose(y, reference(torch.tensor(x)).detach(), atol=2e-4)
        for name, tensor in reference.state_dict().items():
            found = np.asarray(getattr(layer, name)[...] if framework == "flax" else
                               getattr(layer, name).numpy())  # fmt: skip
            np.testing.assert_allclose(found, tensor, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_dropout_of_channels(framework):
    layer = layers(framework, "Dropout2d", 0.25)
    x = np.ones((50, 40, 2, 3), np.float32)
    assert (np.asarray(layer(x)) == 1).all()
    if framework == "flax":
        layer.train()
    y = np.asarray(layer(x) if framework == "flax" else layer(tf.constant(x), training=True))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y == y[:, :, :1, :1]).all() and abs((y == 0).mean() - 0.25) < 0.05
