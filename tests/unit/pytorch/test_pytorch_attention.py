"""Attention against its formula in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from triptych.errors import InputError
from triptych.pytorch import Taps, allow, attention, causal, padding, register_attention

B, HEADS, QUERIES, KEYS, DEPTH, WIDTH = 2, 4, 5, 7, 8, 6
TAPS = {"fused": Taps(), "eager": Taps(attention="eager")}


def inputs(groups=HEADS, queries=QUERIES, keys=KEYS, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = (HEADS, queries, DEPTH), (groups, keys, DEPTH), (groups, keys, WIDTH)
    return [torch.randn((B, *shape), generator=generator).to(dtype) for shape in shapes]


def formula(q, k, v, allowed=None, bias=None, scale=None, softcap=None):
    q, k, v = (x.double().numpy() for x in (q, k, v))
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    scores = np.einsum("bnsd,bntd->bnst", q, k) * (DEPTH**-0.5 if scale is None else scale)
    if softcap is not None:
        scores = np.tanh(scores / softcap) * softcap
    if bias is not None:
        scores = scores + bias.double().numpy()
    if allowed is not None:
        allowed = np.broadcast_to(allowed.numpy(), scores.shape)
        scores = np.where(allowed, scores, np.finfo(np.float64).min)
    exp = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bnst,bnte->bnse", exp / exp.sum(-1, keepdims=True), v)


def random_mask(batch=B, heads=1, queries=QUERIES, keys=KEYS):
    allowed = torch.rand((batch, heads, queries, keys)) < 0.6
    allowed[0, 0, 2] = False  # a query without any key
    return allowed


@pytest.mark.parametrize("way", TAPS)
@pytest.mark.parametrize("groups", [1, 2, HEADS])
@pytest.mark.parametrize("queries", [1, QUERIES])
@pytest.mark.parametrize("case", ["plain", "mask", "heads", "bias", "both", "scale"])
def test_formula(way, groups, queries, case):
    torch.manual_seed(1)
    q, k, v = inputs(groups, queries)
    options = {}
    if case in ("mask", "both"):
        options["allowed"] = random_mask(queries=QUERIES)[:, :, -queries:]
    if case == "heads":
        options["allowed"] = random_mask(heads=HEADS)[:, :, -queries:]
    if case in ("bias", "both"):
        options["bias"] = torch.randn(1, HEADS, queries, KEYS)
    if case == "scale":
        options["scale"] = 1.0
    expected = formula(q, k, v, **options)
    allowed = options.pop("allowed", None)
    mask = None if allowed is None else allow(allowed)
    found = attention(q, k, v, mask=mask, taps=TAPS[way], **options)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


def test_softcap():
    q, k, v = inputs(groups=2)
    found = attention(q, k, v, softcap=0.5)
    np.testing.assert_allclose(found.numpy(), formula(q, k, v, softcap=0.5), atol=2e-6)


@pytest.mark.parametrize("way", TAPS)
@pytest.mark.parametrize("keys", [QUERIES, KEYS])
def test_causal(way, keys):
    q, k, v = inputs(keys=keys)
    lower = torch.ones(QUERIES, keys, dtype=torch.bool).tril()[None, None]
    found = attention(q, k, v, mask=causal(), taps=TAPS[way])
    np.testing.assert_allclose(found.numpy(), formula(q, k, v, lower), atol=2e-6)


@pytest.mark.parametrize("way", TAPS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_query_without_keys_gets_the_mean_of_all_values(way, dtype):
    q, k, v = inputs(dtype=dtype)
    q = q * 20
    found = attention(q, k, v, mask=padding(torch.zeros(B, KEYS)), taps=TAPS[way])
    assert found.dtype == dtype
    expected = v.double().mean(2, keepdim=True).expand_as(found)
    torch.testing.assert_close(found.double(), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("way", TAPS)
def test_a_bias_as_low_as_the_mask_keeps_rows_finite(way):
    q, k, v = inputs()
    bias = torch.full((1, 1, QUERIES, KEYS), torch.finfo(torch.float32).min)
    found = attention(q, k, v, mask=padding(torch.zeros(B, KEYS)), bias=bias, taps=TAPS[way])
    torch.testing.assert_close(found, v.mean(2, keepdim=True).expand_as(found))


@pytest.mark.parametrize("groups", [2, HEADS])
@pytest.mark.parametrize("biased", [True, False])
def test_gradients_of_both_ways_agree_and_are_finite(groups, biased):
    torch.manual_seed(1)
    allowed, bias = random_mask(), torch.randn(1, HEADS, QUERIES, KEYS)
    weights = torch.randn(B, HEADS, QUERIES, DEPTH)
    q, k, _ = inputs(groups)
    v = torch.randn_like(k)  # as deep as the keys, or no kernel takes it
    found = []
    for taps in TAPS.values():
        tensors = [x.clone().requires_grad_() for x in (q, k, v, bias)[: 3 + biased]]
        given = tensors[3] if biased else None
        out = attention(*tensors[:3], mask=allow(allowed), bias=given, taps=taps)
        found.append(torch.autograd.grad((out * weights).sum(), tensors))
    for one, other in zip(*found, strict=True):
        assert torch.isfinite(one).all()
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_gradients_of_queries_without_keys_are_the_same_when_compiled():
    torch.manual_seed(1)
    allowed = random_mask()
    weights = torch.randn(B, HEADS, QUERIES, DEPTH)

    def loss(q, k, v):
        return (attention(q, k, v, mask=allow(allowed)) * weights).sum()

    found = []
    for way in (loss, torch.compile(loss, backend="eager")):
        q, k, _ = (x.requires_grad_() for x in inputs())
        v = k.detach().clone().requires_grad_()
        found.append(torch.autograd.grad(way(q, k, v), (q, k, v)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_gradient_against_differences():
    torch.manual_seed(1)
    mask = allow(random_mask())
    taps = Taps(attention="eager")
    tensors = [x.double().requires_grad_() for x in inputs(groups=2)]
    # float64 keeps its precision, but the masked query's scores drown in the least number
    weights = torch.rand(B, HEADS, QUERIES, 1).double()
    weights[0, :, 2] = 0

    def loss(q, k, v):
        return (attention(q, k, v, mask=mask, taps=taps) * weights).sum()

    assert torch.autograd.gradcheck(loss, tensors)


def test_probabilities_are_emitted_if_wanted():
    q, k, v = inputs(groups=2)
    taps = Taps(["output_attentions"])
    context = attention(q, k, v, emit="cross_attentions", taps=taps)
    (probabilities,) = taps.cross_attentions
    assert probabilities.shape == (B, HEADS, QUERIES, KEYS)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(B, HEADS, QUERIES))
    torch.testing.assert_close(context, attention(q, k, v, emit="cross_attentions"))


def test_dropout_is_on_the_probabilities_in_training_only():
    q, k, v = inputs()
    dropout = nn.Dropout(0.5)
    taps = Taps(["output_attentions"])
    attention(q, k, v, dropout=dropout, emit="attentions", taps=taps)
    dropped = (taps.attentions[0] == 0).float().mean()
    assert 0.3 < dropped < 0.7
    dropout.eval()
    torch.testing.assert_close(attention(q, k, v, dropout=dropout), attention(q, k, v))
    sure = nn.Dropout(1.0)
    assert (attention(q, k, v, dropout=sure) == 0).all()


def test_autocast_keeps_masked_queries_finite():
    q, k, v = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        out = attention(q, k, v, mask=padding(torch.zeros(B, KEYS)))
    assert out.dtype == torch.bfloat16
    assert torch.isfinite(out).all()


def test_registered_implementations():
    register_attention("values", lambda q, k, v, *rest: v)
    q, k, v = inputs()
    assert attention(q, k, v, taps=Taps(attention="values")) is v
    with pytest.raises(InputError, match="Did you mean 'eager'"):
        attention(q, k, v, taps=Taps(attention="eagr"))
