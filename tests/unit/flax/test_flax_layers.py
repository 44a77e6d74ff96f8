"""Layers, activations, small functions and losses against plain numpy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from triptych.activations import ACTIVATIONS
from triptych.errors import ConfigError, InputError
from triptych.flax import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    DropPath,
    Embedding,
    LayerNorm,
    Linear,
    Parameter,
    PixelShuffle,
    RMSNorm,
    activation,
    classification_loss,
    contrastive_loss,
    cross_entropy,
    default_dtype,
    first_given,
    interpolate,
    l1_loss,
    l2_normalize,
    last_token,
    merge_leading,
    mse_loss,
    next_token_loss,
    one_of,
    pad,
    select_rows,
    span_loss,
    split_sizes,
    take,
    take_along,
    value,
)

RNGS = nnx.Rngs(0)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_linear():
    layer = Linear(4, 3, rngs=RNGS)
    x = draw(2, 5, 4)
    expected = x @ np.asarray(layer.weight[...]) + np.asarray(layer.bias[...])
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)
    assert Linear(4, 3, bias=False, rngs=RNGS).bias is None


def test_embedding_range_and_padding():
    layer = Embedding(5, 3, padding_idx=1, rngs=RNGS)
    ids = np.array([[0, 1, 4]])
    assert (layer(ids) == layer.weight[...][ids]).all()
    for wrong in (5, -1):
        with pytest.raises(InputError, match="0 to 4"):
            layer(np.array([wrong]))
    with pytest.raises(InputError, match="whole numbers"):
        layer(np.array([0.5]))
    clamped = jax.jit(layer)(np.array([-3, 9]))
    assert (clamped == layer.weight[...][np.array([0, 4])]).all()
    grad = nnx.grad(lambda layer: layer(ids).sum())(layer).weight[...]
    assert (grad == np.array([[1], [0], [0], [0], [1]])).all()


def test_layer_norm_far_from_zero():
    layer = LayerNorm(64, eps=1e-5, rngs=RNGS)
    x = (300 + 0.1 * draw(4, 64)).astype(np.float32)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(x), expected, atol=1e-3)


def test_rms_norm():
    layer = RMSNorm(8, eps=1e-6, rngs=RNGS)
    x = draw(3, 8)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (2, 1, 1, 1), ((2, 1), (0, 2), (1, 2), 2)],
)
def test_conv2d(stride, padding, dilation, groups):
    layer = Conv2d(4, 6, (3, 2), stride, padding, dilation, groups, rngs=RNGS)
    x = draw(2, 4, 8, 7)
    (sh, sw), (ph, pw), (dh, dw) = (
        (size, size) if isinstance(size, int) else size for size in (stride, padding, dilation)
    )
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    kernel, bias = np.asarray(layer.weight[...]), np.asarray(layer.bias[...])
    got = np.asarray(layer(x))
    for o, i, j in np.ndindex(got.shape[1:]):
        first = o // (6 // groups) * (4 // groups)
        patch = padded[:, first : first + 4 // groups, i * sh :, j * sw :]
        patch = patch[:, :, : 2 * dh + 1 : dh, : dw + 1 : dw]
        expected = np.einsum("bchw,hwc->b", patch, kernel[..., o]) + bias[o]
        np.testing.assert_allclose(got[:, o, i, j], expected, atol=1e-5)
    assert got.shape[2:] == ((8 + 2 * ph - 2 * dh - 1) // sh + 1, (7 + 2 * pw - dw - 1) // sw + 1)


def test_pixel_shuffle():
    x = np.arange(1 * 8 * 2 * 3).reshape(1, 8, 2, 3)
    y = PixelShuffle(2)(jnp.asarray(x))
    assert y.shape == (1, 2, 4, 6)
    for c, h, w in np.ndindex(2, 4, 6):
        assert y[0, c, h, w] == x[0, c * 4 + h % 2 * 2 + w % 2, h // 2, w // 2]


@pytest.mark.parametrize("kind", [Dropout, DropPath])
def test_dropout(kind):
    layer = kind(0.25, rngs=RNGS)
    x = jnp.ones((400, 50))
    assert layer(x) is x
    layer.train()
    y = np.asarray(layer(x))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < (0.02 if kind is Dropout else 0.08)
    if kind is DropPath:
        assert (y == y[:, :1]).all()
    never, always = kind(0.0, rngs=RNGS), kind(1.0, rngs=RNGS)
    never.train()
    always.train()
    assert never(x) is x and (always(x) == 0).all()


def test_default_dtype():
    with default_dtype("bfloat16", params="float32"):
        layer = Linear(4, 3, rngs=RNGS)
        exact = Parameter(3, dtype="float32")
    assert layer.weight.dtype == jnp.float32 and layer(draw(2, 4)).dtype == jnp.bfloat16
    assert value(layer.weight).dtype == jnp.bfloat16 and value(exact).dtype == jnp.float32
    assert value(Parameter((2, 3))).dtype == jnp.float32


def erf(x):
    return np.vectorize(math.erf)(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


FORMULAS = {
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_python": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_10": lambda x: np.clip(x * (1 + erf(x / np.sqrt(2))) / 2, -10, 10),
    "gelu_new": gelu_tanh,
    "gelu_accurate": gelu_tanh,
    "gelu_python_tanh": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_fast": lambda x: 0.5 * x * (1 + np.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))),
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
    "laplace": lambda x: 0.5 * (1 + erf((x - 0.707107) / (0.282095 * np.sqrt(2)))),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "linear": lambda x: x,
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "relu": lambda x: np.maximum(x, 0),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "xielu": lambda x: np.where(
        x > 0, 0.8 * x * x + 0.5 * x, (np.expm1(np.minimum(x, -1e-6)) - x) * 0.8 + 0.5 * x
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.linspace(-12, 12, 121, dtype=np.float32)
    np.testing.assert_allclose(
        activation(name)(x), FORMULAS[name](x.astype(np.float64)), atol=2e-6, rtol=2e-6
    )
    half = activation(name)(jnp.asarray(x, jnp.bfloat16))
    assert half.dtype == jnp.bfloat16


def test_unknown_activation():
    with pytest.raises(ConfigError, match="Did you mean 'gelu"):
        activation("gelu_neww")


def test_index_functions():
    x = draw(3, 4, 5)
    assert (take(x, np.array([[0, 3]]), axis=1) == x[:, [[0, 3]]]).all()
    index = np.random.default_rng(0).integers(0, 5, (3, 4, 2))
    assert (take_along(x, index, axis=2) == np.take_along_axis(x, index, 2)).all()
    assert (select_rows(x, np.array([0, 3, 1])) == x[[0, 1, 2], [0, 3, 1]]).all()
    for wrong in (4, -1):
        with pytest.raises(InputError, match="0 to 3"):
            take(x, np.array([wrong]), axis=1)
        with pytest.raises(InputError, match="0 to 3"):
            select_rows(x, np.array([0, 0, wrong]))
    clamped = jax.jit(select_rows)(x, np.array([9, -9, 1]))
    assert (clamped == x[[0, 1, 2], [3, 0, 1]]).all()


def test_small_functions():
    x = draw(2, 3)
    assert (pad(x, (0, 2), (1, 0)) == np.pad(x, ((1, 0), (0, 2)))).all()
    np.testing.assert_allclose(np.linalg.norm(l2_normalize(x), axis=-1), 1, atol=1e-6)
    one_of(a=None, b=0)
    for wrong in ({"a": None, "b": None}, {"a": 1, "b": 2}):
        with pytest.raises(InputError, match="exactly one of a, b"):
            one_of(**wrong)
    parts = split_sizes(x, (1, 2), axis=1)
    assert [part.shape for part in parts] == [(2, 1), (2, 2)]
    assert first_given(None, x, None) is x
    assert merge_leading(None, 2) is None and merge_leading(draw(2, 3, 4), 2).shape == (6, 4)
    rows, ids = draw(3, 4, 2), np.array([[1, 2, 0, 0], [0, 5, 0, 1], [0, 0, 0, 0]])
    assert (last_token(rows, ids, 0) == rows[[0, 1, 2], [1, 3, 0]]).all()
    assert (last_token(rows, None, 0) == rows[:, -1]).all()
    image = draw(1, 2, 4, 4)
    assert (interpolate(image, (8, 8), "nearest") == image.repeat(2, 2).repeat(2, 3)).all()
    assert interpolate(image, (5, 3), "bicubic").shape == (1, 2, 5, 3)


def log_softmax(x):
    x = x.astype(np.float64)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_cross_entropy():
    logits, labels = draw(2, 5, 7), np.random.default_rng(0).integers(0, 7, (2, 5))
    expected = -np.take_along_axis(log_softmax(logits), labels[..., None], -1)[..., 0]
    np.testing.assert_allclose(cross_entropy(logits, labels), expected.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        next_token_loss(logits, np.roll(labels, 1, 1)), expected[:, :-1].mean(), rtol=1e-6
    )
    labels[0] = -100
    np.testing.assert_allclose(cross_entropy(logits, labels), expected[1].mean(), rtol=1e-6)
    assert np.isnan(cross_entropy(logits, np.full((2, 5), -100)))
    assert cross_entropy(jnp.asarray(logits, jnp.bfloat16), labels).dtype == jnp.float32
    grad = jax.grad(cross_entropy)(jnp.asarray(logits), labels)
    assert (grad[0] == 0).all() and np.isfinite(grad).all()
    with pytest.raises(InputError, match="0 to 6"):
        cross_entropy(logits, labels + 7)


def test_classification_loss():
    logits, targets = draw(4, 3), draw(4, 3, seed=1)
    labels = np.array([0, 2, 1, 1])
    expected = -log_softmax(logits)[np.arange(4), labels].mean()
    np.testing.assert_allclose(classification_loss(logits, labels, None, 3), expected, rtol=1e-6)
    binary = (targets > 0).astype(np.float32)
    expected = -(binary * np.log(sigmoid(logits)) + (1 - binary) * np.log(sigmoid(-logits))).mean()
    np.testing.assert_allclose(classification_loss(logits, binary, None, 3), expected, rtol=1e-5)
    expected = ((logits - targets) ** 2).mean()
    got = classification_loss(logits, targets, "regression", 3)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    got = classification_loss(logits[:, :1], targets[:, 0], None, 1)
    np.testing.assert_allclose(got, ((logits[:, 0] - targets[:, 0]) ** 2).mean(), rtol=1e-6)


def test_other_losses():
    start, end = draw(3, 6), draw(3, 6, seed=1)
    got = span_loss(start, end, np.array([[1], [9], [-4]]), np.array([2, 3, 6]))
    first = -(log_softmax(start)[0, 1] + log_softmax(start)[2, 0]) / 2
    second = -(log_softmax(end)[0, 2] + log_softmax(end)[1, 3]) / 2
    np.testing.assert_allclose(got, (first + second) / 2, rtol=1e-6)
    np.testing.assert_allclose(l1_loss(start, end), np.abs(start - end).mean(), rtol=1e-6)
    np.testing.assert_allclose(mse_loss(start, end), ((start - end) ** 2).mean(), rtol=1e-6)
    logits = draw(4, 4)
    both = log_softmax(logits).diagonal() + log_softmax(logits.T).diagonal()
    np.testing.assert_allclose(contrastive_loss(logits), -both.mean() / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "more"),
    [(2, 2, 0, 0), (3, 2, 1, 1), (4, 3, 0, 2), (3, 1, 2, 0)],
)
def test_conv_transpose2d(kernel, stride, padding, more):
    layer = ConvTranspose2d(4, 3, kernel, stride, padding, more, rngs=RNGS)
    x = draw(2, 4, 5, 6)
    w, bias = np.asarray(layer.weight[...]), np.asarray(layer.bias[...])
    sizes = [(size - 1) * stride + kernel for size in x.shape[2:]]
    whole = np.zeros((2, 3, *(size + more for size in sizes)))
    for i, j in np.ndindex(5, 6):
        reach = np.einsum("bc,hwcd->bdhw", x[:, :, i, j], w)
        whole[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += reach
    ends = [size - padding + more for size in sizes]
    expected = whole[:, :, padding : ends[0], padding : ends[1]] + bias[:, None, None]
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
