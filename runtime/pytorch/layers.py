"""Layers that PyTorch lacks, or has with another meaning."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .functional import widened


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) * weight over the last axis (Zhang, Sennrich 2019).

    The statistics are float32; the result is rounded to x's dtype before it is scaled.
    """

    def __init__(self, size: int, eps: float = 1e-6):
        super().__init__()
        self.size = (size,)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        wide = widened(x)
        if wide is x:
            return F.rms_norm(x, self.size, self.weight, self.eps)
        return self.weight * F.rms_norm(wide, self.size, eps=self.eps).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.size[0]}, eps={self.eps}"


class ScaledEmbedding(nn.Embedding):
    """Rows of a table, multiplied by `scale`."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        scale: float,
        padding_idx: int | None = None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        self.scale = scale

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids) * self.scale

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale={self.scale:.4g}"


class DropPath(nn.Module):
    """In training, drops whole rows of the batch: stochastic depth (Huang et al. 2016)."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return x
        keep = 1 - self.rate
        kept = x.new_empty((x.shape[0], *[1] * (x.ndim - 1))).bernoulli_(keep)
        return x * kept / keep if keep else x * kept

    def extra_repr(self) -> str:
        return f"{self.rate}"
