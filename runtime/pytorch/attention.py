"""Attention over [b, heads, s, d], on a fused kernel wherever nothing else is asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError, nearest
from .functional import widened
from .masks import Mask
from .taps import NO_TAPS, Taps

EMPTY = Mask()


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Mask | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: nn.Dropout | None = None,
    softcap: float | None = None,
    emit: str | None = None,
    taps: Taps = NO_TAPS,
) -> Tensor:
    """softmax(q k' * scale + bias) v over the keys that the mask allows: [b, n, s, e].

    q [b, n, s, d]; k [b, m, t, d] and v [b, m, t, e], where m divides n (grouped queries);
    bias [b|1, n|1, s, t]; scale is d**-0.5 by default. `dropout` is applied to the probabilities,
    `softcap` * tanh(scores / softcap) to the scores. A query without an allowed key gets the mean
    of all values. The probabilities are added to `taps` under the name `emit` if it is wanted.

    Scaled dot-product attention: Vaswani et al. 2017; grouped queries: Ainslie et al. 2023.
    """
    if torch.is_autocast_enabled(q.device.type):
        # Otherwise a float32 mask would be cast on the way, and its least number become -inf.
        dtype = torch.get_autocast_dtype(q.device.type)
        q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
    rate = dropout.p if dropout is not None and dropout.training else 0.0
    if softcap is not None or (emit is not None and taps.wants(emit)):
        context, probabilities = explicit(q, k, v, mask or EMPTY, bias, scale, rate, softcap)
        if emit is not None:
            taps.add(**{emit: probabilities})
        return context
    if taps.attention is None:
        return fused(q, k, v, mask or EMPTY, bias, scale, rate)
    return _implementation(taps.attention)(q, k, v, mask or EMPTY, bias, scale, rate)


def fused(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Mask,
    bias: Tensor | None,
    scale: float | None,
    rate: float,
) -> Tensor:
    """Attention on PyTorch's own kernels."""
    queries, keys = q.shape[2], k.shape[2]
    # The least float16 is too close to real scores to drown them; kernels of the CPU take float32.
    wide = q.dtype == torch.float16 and q.device.type == "cpu"
    dtype = torch.float32 if wide else q.dtype
    if torch.is_grad_enabled() and mask.bars_a_query(queries, keys, q.device):
        # Kernels keep no more of a row than the logarithm of its sum, in which the least finite
        # number drowns the number of keys: their gradient would be that many times too large.
        return explicit(q, k, v, mask, bias, scale, rate)[0]
    added, is_causal = mask.lowered(queries, keys, dtype, q.device, dense=bias is not None)
    if bias is not None:
        added = _add(bias.to(dtype), added)
    heads, groups = q.shape[1], k.shape[1]
    if heads == groups:
        return F.scaled_dot_product_attention(q, k, v, added, rate, is_causal, scale=scale)
    if queries == 1 and (added is None or added.shape[1] == 1):
        # The heads of a group stand for queries: no kernel then copies the keys for each head.
        q = q.reshape(q.shape[0], groups, heads // groups, q.shape[3])
        context = F.scaled_dot_product_attention(q, k, v, added, rate, is_causal, scale=scale)
        return context.reshape(context.shape[0], heads, 1, v.shape[3])
    grouped = added is None or q.device.type == "cpu"
    if not grouped:  # no kernel for GPUs takes grouped heads and a mask
        k, v = _for_each_head(k, heads), _for_each_head(v, heads)
    return F.scaled_dot_product_attention(
        q, k, v, added, rate, is_causal, scale=scale, enable_gqa=grouped
    )


def _for_each_head(x: Tensor, heads: int) -> Tensor:
    """[b, m, t, d] -> [b, heads, t, d], each head of x for heads / m neighbours."""
    b, groups, length, depth = x.shape
    spread = x[:, :, None].expand(b, groups, heads // groups, length, depth)
    return spread.reshape(b, heads, length, depth)


def explicit(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Mask,
    bias: Tensor | None,
    scale: float | None,
    rate: float,
    softcap: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention step by step: (context, probabilities [b, n, s, t] after dropout)."""
    b, heads, queries, depth = q.shape
    groups, keys = k.shape[1], k.shape[2]
    # The heads of a group are stacked along the queries, since they read the same keys.
    q = q.reshape(b, groups, -1, depth)
    scores = torch.matmul(q, k.transpose(2, 3)).view(b, heads, queries, keys)
    scores = scores * (depth**-0.5 if scale is None else scale)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    scores = widened(scores)
    added = mask.additive(queries, keys, scores.dtype, scores.device)
    if bias is not None:
        scores = _add(scores + bias, added)
    elif added is not None:
        scores = scores + added
    probabilities = torch.softmax(scores, dim=-1).to(v.dtype)
    probabilities = F.dropout(probabilities, rate, training=rate > 0)
    context = torch.matmul(probabilities.view(b, groups, -1, keys), v)
    return context.view(b, heads, queries, -1), probabilities


Implementation = Callable[..., Tensor]

IMPLEMENTATIONS: dict[str, Implementation] = {
    "eager": lambda *arguments: explicit(*arguments)[0],
    "fused": fused,
    "sdpa": fused,
}


def register_attention(name: str, implementation: Implementation) -> None:
    """Makes an implementation, called like `fused`, available as `attn_implementation`."""
    IMPLEMENTATIONS[name] = implementation


def _implementation(name: str) -> Implementation:
    if name not in IMPLEMENTATIONS:
        known = ", ".join(sorted(IMPLEMENTATIONS))
        hint = nearest(name, IMPLEMENTATIONS)
        raise InputError(
            key="attn_implementation", expected=f"one of {known}", found=name, hint=hint
        )
    return IMPLEMENTATIONS[name]


def _add(bias: Tensor, added: Tensor | None) -> Tensor:
    if added is None:
        return bias
    total = bias + added
    # Two least finite numbers would make -inf, and a row of nothing else NaN; -inf itself stays.
    least = added.clamp(max=torch.finfo(added.dtype).min)
    return torch.where(total < least, least, total)
