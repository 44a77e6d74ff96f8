"""Losses, in float32; averaged over what is not ignored."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from .base import at_least_float32
from .functional import integers, is_traced


def cross_entropy(logits: jax.Array, labels: Any, ignore_index: int = -100) -> jax.Array:
    """Mean of -log p(label): logits [..., c], labels int[...]; NaN if every label is ignored."""
    labels = integers(labels)
    kept = labels != ignore_index
    _check_labels(labels, kept, logits.shape[-1])
    scores = at_least_float32(logits)
    chosen = jnp.where(kept, labels, 0)[..., None]
    picked = jnp.take_along_axis(scores, chosen, axis=-1, mode="clip")[..., 0]
    losses = jax.nn.logsumexp(scores, axis=-1) - picked
    return jnp.sum(jnp.where(kept, losses, 0)) / jnp.sum(kept)


def _check_labels(labels: jax.Array, kept: jax.Array, classes: int) -> None:
    if is_traced(labels) or not labels.size:
        return
    known = np.asarray(labels)[np.asarray(kept)]
    wrong = known[(known < 0) | (known >= classes)]
    if wrong.size:
        raise InputError(
            "labels are out of range", expected=f"0 to {classes - 1}", found=str(wrong[0])
        )


def next_token_loss(logits: jax.Array, labels: Any) -> jax.Array:
    """Cross entropy of each token from the logits before it: logits [b, s, c], labels int[b, s]."""
    return cross_entropy(logits[:, :-1], integers(labels)[:, 1:])


def classification_loss(
    logits: jax.Array, labels: Any, problem_type: str | None, num_labels: int
) -> jax.Array:
    """The loss of a classification head: logits [b, num_labels].

    The problem type, if None, is regression for one label, single-label classification for
    integer labels, and multi-label classification otherwise.
    """
    labels = jnp.asarray(labels)
    if problem_type is None:
        if num_labels == 1:
            problem_type = "regression"
        elif jnp.issubdtype(labels.dtype, jnp.integer):
            problem_type = "single_label_classification"
        else:
            problem_type = "multi_label_classification"
    if problem_type == "regression":
        if num_labels == 1:
            logits, labels = logits.reshape(-1), labels.reshape(-1)
        return mse_loss(logits, labels)
    if problem_type == "single_label_classification":
        return cross_entropy(logits.reshape(-1, num_labels), labels.reshape(-1))
    scores, targets = at_least_float32(logits), at_least_float32(labels)
    losses = jax.nn.softplus(scores) - scores * targets
    return jnp.mean(losses)


def known_labels_loss(logits: jax.Array, labels: Any, num_classes: int) -> jax.Array:
    """Of logits [b, num_classes], over the labels that are known: those that are not NaN.

    Squared differences, averaged, for one class; cross entropy of class numbers [b], averaged;
    else the binary cross entropies of [b, num_classes], summed (Ying et al. 2021).
    """
    labels = jnp.asarray(labels)
    if num_classes > 1 and labels.ndim == 1:
        return cross_entropy(logits, labels.astype(jnp.int32))
    logits, labels = at_least_float32(logits), labels.astype(jnp.float32).reshape(logits.shape)
    known = ~jnp.isnan(labels)
    labels = jnp.where(known, labels, 0.0)
    if num_classes == 1:
        return jnp.sum(jnp.where(known, (logits - labels) ** 2, 0.0)) / jnp.sum(known)
    return jnp.sum(jnp.where(known, jax.nn.softplus(logits) - logits * labels, 0.0))


def span_loss(
    start_logits: jax.Array, end_logits: jax.Array, start_positions: Any, end_positions: Any
) -> jax.Array:
    """Mean of the cross entropies of a span's two ends: logits [b, s], positions int[b].

    Positions are clamped to [0, s], and s, which lies outside, is ignored.
    """
    size = start_logits.shape[1]

    def one(logits: jax.Array, positions: Any) -> jax.Array:
        positions = integers(positions).reshape(logits.shape[0])
        return cross_entropy(logits, jnp.clip(positions, 0, size), ignore_index=size)

    return (one(start_logits, start_positions) + one(end_logits, end_positions)) / 2


def l1_loss(predictions: jax.Array, targets: Any) -> jax.Array:
    """Mean absolute difference."""
    return jnp.mean(jnp.abs(at_least_float32(predictions) - at_least_float32(targets)))


def mse_loss(predictions: jax.Array, targets: Any) -> jax.Array:
    """Mean squared difference."""
    return jnp.mean(jnp.square(at_least_float32(predictions) - at_least_float32(targets)))


def contrastive_loss(logits: jax.Array) -> jax.Array:
    """Symmetric cross entropy: logits [n, n], where the matching pairs are on the diagonal."""
    pairs = jnp.arange(logits.shape[0])
    return (cross_entropy(logits, pairs) + cross_entropy(logits.T, pairs)) / 2
