"""The matrix products that no implementation can avoid.

Read by workers of every environment: nothing but numpy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from settings import LENGTH

COUNTED = ("bert", "roberta", "llama", "small-llama", "large-llama", "swin")


@dataclass(frozen=True)
class Product:
    """[count, m, k] x [count, k, n]; `count` is 1 for weights."""

    count: int
    m: int
    k: int
    n: int


def products(model: str, fields: dict[str, Any], batch: int) -> list[Product]:
    """The matrix products of one call, in order."""
    if "image_size" in fields:
        return _swin(fields, batch)
    width, inner = fields["hidden_size"], fields["intermediate_size"]
    rows, heads = batch * LENGTH, fields["num_attention_heads"]
    gated = "llama" in model
    layer = [
        *_attention(rows, width, batch * heads, LENGTH, width // heads),
        *[Product(1, rows, width, inner)] * (2 if gated else 1),
        Product(1, rows, inner, width),
    ]
    return layer * fields["num_hidden_layers"]


def _attention(rows: int, width: int, count: int, length: int, depth: int) -> list[Product]:
    square = Product(1, rows, width, width)
    scores, context = Product(count, length, depth, length), Product(count, length, length, depth)
    return [square, square, square, scores, context, square]


def _swin(fields: dict[str, Any], batch: int) -> list[Product]:
    side, width = fields["image_size"] // fields["patch_size"], fields["embed_dim"]
    window = fields["window_size"] ** 2
    found = [Product(1, batch * side**2, fields["num_channels"] * fields["patch_size"] ** 2, width)]
    for stage, (depth, heads) in enumerate(zip(fields["depths"], fields["num_heads"], strict=True)):
        rows, inner = batch * side**2, int(width * fields["mlp_ratio"])
        for _ in range(depth):
            found += _attention(rows, width, rows // window * heads, window, width // heads)
            found += [Product(1, rows, width, inner), Product(1, rows, inner, width)]
        if stage + 1 < len(fields["depths"]):
            found.append(Product(1, rows // 4, 4 * width, 2 * width))
            side, width = side // 2, width * 2
    return found


def operands(product: Product, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Left and right side; the result is as large as the left side, however many follow."""
    left = rng.standard_normal((product.count, product.m, product.k), dtype=np.float32)
    right = rng.standard_normal((product.count, product.k, product.n), dtype=np.float32)
    right /= np.sqrt(product.k, dtype=np.float32)
    return (left, right) if product.count > 1 else (left[0], right[0])
