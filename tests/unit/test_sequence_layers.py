"""Convolutions of sequences, weight norm, group norm, LSTM and CTC: three frameworks and formulas.

What PyTorch's own layers compute is the measure for the other two; PyTorch's come from formulas.
"""

import itertools

import jax
import numpy as np
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F
from flax import nnx
from triptych import flax as ours_flax
from triptych import pytorch as ours_pytorch
from triptych import tensorflow as ours_tensorflow
from triptych.flax.weights import fill
from triptych.flax.weights import leaves as flax_leaves
from triptych.tensorflow.weights import leaves as tensorflow_leaves

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def filled(framework, name, values, *arguments, **options):
    """A layer of a framework with these values of its tensors, in checkpoint layout."""
    if framework == "flax":
        layer = getattr(ours_flax, name)(*arguments, **options, rngs=nnx.Rngs(0))
        fill(flax_leaves(layer), lambda leaf: values[leaf.name])
        return layer
    layer = getattr(ours_tensorflow, name)(*arguments, **options)
    for leaf in tensorflow_leaves(layer):
        leaf.assign(values[leaf.name])
    return layer


def check(layer, name, x, *arguments, tolerance=1e-5, **options):
    """The output, and the gradients of a sum of squares, of a PyTorch layer and of ours."""
    inputs = torch.from_numpy(x).requires_grad_()
    expected = layer(inputs)
    (expected**2).sum().backward()
    values = {key: value.detach().numpy() for key, value in layer.state_dict().items()}

    module = filled("tensorflow", name, values, *arguments, **options)

    @tf.function(jit_compile=True)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = module(x)
            total = tf.reduce_sum(y**2)
        return y, tape.gradient(total, x)

    for call in (both, both.python_function):
        y, gradient = call(tf.constant(x))
        np.testing.assert_allclose(y, expected.detach(), atol=tolerance)
        np.testing.assert_allclose(gradient, inputs.grad, atol=10 * tolerance)

    module = filled("flax", name, values, *arguments, **options)
    np.testing.assert_allclose(module(x), expected.detach(), atol=tolerance)
    gradient = jax.jit(jax.grad(lambda x: (module(x) ** 2).sum()))(x)
    np.testing.assert_allclose(gradient, inputs.grad, atol=10 * tolerance)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 3, "bias": False},
        {"dilation": 3, "padding": 2},
        {"groups": 2, "weight_norm": 2},
        {"weight_norm": 0, "stride": 3},
    ],
)
def test_conv1d(options):
    kind = ours_pytorch.NormedConv1d if "weight_norm" in options else torch.nn.Conv1d
    check(kind(4, 6, 3, **options), "Conv1d", draw(2, 4, 11), 4, 6, 3, **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": (2, 3, 1), "bias": False}, {"stride": 2, "padding": (1, 0, 2)}],
)
def test_conv3d(options):
    layer = torch.nn.Conv3d(3, 4, (2, 3, 2), **options)
    check(layer, "Conv3d", draw(2, 3, 5, 8, 6), 3, 4, (2, 3, 2), **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 3, "padding": 1, "output_padding": 2, "bias": False},
        {"stride": 5, "groups": 2},
        {"weight_norm": 0, "stride": 2},
    ],
)
def test_conv_transpose1d(options):
    kind = torch.nn.ConvTranspose1d
    if "weight_norm" in options:
        kind = ours_pytorch.NormedConvTranspose1d
    check(kind(4, 6, 4, **options), "ConvTranspose1d", draw(2, 4, 7), 4, 6, 4, **options)


@pytest.mark.parametrize("axis", [0, 2, None])
def test_weight_norm(axis):
    layer = ours_pytorch.NormedConv1d(4, 6, 3, weight_norm=axis)
    plain = torch.nn.Conv1d(4, 6, 3)
    if axis is not None:
        plain = torch.nn.utils.parametrizations.weight_norm(plain, dim=axis)
    assert set(layer.state_dict()) == set(plain.state_dict())
    plain.load_state_dict(layer.state_dict())
    x = torch.from_numpy(draw(2, 4, 9))
    assert torch.allclose(layer(x), plain(x), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 6, 5), (3, 6), (2, 6, 4, 3)])
