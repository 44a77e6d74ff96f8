"""Losses; computed in float32, averaged over what is not ignored."""

from __future__ import annotations

from ..types import FLOATS, Tensor, Type
from .table import op


def scalar(*pairs: str):
    """A loss of predictions and targets, both tensors."""

    def rule(call) -> Type:
        predictions = call.tensor(call.params[0].name)
        if predictions.dtype not in FLOATS:
            call.fail(f"{call.name} takes float predictions", found=str(predictions))
        for name in pairs:
            call.tensor(name)
        return Tensor("float32", ())

    return rule


def _cross_entropy(call) -> Type:
    logits, labels = call.tensor("logits"), call.tensor("labels")
    if labels.dtype != "int":
        call.fail(
            "cross_entropy takes class numbers", expected="int[...]", found=str(labels), at="labels"
        )
    if logits.rank != labels.rank + 1:
        call.fail("the logits have one axis more than the labels", found=f"{logits} and {labels}")
    else:
        for have, want in zip(logits.shape[:-1], labels.shape, strict=True):
            call.same_dim(have, want)
    return Tensor("float32", ())


op(
    "cross_entropy(logits, labels, ignore_index=-100)",
    _cross_entropy,
    "cross_entropy(logits, labels, ignore_index=ignore_index)",
)


def _ctc_loss(call) -> Type:
    logits, labels = call.float_tensor("logits"), call.tensor("labels")
    lengths = call.tensor("lengths")
    if logits.rank != 3 or labels.rank != 2 or lengths.rank != 1:
        call.fail("ctc_loss takes float[b, s, classes], int[b, n] and int[b]", found=str(logits))
    for tensor in (labels, lengths):
        if tensor.dtype != "int":
            call.fail("ctc_loss takes whole numbers", expected="int[...]", found=str(tensor))
        call.same_dim(tensor.shape[0], logits.shape[0])
    return Tensor("float32", ())


op(
    'ctc_loss(logits, labels, lengths, blank=0, reduction="mean", zero_infinity=False)',
    _ctc_loss,
    "ctc_loss(logits, labels, lengths, blank=blank, reduction=reduction, "
    "zero_infinity=zero_infinity)",
)
op("next_token_loss(logits, labels)", _cross_entropy, "next_token_loss(logits, labels)")
op(
    "classification_loss(logits, labels, problem_type, num_labels)",
    scalar("labels"),
    "classification_loss(logits, labels, problem_type, num_labels)",
)
op(
    "known_labels_loss(logits, labels, num_classes)",
    scalar("labels"),
    "known_labels_loss(logits, labels, num_classes)",
)
op(
    "span_loss(start_logits, end_logits, start_positions, end_positions)",
    scalar("end_logits"),
    "span_loss(start_logits, end_logits, start_positions, end_positions)",
)
op("l1_loss(predictions, targets)", scalar("targets"), "l1_loss(predictions, targets)")
op("mse_loss(predictions, targets)", scalar("targets"), "mse_loss(predictions, targets)")
op("contrastive_loss(logits)", scalar(), "contrastive_loss(logits)")
