"""Layers, activations, losses and small functions against plain numpy."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from triptych.activations import ACTIVATIONS
from triptych.errors import ConfigError, InputError
from triptych.tensorflow import (
    Conv2d,
    ConvTranspose2d,
    Dropout,
    DropPath,
    Embedding,
    LayerNorm,
    Linear,
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
    take,
    take_along,
)
from triptych.tensorflow.weights import leaves

random = np.random.default_rng(0)


def arrays(*shapes):
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def tensors(*values):
    return map(tf.convert_to_tensor, values)


def filled(layer):
    """The layer with random values; they are returned in checkpoint layout."""
    values = {leaf.name: arrays(leaf.parameter.checkpoint_shape)[0] for leaf in leaves(layer)}
    for leaf in leaves(layer):
        leaf.assign(values[leaf.name])
        np.testing.assert_array_equal(leaf.numpy(), values[leaf.name])
    return layer, values


def test_linear():
    layer, w = filled(Linear(3, 5))
    for shape in ((2, 3), (2, 4, 3), (2, 0, 3)):
        (x,) = arrays(shape)
        np.testing.assert_allclose(layer(tf.constant(x)), x @ w["weight"].T + w["bias"], atol=1e-5)


def test_tied_linear_reads_the_table():
    layer, _ = filled(Linear(3, 5, bias=False))
    table, w = filled(Embedding(5, 3))
    layer.tie(table)
    (x,) = arrays((2, 4, 3))
    np.testing.assert_allclose(layer(tf.constant(x)), x @ w["weight"].T, atol=1e-5)
    assert not layer.variables
    from_the_start = Linear(3, 5, bias=False, tied=table)
    np.testing.assert_array_equal(from_the_start(tf.constant(x)), layer(tf.constant(x)))


def test_embedding():
    table, w = filled(Embedding(5, 3, padding_idx=-1))
    ids = tf.constant([[0, 4, 1], [4, 4, 2]])
    with tf.GradientTape() as tape:
        rows = table(ids)
        loss = tf.reduce_sum(rows)
    np.testing.assert_array_equal(rows, w["weight"][ids])
    gradient = tf.convert_to_tensor(tape.gradient(loss, table.weight.value))
    np.testing.assert_array_equal(gradient, np.repeat([1, 1, 1, 0, 0], 3).reshape(5, 3))
    np.testing.assert_array_equal(table(tf.cast(ids, tf.int64)), rows)
    for wrong in (5, -1):
        with pytest.raises(InputError, match=f"from 0 to 4, found {wrong}"):
            table(tf.constant([wrong]))


@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_norms(offset):
    x = (offset + 0.1 * random.normal(size=(2, 3, 64))).astype(np.float32)
    exact = x.astype(np.float64)
    layer, w = filled(LayerNorm(64, eps=1e-5))
    centred = exact - exact.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(
        layer(x), expected * w["weight"] + w["bias"], atol=1e-3 if offset else 1e-5
    )
    layer, w = filled(RMSNorm(64))
    expected = exact / np.sqrt((exact**2).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(x), expected * w["weight"], atol=1e-5)


def naive_conv(x, weight, stride, padding, dilation, groups):
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2]).astype(np.float64)
    out, per_group, kh, kw = weight.shape
    reach = dilation * (kh - 1) + 1, dilation * (kw - 1) + 1
    rows, columns = ((x.shape[2 + i] - reach[i]) // stride + 1 for i in range(2))
    y = np.zeros((x.shape[0], out, rows, columns))
    for o in range(out):
        first = o // (out // groups) * per_group
        for r in range(rows):
            for c in range(columns):
                top, left = r * stride, c * stride
                window = x[
                    :,
                    first : first + per_group,
                    top : top + reach[0] : dilation,
                    left : left + reach[1] : dilation,
                ]
                y[:, o, r, c] = (window * weight[o]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize(
    "stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 1), (1, (2, 1), 2, 2)]
)
def test_conv2d(stride, padding, dilation, groups):
    layer, w = filled(Conv2d(4, 6, (3, 2), stride, padding, dilation, groups))
    (x,) = arrays((2, 4, 8, 7))
    pair = (padding, padding) if isinstance(padding, int) else padding
    expected = naive_conv(x, w["weight"], stride, pair, dilation, groups)
    variable = tf.Variable(x)
    with tf.GradientTape(persistent=True) as tape:
        y = layer(variable)
        loss = tf.reduce_sum(y)
    to_weight = tape.gradient(loss, layer.weight.value).numpy().transpose(3, 2, 0, 1)
    (other,) = arrays(w["weight"].shape)
    change = naive_conv(x, other, stride, pair, dilation, groups).sum()
    assert np.sum(to_weight * other) == pytest.approx(change, rel=1e-3, abs=1e-3)
    np.testing.assert_allclose(y, expected + w["bias"][:, None, None], atol=1e-4)
    gradient = tape.gradient(loss, variable).numpy()
    (step,) = arrays(x.shape)
    change = naive_conv(step, w["weight"], stride, pair, dilation, groups).sum()
    assert np.sum(gradient * step) == pytest.approx(change, rel=1e-3, abs=1e-3)


def test_pixel_shuffle():
    x = np.arange(2 * 8 * 2 * 3).reshape(2, 8, 2, 3).astype(np.float32)
    y = PixelShuffle(2)(tf.constant(x))
    assert y.shape == (2, 2, 4, 6)
    assert y[1, 1, 3, 4] == x[1, 1 * 4 + 1 * 2 + 0, 1, 2]


def test_dropout():
    x = tf.ones((100, 100))
    layer = Dropout(0.25)
    assert layer(x) is x
    y = layer(x, training=True)
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert np.mean(y == 0) == pytest.approx(0.25, abs=0.02)
    assert np.any(y != layer(x, training=True))
    rows = DropPath(0.5)(x, training=True).numpy()
    assert set(np.unique(rows)) == {0.0, 2.0} and np.all(rows == rows[:, :1])
    keras.utils.set_random_seed(7)
    first = Dropout(0.5)(x, training=True)
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(first, Dropout(0.5)(x, training=True))


def test_mixed_precision():
    with default_dtype("bfloat16", "float32"):
        layer = Linear(3, 5)
    assert layer.weight.dtype == "float32" and layer.compute_dtype == "bfloat16"
    filled(layer)
    assert layer(tf.ones((2, 3), tf.bfloat16)).dtype == tf.bfloat16
    assert Linear(3, 5).compute_dtype == "float32"
    with pytest.raises(ConfigError, match="dtype"), default_dtype("int8"):
        pass


PHI = np.vectorize(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2)
EXPECTED = {
    "gelu": lambda x: x * PHI(x),
    "gelu_10": lambda x: np.clip(x * PHI(x), -10, 10),
    "gelu_accurate": lambda x: EXPECTED["gelu_new"](x),
    "gelu_fast": lambda x: EXPECTED["gelu_new"](x),
    "gelu_new": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "gelu_python": lambda x: x * PHI(x),
    "gelu_python_tanh": lambda x: EXPECTED["gelu_new"](x),
    "gelu_pytorch_tanh": lambda x: EXPECTED["gelu_new"](x),
    "laplace": lambda x: PHI((x - 0.707107) / 0.282095),
    "leaky_relu": lambda x: np.where(x > 0, x, x / 100),
    "linear": lambda x: x,
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "prelu": lambda x: np.where(x > 0, x, x / 4),
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "xielu": lambda x: np.where(
        x > 0, 0.8 * x**2 + 0.5 * x, (np.expm1(np.minimum(x, -1e-6)) - x) * 0.8 + 0.5 * x
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    x = np.concatenate([np.linspace(-8, 8, 97), [15.0]])
    function = activation(name)
    for leaf in leaves(function) if isinstance(function, keras.layers.Layer) else ():
        leaf.assign(leaf.parameter.init(leaf.parameter, None).numpy())
    y = function(tf.constant(x, tf.float32))
    np.testing.assert_allclose(y, EXPECTED[name](x), atol=2e-5, rtol=2e-5)


def test_activations_round_half_precision_once():
    x = tf.cast(tf.linspace(-4.0, 4.0, 65), tf.bfloat16)
    y = activation("gelu_new")(x)
    assert y.dtype == tf.bfloat16
    exact = EXPECTED["gelu_new"](tf.cast(x, tf.float64).numpy())
    np.testing.assert_array_equal(y, tf.cast(tf.constant(exact, tf.float32), tf.bfloat16))
    with pytest.raises(ConfigError, match="gelu_new"):
        activation("gelu_nw")


def log_softmax(x):
    x = x.astype(np.float64)
    return (
        x
        - x.max(-1, keepdims=True)
        - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))
    )


def test_cross_entropy():
    logits = arrays((2, 3, 5))[0]
    labels = np.array([[0, -100, 4], [2, 1, -100]])
    kept = labels >= 0
    picked = -np.take_along_axis(log_softmax(logits), np.where(kept, labels, 0)[..., None], -1)[
        ..., 0
    ]
    assert float(cross_entropy(*tensors(logits, labels))) == pytest.approx(
        picked[kept].mean(), rel=1e-5
    )
    assert np.isnan(cross_entropy(*tensors(logits, np.full((2, 3), -100))))
    shifted = next_token_loss(*tensors(logits, labels))
    assert float(shifted) == pytest.approx(
        float(cross_entropy(*tensors(logits[:, :-1], labels[:, 1:])))
    )
    assert cross_entropy(tf.cast(logits, tf.bfloat16), labels).dtype == tf.float32


def test_classification_loss():
    logits, one, many = arrays((4, 3), (4, 1), (4, 3))
    classes = tf.constant([0, 2, 1, 1])
    single = float(cross_entropy(*tensors(logits, classes)))
    assert float(classification_loss(*tensors(logits, classes), None, 3)) == pytest.approx(single)
    targets = tf.constant((many > 0).astype(np.float32))
    signs = np.where(many > 0, -1, 1)
    expected = np.log1p(np.exp(signs * logits)).mean()
    assert float(classification_loss(*tensors(logits, targets), None, 3)) == pytest.approx(
        expected, rel=1e-5
    )
    regression = classification_loss(*tensors(one, tf.constant(logits[:, 0])), None, 1)
    assert float(regression) == pytest.approx(np.mean((one[:, 0] - logits[:, 0]) ** 2), rel=1e-5)
    both = classification_loss(*tensors(logits, tf.constant(many)), "regression", 3)
    assert float(both) == pytest.approx(np.mean((logits - many) ** 2), rel=1e-5)
    with pytest.raises(InputError, match="problem_type"):
        classification_loss(*tensors(logits, classes), "ranking", 3)


def test_other_losses():
    start, end = arrays((2, 6), (2, 6))
    first, last = np.array([[2], [9]]), np.array([5, -3])
    expected = -(log_softmax(start)[0, 2] + log_softmax(end)[[0, 1], [5, 0]].mean()) / 2
    assert float(span_loss(*tensors(start, end, first, last))) == pytest.approx(expected, rel=1e-5)
    assert float(l1_loss(start, end)) == pytest.approx(np.abs(start - end).mean(), rel=1e-5)
    assert float(mse_loss(start, end)) == pytest.approx(((start - end) ** 2).mean(), rel=1e-5)
    square = start[:, :2]
    expected = -(np.trace(log_softmax(square)) + np.trace(log_softmax(square.T))) / 4
    assert float(contrastive_loss(tf.constant(square))) == pytest.approx(expected, rel=1e-5)


def test_functions():
    (x,) = arrays((2, 4, 3))
    index = np.array([[1, 0], [2, 2]])
    np.testing.assert_array_equal(take(x, index, axis=1), np.take(x, index, axis=1))
    np.testing.assert_array_equal(select_rows(x, [3, 1]), x[[0, 1], [3, 1]])
    np.testing.assert_array_equal(pad(x, (0, 1, 2)), np.pad(x, ((0, 0), (0, 1), (0, 2))))
    before = pad(x, (0, 1, 2), before=(1, 0, 0))
    np.testing.assert_array_equal(before, np.pad(x, ((1, 0), (0, 1), (0, 2))))
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(l2_normalize(x, axis=1), x / norms, atol=1e-6)
    for axis in range(-3, 3):
        shape = [1 if i == 0 and axis % 3 else n for i, n in enumerate(x.shape)]
        order = random.integers(0, x.shape[axis], size=shape)
        full = np.broadcast_to(order, x.shape)
        ours = take_along(tf.constant(x), tf.constant(order), axis=axis)
        np.testing.assert_array_equal(ours, np.take_along_axis(x, full, axis))
    ids = tf.constant([[1, 0, 2, 0], [3, 4, 0, 5]])
    np.testing.assert_array_equal(last_token(tf.constant(x), ids, 0), x[[0, 1], [2, 3]])
    np.testing.assert_array_equal(last_token(tf.constant(x), ids, None), x[:, -1])
    np.testing.assert_array_equal(merge_leading(tf.constant(x), 2), x.reshape(8, 3))
    assert merge_leading(None, 2) is None and first_given(None, ids) is ids
    one_of(input_ids=x, inputs_embeds=None)
    with pytest.raises(InputError, match="exactly one of input_ids"):
        one_of(input_ids=None, inputs_embeds=None)


def test_interpolate():
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    nearest = interpolate(x, (4, 6), mode="nearest")
    np.testing.assert_array_equal(nearest, x.repeat(2, 2).repeat(2, 3))
    corners = interpolate(x, (3, 5), align_corners=True)
    np.testing.assert_allclose(corners[0, 0, 1], [1.5, 2, 2.5, 3, 3.5], atol=1e-6)
    flat = interpolate(tf.ones((1, 2, 5, 4), tf.bfloat16), (7, 9), mode="bicubic")
    assert flat.dtype == tf.bfloat16 and flat.shape == (1, 2, 7, 9)
    np.testing.assert_allclose(tf.cast(flat, tf.float32), np.ones((1, 2, 7, 9)), atol=1e-2)


@pytest.mark.parametrize(
    "kernel, stride, padding, more", [(2, 2, 0, 0), (3, 2, 1, 1), (4, 3, 0, 2), (3, 1, 2, 0)]
)
def test_conv_transpose2d(kernel, stride, padding, more):
    layer, w = filled(ConvTranspose2d(4, 3, kernel, stride, padding, more))
    (x,) = arrays((2, 4, 5, 6))
    sizes = [(size - 1) * stride + kernel for size in x.shape[2:]]
    whole = np.zeros((2, 3, *(size + more for size in sizes)))
    for i, j in np.ndindex(5, 6):
        reach = np.einsum("bc,cdhw->bdhw", x[:, :, i, j], w["weight"])
        whole[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += reach
    ends = [size - padding + more for size in sizes]
    expected = whole[:, :, padding : ends[0], padding : ends[1]] + w["bias"][:, None, None]
    np.testing.assert_allclose(layer(tf.constant(x)), expected, atol=1e-5)
    compiled = tf.function(layer, jit_compile=True)(tf.constant(x))
    np.testing.assert_allclose(compiled, expected, atol=1e-5)
