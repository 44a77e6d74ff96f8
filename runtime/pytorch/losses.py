"""Losses: in float32 or better, averaged over what is not ignored."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .functional import widened


def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    """Mean of -log softmax(logits)[label] over the kept labels (NaN without any).

    logits [..., classes], labels int [...].
    """
    logits = widened(logits.reshape(-1, logits.shape[-1]))
    return F.cross_entropy(logits, labels.reshape(-1).long(), ignore_index=ignore_index)


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the logits of each position and the label of the next: [b, s, v], [b, s]."""
    # Moving the labels rather than cutting the logits, which would copy them.
    return cross_entropy(logits, F.pad(labels, (0, 1), value=-100)[..., 1:])


def classification_loss(
    logits: Tensor, labels: Tensor, problem_type: str | None, num_labels: int
) -> Tensor:
    """The loss of a classifier of whole inputs: logits [b, num_labels].

    problem_type None: regression for one label, classes for integer labels, else independent
    labels (as floats of the logits' shape).
    """
    if problem_type is None:
        if num_labels == 1:
            problem_type = "regression"
        elif labels.is_floating_point() or labels.dtype == torch.bool:
            problem_type = "multi_label_classification"
        else:
            problem_type = "single_label_classification"
    if problem_type == "regression":
        if num_labels == 1:
            logits, labels = logits.squeeze(), labels.squeeze()
        return mse_loss(logits, labels)
    if problem_type == "single_label_classification":
        return cross_entropy(logits.reshape(-1, num_labels), labels.reshape(-1))
    logits = widened(logits)
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


def known_labels_loss(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Of logits [b, num_classes], over the labels that are known: those that are not NaN.

    Squared differences, averaged, for one class; cross entropy of class numbers [b], averaged;
    else the binary cross entropies of [b, num_classes], summed (Ying et al. 2021).
    """
    if num_classes > 1 and labels.ndim == 1:
        return cross_entropy(logits, labels.long())
    logits, labels = widened(logits), labels.to(torch.float32).reshape(logits.shape)
    known = ~torch.isnan(labels)
    labels = torch.where(known, labels, 0.0)
    if num_classes == 1:
        return torch.where(known, (logits - labels) ** 2, 0.0).sum() / known.sum()
    losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return torch.where(known, losses, 0.0).sum()


def span_loss(
    start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor
) -> Tensor:
    """Mean of the cross entropies of both ends: logits [b, s], positions int [b] or [b, 1].

    Positions are clamped to 0..s; those at s, outside the text, are ignored.
    """
    length = start_logits.shape[1]

    def loss(logits: Tensor, positions: Tensor) -> Tensor:
        return cross_entropy(logits, positions.reshape(-1).clamp(0, length), ignore_index=length)

    return (loss(start_logits, start_positions) + loss(end_logits, end_positions)) / 2


def l1_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference."""
    predictions = widened(predictions)
    return F.l1_loss(predictions, targets.to(predictions.dtype))


def mse_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """Mean squared difference."""
    predictions = widened(predictions)
    return F.mse_loss(predictions, targets.to(predictions.dtype))


def contrastive_loss(logits: Tensor) -> Tensor:
    """Symmetric cross entropy of [n, n] whose matching pairs are on the diagonal (CLIP, 2021)."""
    diagonal = torch.arange(logits.shape[0], device=logits.device)
    return (cross_entropy(logits, diagonal) + cross_entropy(logits.t(), diagonal)) / 2
