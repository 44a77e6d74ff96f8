"""Inputs of activations whose gradient jumps: beside the jump, rounding decides which one it is."""

import contextlib

import torch
from torch import nn

KINKS = {
    nn.ReLU: (0,), nn.LeakyReLU: (0,), nn.PReLU: (0,), nn.ReLU6: (0, 6), nn.Hardtanh: (-1, 1),
    nn.Hardswish: (-3, 3), nn.Hardsigmoid: (-3, 3),
}  # fmt: skip
MARGIN = 1e-5


@contextlib.contextmanager
def margins(model):
    """Collects, in calls made inside, how far inputs are from a kink, in parts of their rms."""
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
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def is_clear(model, run):
    """Whether `run` keeps its distance from every kink of a model."""
    with torch.no_grad(), margins(model) as found:
        run()
    return min(found, default=1.0) >= MARGIN
