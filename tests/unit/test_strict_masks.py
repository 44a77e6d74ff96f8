"""Strict causality: a query without any allowed key gets the mean up to its own position."""

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch
from triptych import flax as ours_flax
from triptych import pytorch as ours_pytorch
from triptych import tensorflow as ours_tensorflow

RANDOM = np.random.default_rng(5)
Q, K, V = (RANDOM.normal(size=(2, 3, 6, 4)).astype(np.float32) for _ in range(3))
REAL = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 0]])


def expected() -> np.ndarray:
    scores = np.einsum("bnsd,bntd->bnst", Q, K) / 2
    scores = np.where(REAL[:, None, None] == 1, scores, -1e30)
    scores = np.where(np.tril(np.ones((6, 6))) == 1, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bnst,bntd->bnsd", weights / weights.sum(-1, keepdims=True), V)


@pytest.mark.parametrize(
    ("library", "make"),
    [(ours_pytorch, torch.from_numpy), (ours_tensorflow, tf.constant), (ours_flax, jnp.asarray)],
    ids=["pytorch", "tensorflow", "flax"],
)
def test_strict(library, make):
    mask = library.causal(strict=True) & library.padding(make(REAL))
    found = library.attention(*map(make, (Q, K, V)), mask=mask)
    np.testing.assert_allclose(np.asarray(found), expected(), atol=1e-5)
    # and with a bias, which takes another way
    found = library.attention(
        *map(make, (Q, K, V)), mask=mask, bias=make(np.zeros((1, 1, 6, 6), np.float32))
    )
    np.testing.assert_allclose(np.asarray(found), expected(), atol=1e-5)