def test_group_norm(shape):
    layer = torch.nn.GroupNorm(3, 6, eps=1e-3)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    check(layer, "GroupNorm", draw(*shape), 3, 6, eps=1e-3)


def test_lstm():
    layer = ours_pytorch.LSTM(3, 4, 2)
    own = torch.nn.LSTM(3, 4, 2, batch_first=True)
    own.load_state_dict(layer.state_dict())
    x = draw(2, 5, 3)
    expected = own(torch.from_numpy(x))[0]
    assert torch.equal(layer(torch.from_numpy(x)), expected)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(torch.from_numpy(x)), expected, atol=1e-6)
    check(layer, "LSTM", x, 3, 4, 2)


def all_alignments(scores, labels, blank):
    """-log of the sum over every path that collapses to the labels."""
    total = -np.inf
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        merged = [k for k, _ in itertools.groupby(path)]
        if [k for k in merged if k != blank] == list(labels):
            total = np.logaddexp(total, scores[np.arange(len(path)), path].sum())
    return -total


LABELS = np.array([[1, -100, 2, 2], [2, 1, -100, -100], [-100] * 4])
LENGTHS = np.array([5, 4, 3])


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("short", [False, True])
def test_ctc_loss(reduction, short):
    logits = draw(3, 5, 3)
    lengths = np.array([3, 4, 3]) if short else LENGTHS
    scores = F.log_softmax(torch.from_numpy(logits).double(), -1).numpy()
    losses = np.array(
        [
            all_alignments(row[:length], labels[labels >= 0], 0)
            for row, length, labels in zip(scores, lengths, LABELS, strict=True)
        ]
    )
    assert np.isinf(losses[0]) == short
    losses = np.where(np.isinf(losses), 0, losses)
    counts = np.maximum((LABELS >= 0).sum(-1), 1)
    expected = losses.sum() if reduction == "sum" else (losses / counts).mean()
    options = {"reduction": reduction, "zero_infinity": short}

    inputs = torch.from_numpy(logits).requires_grad_()
    targets = torch.from_numpy(LABELS), torch.from_numpy(lengths)
    for call in (
        ours_pytorch.ctc_loss,
        torch.compile(ours_pytorch.ctc_loss, backend="aot_eager", fullgraph=True),
    ):
        loss = call(inputs, *targets, **options)
        np.testing.assert_allclose(loss.detach(), expected, rtol=1e-5)
        (gradient,) = torch.autograd.grad(loss, inputs)

    @tf.function(jit_compile=True)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            arguments = tf.constant(LABELS, tf.int32), tf.constant(lengths, tf.int32)
            loss = ours_tensorflow.ctc_loss(x, *arguments, **options)
        return loss, tape.gradient(loss, x)

    for call in (both, both.python_function):
        loss, ours = call(tf.constant(logits))
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        np.testing.assert_allclose(ours, gradient, atol=1e-5)

    def loss_of(x):
        return ours_flax.ctc_loss(x, LABELS, lengths, **options)

    loss, ours = jax.jit(jax.value_and_grad(loss_of))(logits)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(ours, gradient, atol=1e-5)


def test_a_sequence_too_short_for_its_labels_has_an_infinite_loss():
    logits, lengths = draw(3, 5, 3), np.array([3, 4, 3])
    ours = ours_pytorch.ctc_loss(*map(torch.from_numpy, (logits, LABELS, lengths)))
    assert np.isinf(ours.item())
    assert np.isinf(ours_flax.ctc_loss(logits, LABELS, lengths))
    arguments = tf.constant(LABELS, tf.int32), tf.constant(lengths, tf.int32)
    assert np.isinf(ours_tensorflow.ctc_loss(tf.constant(logits), *arguments))
