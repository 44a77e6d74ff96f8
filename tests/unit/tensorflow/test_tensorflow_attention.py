"""Attention and masks against plain numpy."""

import numpy as np
import pytest
import tensorflow as tf
from triptych.errors import InputError
from triptych.tensorflow import (
    Cache,
    Dropout,
    Mask,
    Taps,
    allow,
    attention,
    causal,
    kv_cache,
    new_positions,
    padding,
    window,
)


def reference(q, k, v, allowed=None, bias=None, scale=None, softcap=None):
    """The formula, in float64."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    repeats = q.shape[1] // k.shape[1]
    k, v = k.repeat(repeats, axis=1), v.repeat(repeats, axis=1)
    scores = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * np.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    if allowed is not None:
        scores = np.where(allowed, scores, np.finfo(np.float32).min)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


@pytest.fixture
def qkv():
    random = np.random.default_rng(0)
    shapes = (2, 4, 5, 8), (2, 2, 6, 8), (2, 2, 6, 3)
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


FORMS = {
    "eager": lambda f: f,
    "graph": lambda f: tf.function(f, autograph=False),
    "xla": lambda f: tf.function(f, autograph=False, jit_compile=True),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"scale": 0.7}, {"softcap": 2.0}])
def test_formula(qkv, form, options):
    random = np.random.default_rng(1)
    allowed = random.random((2, 1, 5, 6)) > 0.4
    allowed[0, 0, 1] = False  # a query without any key
    bias = random.normal(size=(1, 4, 5, 6)).astype(np.float32)

    def call(q, k, v):
        return attention(q, k, v, mask=allow(tf.constant(allowed)), bias=bias, **options)

    ours = FORMS[form](call)(*map(tf.constant, qkv))
    np.testing.assert_allclose(ours, reference(*qkv, allowed, bias, **options), atol=2e-6)


def test_masked_row_is_the_mean_with_finite_gradients(qkv):
    q, k, v = map(tf.Variable, qkv)
    with tf.GradientTape() as tape:
        context = attention(q, k, v, mask=padding(tf.constant([[0] * 6, [1] * 6])))
        loss = tf.reduce_sum(tf.square(context))
    mean = qkv[2][0].mean(-2, keepdims=True).repeat(2, axis=0)
    np.testing.assert_allclose(context[0], np.broadcast_to(mean, (4, 5, 3)), atol=1e-6)
    gradients = tape.gradient(loss, [q, k, v])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert np.any(gradients[0][0])  # that of a softmax over equal scores, as in the reference


def test_a_bias_as_low_as_the_mask_keeps_rows_finite(qkv):
    q, k, v = map(tf.constant, qkv)
    bias = tf.fill((1, 1, 5, 6), tf.float32.min)
    context = attention(q, k, v, mask=padding(tf.zeros((2, 6))), bias=bias)
    mean = qkv[2].repeat(2, axis=1).mean(axis=2, keepdims=True)
    np.testing.assert_allclose(context, np.broadcast_to(mean, (2, 4, 5, 3)), atol=1e-6)


def test_gradients_are_those_of_the_formula(qkv):
    allowed = np.tril(np.ones((5, 6), bool))[None, None]
    q, k, v = map(tf.Variable, qkv)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(attention(q, k, v, mask=allow(tf.constant(allowed)))))
    gradients = tape.gradient(loss, [q, k, v])
    random = np.random.default_rng(2)
    for i, gradient in enumerate(gradients):
        step = random.normal(size=qkv[i].shape) * 1e-5
        moved = [[x + sign * step if j == i else x for j, x in enumerate(qkv)] for sign in (1, -1)]
        values = [np.sin(reference(*arrays, allowed)).sum() for arrays in moved]
        assert np.sum(gradient * step) * 2 == pytest.approx(values[0] - values[1], rel=1e-3)


def test_bfloat16_keeps_its_dtype(qkv):
    q, k, v = (tf.cast(x, tf.bfloat16) for x in qkv)
    ours = attention(q, k, v, mask=padding(tf.constant([[0] * 6, [1] * 6])))
    assert ours.dtype == tf.bfloat16
    expected = reference(*qkv, np.array([[0] * 6, [1] * 6])[:, None, None] > 0)
    np.testing.assert_allclose(tf.cast(ours, tf.float32), expected, atol=0.03)


def test_probabilities_are_shown_after_dropout(qkv):
    taps = Taps(["output_attentions"])
    attention(*map(tf.constant, qkv), emit="cross_attentions", taps=taps)
    (shown,) = taps.cross_attentions
    np.testing.assert_allclose(tf.reduce_sum(shown, -1), np.ones((2, 4, 5)), atol=1e-6)
    dropout = Dropout(0.5)
    dropped = Taps(["output_attentions"])
    attention(
        *map(tf.constant, qkv),
        dropout=lambda x: dropout(x, training=True),
        emit="attentions",
        taps=dropped,
    )
    assert np.any(dropped.attentions[0] == 0)
    assert taps.attentions is None and taps.hidden_states is None


def test_unknown_implementation(qkv):
    with pytest.raises(InputError, match="attn_implementation"):
        attention(*map(tf.constant, qkv), taps=Taps([], "flash"))


def as_array(mask, queries, keys):
    allowed = mask.allowed(queries, keys)
    full = np.ones((1, 1, queries, keys), bool)
    return full if allowed is None else full & allowed.numpy()


def test_masks():
    i, j = np.arange(4)[:, None], np.arange(4)[None, :]
    tokens = tf.constant([[1, 1, 1, 0], [0, 1, 1, 1]])
    assert Mask().allowed(4, 4) is None and padding(None).allowed(4, 4) is None
    assert window(None).allowed(4, 4) is None and window(9).allowed(4, 4) is None
    np.testing.assert_array_equal(as_array(causal(), 4, 4)[0, 0], j <= i)
    np.testing.assert_array_equal(
        as_array(causal() & window(2), 4, 4)[0, 0], (j <= i) & (j > i - 2)
    )
    both = as_array(padding(tokens) & causal(), 4, 4)
    np.testing.assert_array_equal(both, (tokens.numpy() > 0)[:, None, None] & (j <= i))
    either = as_array(padding(tokens) | causal(), 4, 4)
    np.testing.assert_array_equal(either, (tokens.numpy() > 0)[:, None, None] | (j <= i))
    assert (causal() | Mask()).allowed(4, 4) is None
    per_query = tf.constant(np.tril(np.ones((2, 4, 4), np.int32)))
    np.testing.assert_array_equal(as_array(padding(per_query), 4, 4)[1, 0], j <= i)
    np.testing.assert_array_equal(as_array(padding(per_query[:, None]), 4, 4)[1, 0], j <= i)


def test_masks_after_a_past():
    growing = Cache.growing([{"kv": kv_cache(1, 2)}])
    growing.advance(3)
    np.testing.assert_array_equal(new_positions(2, growing), [[3, 4]])
    i, j = np.arange(3, 5)[:, None], np.arange(5)[None, :]
    np.testing.assert_array_equal(as_array(causal(growing), 2, 5)[0, 0], j <= i)
    assert causal(growing).allowed(1, 4) is None  # the last token may see all
    with pytest.raises(InputError, match="attention_mask"):
        (padding(tf.ones((1, 3))) & causal(growing)).allowed(2, 5)
    static = Cache.static([{"kv": kv_cache(1, 2)}], 1, 8, "float32")
    static.advance(3)
    mask = padding(tf.constant([[0, 1, 1, 1, 1]])) & causal(static)
    j = np.arange(8)[None, :]
    np.testing.assert_array_equal(as_array(mask, 2, 8)[0, 0], (j <= i) & (j > 0))


def test_wrong_ranks():
    with pytest.raises(InputError, match="attention_mask"):
        padding(tf.ones((3,)))
    q = tf.zeros((1, 3, 2, 4))
    with pytest.raises(InputError, match="multiples of 2"):
        attention(q, q[:, :2], q[:, :2])
