"""Places where a gradient or a value jumps: beside the jump, rounding decides which it is.

Gradients of activations jump at some inputs, and those of values between the pixels of a map on
the lines that go through the pixels. Values jump where the largest of some scores are chosen.
"""

import contextlib
from unittest import mock

import torch
from torch import nn

KINKS = {
    nn.ReLU: (0,), nn.LeakyReLU: (0,), nn.PReLU: (0,), nn.ReLU6: (0, 6), nn.Hardtanh: (-1, 1),
    nn.Hardswish: (-3, 3), nn.Hardsigmoid: (-3, 3),
}  # fmt: skip
MARGIN = 1e-5


@contextlib.contextmanager
def margins(model):
    """Collects, in calls made inside, how far inputs are from a kink: in parts of their rms, or
    of a pixel."""
    found = []

    def measure(module, inputs):
        x = inputs[0].detach().double()
        size = x.square().mean().sqrt().clamp_min(1e-30)
        found.extend(float((x - kink).abs().min() / size) for kink in KINKS[type(module)])

    handles = [
        module.register_forward_pre_hook(measure)
        for module in model.modules()
        if type(module) in KINKS
    ]
    sample = nn.functional.grid_sample

    def sampled(x, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
        sizes = grid.new_tensor([x.shape[-1], x.shape[-2]])
        wide = sizes - 1 if align_corners else sizes
        at = ((grid.detach() + 1) * wide - (wide - sizes + 1)) / 2
        inside = ((at >= -1 - MARGIN) & (at <= sizes + MARGIN)).all(-1)
        far = (at - at.round()).abs()[inside]
        found.extend([float(far.min())] if far.numel() else [])
        return sample(x, grid, mode, padding_mode, align_corners)

    patch = mock.patch.object(nn.functional, "grid_sample", sampled)
    try:
        with patch:
            yield found
    finally:
        for handle in handles:
            handle.remove()


def is_clear(model, run):
    """Whether `run` keeps its distance from every kink of a model."""
    with torch.no_grad(), margins(model) as found:
        run()
    return min(found, default=1.0) >= MARGIN


@contextlib.contextmanager
def choices():
    """Collects, in calls made inside, scores of which the largest are chosen, and how many."""
    found, top_k, argmax = [], torch.topk, torch.Tensor.argmax

    def chosen(scores, k, *rest, **options):
        found.append((scores.detach().float(), k))
        return top_k(scores, k, *rest, **options)

    def largest(scores, dim=None, keepdim=False):
        if scores.is_floating_point() and dim in (-1, scores.ndim - 1):
            found.append((scores.detach().float(), 1))
        return argmax(scores, dim, keepdim)

    with (
        mock.patch.object(torch, "topk", chosen),
        mock.patch.object(torch.Tensor, "argmax", largest),
    ):
        yield found


def are_settled(exact, rounded):
    """Whether the second scores, rounded all along, leave all choices well alone.

    The last score that is chosen and the first one that is not: they are further apart than twice
    what rounding changes any two such scores by, each time as a share of the larger.
    """
    for (scores, count), (others, _) in zip(exact, rounded, strict=True):
        if count < scores.shape[-1]:
            best, places = scores.topk(count + 1, dim=-1)
            size = best[..., -2].abs()
            margin = (best[..., -2] - best[..., -1]) / size
            change = (others.gather(-1, places) - best)[..., -2:].abs().amax(-1) / size
            if margin.min() < 2 * change.max():
                return False
    return True
