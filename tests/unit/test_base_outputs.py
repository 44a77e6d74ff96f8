"""Heads that read what their base emits, draws in a head alone, and methods with records."""

import numpy as np
import pytest
import torch
from test_features import PREFIXES, configuration, model_class, packages  # noqa: F401

X = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
NOISE = np.full((2, 8), 0.5, np.float32)


@pytest.fixture(scope="module")
def folder(packages, tmp_path_factory):  # noqa: F811
    torch.manual_seed(0)
    config = configuration(packages, "summary", "SummaryConfig")()
    model = model_class(packages, "summary", "SummaryForSums", "pytorch")(config)
    path = tmp_path_factory.mktemp("summary")
    model.save_pretrained(path)
    return path


def given(framework):
    return torch.from_numpy(X) if framework == "pytorch" else X


@pytest.mark.parametrize("framework", PREFIXES)
def test_a_head_reads_what_its_base_emits(packages, folder, framework):  # noqa: F811
    model = model_class(packages, "summary", "SummaryForSums", framework).from_pretrained(folder)
    output = model(given(framework))
    assert len(output.hidden_states) == 4  # asked for by the head, so shown as well
    expected = sum(
        np.asarray(x.detach() if framework == "pytorch" else x) for x in output.hidden_states
    ).mean(1)
    total = output.total.detach() if framework == "pytorch" else output.total
    np.testing.assert_allclose(total, expected, atol=1e-5)
    other = model_class(packages, "summary", "SummaryForSums", framework).from_pretrained(
        folder, mixed=False
    )
    assert other(given(framework)).hidden_states is None


@pytest.mark.parametrize("framework", PREFIXES)
def test_a_head_draws(packages, folder, framework):  # noqa: F811
    model = model_class(packages, "summary", "SummaryForSums", framework).from_pretrained(folder)
    plain = model(given(framework)).total
    options = {"draws": {"noise": NOISE}}
    if framework == "tensorflow":
        noisy = model(given(framework), training=True, **options).total
    else:
        model.train()
        noisy = model(given(framework), **options).total
    if framework == "pytorch":
        plain, noisy = plain.detach(), noisy.detach()
    np.testing.assert_allclose(np.asarray(noisy) - np.asarray(plain), NOISE, atol=1e-5)


@pytest.mark.parametrize("framework", PREFIXES)
def test_a_method_returns_a_record(packages, folder, framework):  # noqa: F811
    model = model_class(packages, "summary", "SummaryModel", framework).from_pretrained(folder)
    output = model.halves(given(framework))
    assert type(output).__name__.endswith("SummaryModelHalvesOutput")
    assert output.factor == 6
    assert len(output.parts) == 2
    half = X[:, :2].transpose(0, 2, 1)
    np.testing.assert_allclose(output.first, np.pad(half, ((0, 0), (0, 0), (0, 1)), "reflect"))
