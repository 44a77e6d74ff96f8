"""Seeded normal numbers are those of PyTorch's generator, in all frameworks."""

import importlib

import numpy as np
import pytest
import torch
from triptych.twister import seeded_normal


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (16,), (2, 3, 7), (4, 8, 2, 3), (1000,)])
def test_numbers_of_pytorch(seed, shape):
    """Few, a whole number of blocks, and a rest."""
    expected = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).numpy()
    found = seeded_normal(seed, shape)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow", "flax"])
def test_frameworks(framework):
    function = importlib.import_module(f"triptych.{framework}").seeded_normal
    device = [torch.device("cpu")] if framework == "pytorch" else []
    found = np.asarray(function(3, (2, 11), *device))
    np.testing.assert_array_equal(found, seeded_normal(3, (2, 11)))
