"""Recurrences along a sequence."""

from __future__ import annotations

import torch
from torch import Tensor


def selective_scan(
    x: Tensor, steps: Tensor, decay: Tensor, into: Tensor, out: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """The selective state space: (y [b, s, d] of the type of x, the last state [b, d, n]).

    state[t] = exp(decay * steps[t]) * state[t - 1] + steps[t] * into[t] * x[t]
    y[t] = sum over n of out[t] * state[t]

    x and steps [b, s, d]; decay [d, n]; into and out [b, s, n]; state [b, d, n]. Computed in
    float32, position after position: s steps of b d n numbers; gradients keep s b d n.

    Gu, Dao 2023, section 3.2, with the Euler rule for what goes in.
    """
    steps, wide = steps.float(), x.float()
    factors = torch.exp(steps[..., None] * decay.float())
    inputs = (steps * wide)[..., None] * into.float()[:, :, None]
    state, outputs = state.float(), []
    for factor, new, reading in zip(
        factors.unbind(1), inputs.unbind(1), out.float().unbind(1), strict=True
    ):
        state = factor * state + new
        outputs.append(torch.matmul(state, reading[..., None])[..., 0])
    return torch.stack(outputs, dim=1).to(x.dtype), state
