"""What PyTorch can do at best: the matrix products alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from generation_cases import TOKENS, Case, step
from products import Product, operands, products


def forward(model: str, fields: dict, batch: int, form: str) -> Callable[[], object]:
    pairs = _pairs(products(model, fields, batch))
    return torch.no_grad()(lambda: _multiply(pairs))


def generate(fields: dict, case: dict, form: str) -> Callable[[], object]:
    """The products of all steps; weights are read, the rest is noise."""
    case = Case(**case)
    dtype = getattr(torch, case.dtype)
    first = _pairs(step(fields, case.batch * case.prompt, case.batch), dtype)
    other = step(fields, case.rows, case.rows)
    lefts = (torch.ones(product.m, product.k, dtype=dtype) for product in other)
    other = [(left, right) for left, (_, right) in zip(lefts, first, strict=True)]

    def run() -> None:
        _multiply(first)
        for _ in range(TOKENS - 1):
            _multiply(other)

    return torch.inference_mode()(run)


def _pairs(found: list[Product], dtype: torch.dtype = torch.float32) -> list[tuple]:
    rng = np.random.default_rng(0)
    pairs = (map(torch.from_numpy, operands(product, rng)) for product in found)
    # Weights lie in memory as those of a linear layer do.
    return [(left.to(dtype), right.to(dtype).mT.contiguous().mT) for left, right in pairs]


def _multiply(pairs: list[tuple]) -> None:
    last = None
    for left, right in pairs:
        fits = last is not None and last.numel() == left.numel()
        last = torch.matmul(last.view(left.shape) if fits else left, right)


def decode(fields: dict, prompt: int, tokens: int, form: str) -> Callable[[], object]:
    """Reads as many bytes as the weights have, once for each token."""
    width, inner = fields["hidden_size"], fields["intermediate_size"]
    layer = 4 * width**2 + 3 * width * inner
    weights = fields["num_hidden_layers"] * layer + fields["vocab_size"] * width
    memory = torch.ones(weights)

    def run() -> None:
        for _ in range(tokens):
            memory.sum()

    return run
