"""Attention and masks against plain numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from triptych.errors import InputError
from triptych.flax import (
    Dropout,
    Mask,
    Taps,
    allow,
    attention,
    causal,
    padding,
    register_attention,
    window,
)

FULLY_MASKED = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]])


def tensors(heads=4, key_heads=4, queries=5, keys=5, seed=0):
    random = np.random.default_rng(seed)
    shapes = [(2, heads, queries, 8), (2, key_heads, keys, 8), (2, key_heads, keys, 6)]
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def plain(q, k, v, allowed=None, bias=0.0, scale=None, softcap=None):
    """The formula, in float64, one row after another."""
    repeats = q.shape[1] // k.shape[1]
    q, k, v = q.astype(np.float64), k.repeat(repeats, 1), v.repeat(repeats, 1)
    scores = q @ k.swapaxes(2, 3) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * np.tanh(scores / softcap)
    scores = scores + bias
    out = np.zeros((*scores.shape[:3], v.shape[-1]))
    allowed = np.broadcast_to(True if allowed is None else allowed, scores.shape)
    for row in np.ndindex(scores.shape[:3]):
        keep = allowed[row]
        weights = np.ones(len(keep))
        if keep.any():
            weights = np.where(keep, np.exp(scores[row] - scores[row][keep].max()), 0)
        out[row] = weights / weights.sum() @ v[row[:2]]
    return out


@pytest.mark.parametrize("key_heads", [4, 2, 1])
@pytest.mark.parametrize("mask", [None, "padding", "causal"])
def test_formula(key_heads, mask):
    q, k, v = tensors(key_heads=key_heads)
    bias = np.random.default_rng(1).normal(size=(1, 4, 5, 5)).astype(np.float32)
    masks = {"padding": padding(FULLY_MASKED), "causal": causal() & padding(FULLY_MASKED)}
    allowed = None if mask is None else np.asarray(masks[mask].allowed(5, 5))
    got = attention(q, k, v, mask=masks.get(mask), bias=bias, scale=0.3, softcap=5.0)
    expected = plain(q, k, v, allowed, bias, 0.3, 5.0)
    # numpy's formula caps before it adds the bias, as ours does
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_row_without_keys_is_the_mean_and_has_gradients():
    q, k, v = tensors()
    mask = padding(FULLY_MASKED)
    out = attention(q, k, v, mask=mask)
    np.testing.assert_allclose(out[1], np.broadcast_to(v[1].mean(1)[:, None], (4, 5, 6)), atol=1e-6)
    grads = jax.grad(lambda *args: attention(*args, mask=mask).sum(), argnums=(0, 1, 2))(q, k, v)
    assert all(np.isfinite(grad).all() for grad in grads)
    # as in the reference, the gradient is that of a softmax over equal scores
    assert np.abs(grads[2][1]).max() > 0 and np.abs(grads[0][1]).max() > 0


def test_large_negative_bias_keeps_rows_finite():
    q, k, v = tensors()
    bias = jnp.full((1, 1, 5, 5), jnp.finfo(jnp.float32).min)
    assert np.isfinite(attention(q, k, v, mask=padding(FULLY_MASKED), bias=bias)).all()


def test_half_precision_statistics_are_float32():
    q, k, v = tensors()
    halves = [jnp.asarray(x, jnp.bfloat16) for x in (q, k, v)]
    out = attention(*halves)
    assert out.dtype == jnp.bfloat16
    expected = plain(*(np.asarray(x, np.float32) for x in halves))
    np.testing.assert_allclose(np.asarray(out, np.float32), expected, atol=1.5e-2)


def test_probabilities_are_tapped_after_dropout():
    q, k, v = tensors()
    dropout = Dropout(0.5, rngs=nnx.Rngs(0))
    dropout.train()
    taps = Taps(["output_attentions"])
    attention(q, k, v, dropout=dropout, emit="attentions", taps=taps)
    (probabilities,) = taps.attentions
    assert probabilities.shape == (2, 4, 5, 5)
    assert 0.3 < np.mean(np.asarray(probabilities) == 0) < 0.7
    assert Taps().attentions is None


def test_registered_implementation():
    q, k, v = tensors()
    register_attention("values", lambda q, k, v, *rest: (v, None))
    assert (attention(q, k, v, taps=Taps((), "values")) == v).all()
    with pytest.raises(InputError, match="attn_implementation"):
        attention(q, k, v, taps=Taps((), "valeus"))


def test_transformations():
    q, k, v = tensors()
    mask = padding(FULLY_MASKED) & causal()
    whole = attention(q, k, v, mask=mask)
    jitted = jax.jit(lambda q, k, v, mask: attention(q, k, v, mask=mask))(q, k, v, mask)
    np.testing.assert_allclose(jitted, whole, atol=1e-6)

    def single(q, k, v, tokens):
        return attention(q[None], k[None], v[None], mask=padding(tokens[None]) & causal())[0]

    np.testing.assert_allclose(jax.vmap(single)(q, k, v, FULLY_MASKED), whole, atol=1e-6)


def test_heads_must_divide():
    q, k, v = tensors(key_heads=3)
    with pytest.raises(InputError, match="multiple of 3"):
        attention(q, k, v)


def test_mask_algebra():
    random = np.random.default_rng(0)
    tokens = random.integers(0, 2, (2, 4))
    given = random.integers(0, 2, (2, 1, 4, 4)).astype(bool)
    lower = np.tril(np.ones((4, 4), bool))
    both = (padding(tokens) & causal() & allow(given)).allowed(4, 4)
    assert (both == (tokens[:, None, None] != 0) & lower & given).all()
    either = (padding(tokens) & causal() | allow(given)).allowed(4, 4)
    assert (either == ((tokens[:, None, None] != 0) & lower | given)).all()
    band = (causal() & window(2)).allowed(4, 4)[0, 0]
    assert (band == (lower & ~np.tril(lower, -2))).all()
    assert (padding(None) & Mask() & window(None)).allowed(4, 4) is None
    assert (Mask() | causal()).allowed(4, 4) is None
    assert causal().allowed(1, 1) is None and window(9).allowed(4, 4) is None


@pytest.mark.parametrize("shape", [(2, 4), (2, 3, 4), (2, 1, 3, 4), (2, 5, 3, 4)])
def test_padding_shapes(shape):
    tokens = np.random.default_rng(0).integers(0, 3, shape)
    allowed = padding(tokens).allowed(3, 4)
    expected = {2: tokens[:, None, None], 3: tokens[:, None] if len(shape) == 3 else None}
    assert (allowed == (expected.get(len(shape), tokens) != 0)).all()


def test_mask_of_wrong_length():
    with pytest.raises(InputError, match="length"):
        padding(np.ones((2, 3))).allowed(4, 4)
    with pytest.raises(InputError, match="axes"):
        padding(np.ones(3))
