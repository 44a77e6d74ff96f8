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
    float32, position after position: s steps of b n d numbers, which stay in the processor's
    cache; gradients keep s b n d.

    Gu, Dao 2023, section 3.2, with the Euler rule for what goes in.
    """
    steps, decay, state = steps.float(), decay.float().T.contiguous(), state.float().mT
    rows = (steps[:, :, None], (steps * x.float())[:, :, None], out.float()[:, :, None])
    columns = into.float()[..., None]
    outputs = []
    for step, new, reading, writing in zip(*(a.unbind(1) for a in (*rows, columns)), strict=True):
        state = torch.addcmul(torch.exp(step * decay) * state, writing, new)
        outputs.append(torch.matmul(reading, state))
    return torch.cat(outputs, dim=1).to(x.dtype), state.mT


def wkv(
    keys: Tensor, values: Tensor, decay: Tensor, first: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Attention without queries: (y [b, s, d] of the type of the keys, the last state [b, 3, d]).

    y[t] is the mean of values[i], i <= t, with weights exp(keys[i] - (t - 1 - i) * decay) for
    earlier ones and exp(keys[t] + first) for the last.

    keys and values [b, s, d]; decay (positive) and first [d]; state: numerator and denominator,
    over the exponential of the largest exponent, which is the third row (-1e38 before the first
    token). In float32, position after position: s steps of b d numbers.

    Peng et al. 2023, section 3.1 and appendix D.
    """
    top_decay, first = -decay.float(), first.float()
    numerator, denominator, top = state.float().unbind(1)
    outputs = []
    for key, new in zip(keys.float().unbind(1), values.float().unbind(1), strict=True):
        high = torch.maximum(top, key + first)
        old, own = torch.exp(top - high), torch.exp(key + first - high)
        outputs.append((old * numerator + own * new) / (old * denominator + own))
        high = torch.maximum(top + top_decay, key)
        old, own = torch.exp(top + top_decay - high), torch.exp(key - high)
        numerator, denominator, top = old * numerator + own * new, old * denominator + own, high
    last = torch.stack((numerator, denominator, top), dim=1)
    return torch.stack(outputs, dim=1).to(keys.dtype), last
