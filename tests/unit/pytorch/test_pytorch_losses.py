"""Losses against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from triptych.pytorch import (
    classification_loss,
    contrastive_loss,
    cross_entropy,
    l1_loss,
    mse_loss,
    next_token_loss,
    span_loss,
)


def log_softmax(x):
    x = x.double().numpy()
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def expected_cross_entropy(logits, labels, ignored=-100):
    logs, labels = log_softmax(logits).reshape(-1, logits.shape[-1]), labels.reshape(-1).numpy()
    kept = labels != ignored
    return -logs[kept, labels[kept]].mean()


LOGITS = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)) * 3
LABELS = torch.tensor([[0, 6, -100, 2, 1], [3, -100, -100, 4, 5]])


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_cross_entropy(dtype):
    loss = cross_entropy(LOGITS, LABELS.to(dtype))
    assert loss.item() == pytest.approx(expected_cross_entropy(LOGITS, LABELS), abs=1e-6)
    other = cross_entropy(LOGITS, LABELS.where(LABELS >= 0, 6).to(dtype), ignore_index=6)
    labels = LABELS.where(LABELS >= 0, 6)
    assert other.item() == pytest.approx(expected_cross_entropy(LOGITS, labels, 6), abs=1e-6)


def test_half_precision_is_widened():
    loss = cross_entropy(LOGITS.bfloat16(), LABELS)
    assert loss.dtype == torch.float32
    expected = expected_cross_entropy(LOGITS.bfloat16().float(), LABELS)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_nothing_but_ignored_labels():
    assert cross_entropy(LOGITS, torch.full((2, 5), -100)).isnan()


def test_next_token():
    expected = expected_cross_entropy(LOGITS[:, :-1], LABELS[:, 1:])
    assert next_token_loss(LOGITS, LABELS).item() == pytest.approx(expected, abs=1e-6)


def test_classification():
    logits, classes, floats = LOGITS[:, 0], torch.tensor([2, 5]), torch.rand(2, 7)
    one = expected_cross_entropy(logits, classes)
    x, y = logits.double().numpy(), floats.double().numpy()
    many = (np.logaddexp(0, x) - x * y).mean()
    square = ((x - y) ** 2).mean()

    def found(labels, kind):
        return classification_loss(logits, labels, kind, 7).item()

    for kind in (None, "single_label_classification"):
        assert found(classes, kind) == pytest.approx(one, abs=1e-6)
    for kind in (None, "multi_label_classification"):
        assert found(floats, kind) == pytest.approx(many, abs=1e-6)
    assert found(floats, "regression") == pytest.approx(square, abs=1e-5)
    single = classification_loss(logits[:, :1], classes, None, 1)
    expected = ((x[:, 0] - classes.numpy()) ** 2).mean()
    assert single.item() == pytest.approx(expected, rel=1e-6)


def test_span():
    start, end = LOGITS[:, :, 0], LOGITS[:, :, 1]
    inside = span_loss(start, end, torch.tensor([1, 2]), torch.tensor([[3], [4]]))
    expected = [
        expected_cross_entropy(start, torch.tensor([1, 2])),
        expected_cross_entropy(end, torch.tensor([3, 4])),
    ]
    assert inside.item() == pytest.approx(np.mean(expected), abs=1e-6)
    # -3 is clamped to 0; 5 (the length) and all beyond are ignored
    outside = span_loss(start, end, torch.tensor([-3, 5]), torch.tensor([9, 4]))
    expected = [
        expected_cross_entropy(start[:1], torch.tensor([0])),
        expected_cross_entropy(end[1:], torch.tensor([4])),
    ]
    assert outside.item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_distances():
    x, y = LOGITS[0], LOGITS[1]
    assert l1_loss(x, y).item() == pytest.approx((x - y).abs().mean().item(), rel=1e-6)
    assert mse_loss(x, y).item() == pytest.approx(((x - y) ** 2).mean().item(), rel=1e-6)


def test_contrastive():
    square, diagonal = LOGITS[0, :, :5], torch.arange(5)
    expected = expected_cross_entropy(square, diagonal) + expected_cross_entropy(square.T, diagonal)
    assert contrastive_loss(square).item() == pytest.approx(expected / 2, abs=1e-6)
