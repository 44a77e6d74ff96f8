"""Connectionist temporal classification, as one operation that compilers need not look into."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def ctc_loss(
    logits: Tensor,
    labels: Tensor,
    lengths: Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of all alignments of the labels (Graves et al. 2006), O(b s n).

    logits [b, s, classes], of which the first `lengths` [b] steps count; labels int [b, n], where
    negative ones are skipped. "mean" divides each sequence's loss by its number of labels before
    it averages, "sum" adds all up. A sequence too short for its labels has an infinite loss, or
    none with `zero_infinity`. In float64: the logarithm of a whole sequence's probability has
    used up most digits of float32 before differences of such are taken.
    """
    kept = labels >= 0
    counts = kept.sum(-1)
    # the labels first, in their order, then what is skipped
    order = torch.argsort((~kept).to(torch.int32), dim=-1, stable=True)
    targets = labels.gather(-1, order).clamp(min=0)
    scores = torch.log_softmax(logits.double(), dim=-1).transpose(0, 1)
    losses, _ = ctc_losses(scores, targets, lengths, counts, blank, zero_infinity)
    if zero_infinity:
        losses = torch.where(torch.isinf(losses), 0.0, losses)
    loss = losses.sum() if reduction == "sum" else (losses / counts.clamp(min=1)).mean()
    return loss.float()


@torch.library.custom_op("triptych::ctc_losses", mutates_args=())
def ctc_losses(
    scores: Tensor, targets: Tensor, lengths: Tensor, counts: Tensor, blank: int, zero: bool
) -> tuple[Tensor, Tensor]:
    """Losses [b] of scores [s, b, classes], and the forward variables [b, s, 2 n + 1]."""
    sizes = lengths.tolist(), counts.tolist()
    losses, alpha = torch.ops.aten._ctc_loss(scores, targets, *sizes, blank, zero)
    steps, batch, labels = scores.shape[0], scores.shape[1], targets.shape[1]
    whole = scores.new_zeros(batch, steps, 2 * labels + 1)
    whole[:, : alpha.shape[1], : alpha.shape[2]] = alpha
    return losses, whole


@ctc_losses.register_fake
def _(scores, targets, lengths, counts, blank, zero):
    steps, batch, _ = scores.shape
    return scores.new_empty(batch), scores.new_empty(batch, steps, 2 * targets.shape[1] + 1)


@torch.library.custom_op("triptych::ctc_gradient", mutates_args=())
def ctc_gradient(
    upstream: Tensor,
    scores: Tensor,
    targets: Tensor,
    lengths: Tensor,
    counts: Tensor,
    losses: Tensor,
    alpha: Tensor,
    blank: int,
    zero: bool,
) -> Tensor:
    """The gradient of `ctc_losses` for the scores."""
    sizes = lengths.tolist(), counts.tolist()
    alpha = alpha[:, :, : 2 * max(sizes[1], default=0) + 1].contiguous()
    arguments = (upstream.contiguous(), scores, targets, *sizes, losses, alpha, blank, zero)
    return torch.ops.aten._ctc_loss_backward(*arguments)


@ctc_gradient.register_fake
def _(upstream, scores, targets, lengths, counts, losses, alpha, blank, zero):
    return torch.empty_like(scores)


def _keep(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.blank, ctx.zero = inputs
    ctx.save_for_backward(*tensors, *output)


def _backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple:
    gradient = ctc_gradient(upstream, *ctx.saved_tensors, ctx.blank, ctx.zero)
    return gradient, None, None, None, None, None


ctc_losses.register_autograd(_backward, setup_context=_keep)
