"""Activations, layers and small functions against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from triptych import activations
from triptych.errors import ConfigError, InputError
from triptych.pytorch import (
    DropPath,
    RMSNorm,
    Taps,
    activation,
    gelu,
    interpolate,
    l2_normalize,
    one_of,
    pad,
    select_rows,
    take,
    take_along,
)
from triptych.resize import resize_matrix

X = np.linspace(-6, 6, 241)
ERF = np.vectorize(math.erf)
SOFTPLUS = np.log1p(np.exp(X))
SIGMOID = 1 / (1 + np.exp(-X))
GELU = X * (1 + ERF(X / math.sqrt(2))) / 2
GELU_TANH = X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))) / 2
VALUES = {
    "gelu": GELU,
    "gelu_10": np.clip(GELU, -10, 10),
    "gelu_accurate": GELU_TANH,
    "gelu_fast": GELU_TANH,
    "gelu_new": GELU_TANH,
    "gelu_python": GELU,
    "gelu_python_tanh": GELU_TANH,
    "gelu_pytorch_tanh": GELU_TANH,
    "laplace": (1 + ERF((X - 0.707107) / (0.282095 * math.sqrt(2)))) / 2,
    "leaky_relu": np.where(X > 0, X, 0.01 * X),
    "linear": X,
    "mish": X * np.tanh(SOFTPLUS),
    "prelu": np.where(X > 0, X, 0.25 * X),
    "quick_gelu": X / (1 + np.exp(-1.702 * X)),
    "relu": np.maximum(X, 0),
    "relu2": np.maximum(X, 0) ** 2,
    "relu6": np.clip(X, 0, 6),
    "sigmoid": SIGMOID,
    "silu": X * SIGMOID,
    "swish": X * SIGMOID,
    "tanh": np.tanh(X),
    "xielu": np.where(
        X > 0, 0.8 * X * X, (np.expm1(np.minimum(X, -1e-6)) - X) * 0.8
    ) + 0.5 * X,
}  # fmt: skip


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_activation(name):
    x = torch.tensor(X, dtype=torch.float32)
    found = activation(name)(x).detach().numpy()
    np.testing.assert_allclose(found, VALUES[name], atol=2e-6, rtol=2e-6)


def test_unknown_activation():
    with pytest.raises(ConfigError, match="Did you mean 'gelu'"):
        activation("gelu_")


def test_gelu():
    x = torch.tensor(X, dtype=torch.float32)
    np.testing.assert_allclose(gelu(x).numpy(), GELU, atol=2e-6)
    np.testing.assert_allclose(gelu(x, approximate=True).numpy(), GELU_TANH, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_rms_norm(dtype):
    x = (torch.randn(3, 16) * 5).to(dtype)
    norm = RMSNorm(16, eps=1e-3).to(dtype)
    torch.nn.init.uniform_(norm.weight)
    wide = x.double()
    expected = wide / torch.sqrt((wide**2).mean(-1, keepdim=True) + 1e-3) * norm.weight.double()
    found = norm(x)
    assert found.dtype == dtype
    tolerance = 0.02 if dtype == torch.bfloat16 else 1e-6
    torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=tolerance)


def test_drop_path():
    torch.manual_seed(0)
    layer, x = DropPath(0.25), torch.ones(4000, 2, 3)
    y = layer(x)
    rows = y[:, 0, 0]
    assert torch.equal(y, rows[:, None, None].expand_as(y))
    assert torch.isin(rows, torch.tensor([0.0, 1 / 0.75])).all()
    assert rows.mean().item() == pytest.approx(1, abs=0.05)
    assert (DropPath(1.0)(x) == 0).all()
    assert layer.eval()(x) is x


def test_indexing():
    x = torch.randn(3, 5, 4)
    index = torch.tensor([[0, 4], [2, 2]])
    assert torch.equal(take(x, index, axis=1), x[:, index])
    assert torch.equal(take(x, index[0], axis=-2), x[:, index[0]])
    assert torch.equal(take(x, torch.tensor(2)), x[2])
    along = torch.randint(0, 5, (3, 2, 4), dtype=torch.int32)
    assert torch.equal(take_along(x, along, 1), torch.gather(x, 1, along.long()))
    rows = torch.tensor([4, 0, 2])
    assert torch.equal(select_rows(x, rows), torch.stack([x[0, 4], x[1, 0], x[2, 2]]))


def test_pad_and_normalize():
    x = torch.randn(2, 3)
    assert torch.equal(pad(x, (1, 2)), F.pad(x, (0, 2, 0, 1)))
    assert torch.equal(pad(x, (0, 2), (1, 0)), F.pad(x, (0, 2, 1, 0)))
    torch.testing.assert_close(l2_normalize(x, 0), x / (x**2).sum(0, keepdim=True).sqrt())


def test_one_of():
    one_of(a=1, b=None)
    for values in ({"a": 1, "b": 2}, {"a": None, "b": None}):
        with pytest.raises(InputError, match="exactly one of a, b"):
            one_of(**values)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_resize_matrices_are_those_of_interpolate(mode, align_corners):
    for old, new in [(1, 3), (5, 5), (7, 12), (12, 7), (14, 37), (2, 1), (9, 16)]:
        x = torch.randn(2, 3, old, 6)
        rows = torch.tensor(resize_matrix(old, new, mode, align_corners))
        columns = torch.tensor(resize_matrix(6, 11, mode, align_corners))
        expected = interpolate(x, (new, 11), mode, align_corners)
        torch.testing.assert_close(rows @ x @ columns.T, expected, atol=5e-6, rtol=1e-5)


def test_resize_refuses_what_it_does_not_know():
    with pytest.raises(InputError, match="mode"):
        resize_matrix(2, 3, "lanczos")
    with pytest.raises(InputError, match="size"):
        resize_matrix(0, 3)


def test_taps():
    taps = Taps(["output_attentions", "output_router_logits"])
    taps.add(hidden_states=torch.ones(1), cross_attentions=torch.ones(2), router_logits=X)
    assert taps.wants("cross_attentions")
    assert not taps.wants("decoder_hidden_states")
    assert taps.hidden_states is None
    assert len(taps.cross_attentions) == len(taps.router_logits) == 1
