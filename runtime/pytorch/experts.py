"""Rows that each go through a few of many feed-forward layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def mixture_of_experts(
    x: Tensor,
    weights: Tensor,
    index: Tensor,
    gate: Tensor | None,
    up: Tensor,
    down: Tensor,
    act: Callable[[Tensor], Tensor],
) -> Tensor:
    """Sum over j of weights[i, j] * expert index[i, j] of row i: [n, d].

    x [n, d]; weights and index [n, k]; the experts' matrices: gate and up [e, inner, d], down
    [e, d, inner]. Expert: down(act(gate(x)) * up(x)), or down(act(up(x))) without a gate.

    Each expert computes the rows that chose it: 3 n k inner d products. How many those are depends
    on values, so compiled code lets all experts compute all rows, 3 n e inner d.

    Mixture of experts with top-k gating: Shazeer et al. 2017; gated experts: Jiang et al. 2024.
    """
    total = torch.zeros_like(x)
    for number in range(up.shape[0]):
        if torch.compiler.is_compiling():
            share = torch.where(index == number, weights, 0).sum(-1, keepdim=True)
            total = total + _expert(x, number, gate, up, down, act) * share
            continue
        rows, choice = torch.where(index == number)
        if len(rows):
            found = _expert(x[rows], number, gate, up, down, act)
            total = total.index_add(0, rows, found * weights[rows, choice, None])
    return total


def _expert(
    x: Tensor,
    number: int,
    gate: Tensor | None,
    up: Tensor,
    down: Tensor,
    act: Callable[[Tensor], Tensor],
) -> Tensor:
    inner = F.linear(x, up[number])
    inner = act(inner) if gate is None else act(F.linear(x, gate[number])) * inner
    return F.linear(inner, down[number])
