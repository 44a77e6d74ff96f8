"""What is measured: models, inputs, and the matrix products that no implementation can avoid.

Read by workers of every environment: nothing but numpy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

LENGTH = 128


@dataclass(frozen=True)
class Model:
    """An architecture, and the fields of its configuration that differ from the defaults."""

    folder: str  # of the generated package
    prefix: str  # of class names
    config: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)  # what a quick run changes

    def fields(self, quick: bool = False, **changes: Any) -> dict[str, Any]:
        return {**self.config, **(self.quick if quick else {}), **changes}


BERT = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
# As large as GPT-2: three matrices of 2048 instead of two of 3072.
LLAMA = {
    "vocab_size": 50257,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "intermediate_size": 2048,
    "max_position_embeddings": 1024,
}
SMALL_LLAMA = {
    **LLAMA,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 688,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": None,
}
# 3.1 GB in float32
LARGE_LLAMA = {
    **LLAMA,
    "vocab_size": 32000,
    "hidden_size": 1536,
    "num_hidden_layers": 24,
    "intermediate_size": 4096,
}
SWIN = {
    "image_size": 224,
    "patch_size": 4,
    "num_channels": 3,
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
    "mlp_ratio": 4.0,
}
# with 130 million weights
MAMBA = {
    "vocab_size": 50280,
    "hidden_size": 768,
    "state_size": 16,
    "num_hidden_layers": 24,
    "expand": 2,
    "time_step_rank": 48,
}

MODELS = {
    "bert": Model("bert", "Bert", BERT, {"num_hidden_layers": 2}),
    "llama": Model("llama", "Llama", LLAMA, {"num_hidden_layers": 2}),
    "small-llama": Model("llama", "Llama", SMALL_LLAMA, {"vocab_size": 5000}),
    "large-llama": Model("llama", "Llama", LARGE_LLAMA, {"num_hidden_layers": 2}),
    "swin": Model("swin", "Swin", SWIN, {"depths": [2, 2], "num_heads": [3, 6]}),
    "mamba": Model("mamba", "Mamba", MAMBA, {"num_hidden_layers": 2}),
}
ONE_ATTENTION = ("swin", "mamba")  # models for which the reference leaves no choice
CACHING = ("llama", "mamba")  # models that would keep a cache unasked


def inputs(model: str, fields: dict[str, Any], batch: int) -> dict[str, np.ndarray]:
    """The arrays of one call: random tokens without padding, or random pixels."""
    rng = np.random.default_rng(0)
    if "image_size" in fields:
        size = (batch, fields["num_channels"], fields["image_size"], fields["image_size"])
        return {"pixel_values": rng.standard_normal(size, dtype=np.float32)}
    tokens = rng.integers(1, fields["vocab_size"], (batch, LENGTH), dtype=np.int32)
    return {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}


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
    if "state_size" in fields:
        return _mamba(fields, batch)
    width, inner = fields["hidden_size"], fields["intermediate_size"]
    rows, heads = batch * LENGTH, fields["num_attention_heads"]
    gated = model != "bert"
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


def _mamba(fields: dict[str, Any], batch: int) -> list[Product]:
    """Without the recurrence: its products are of single numbers."""
    rows, width, rank = batch * LENGTH, fields["hidden_size"], fields["time_step_rank"]
    inner = fields["expand"] * width
    layer = [
        Product(1, rows, width, 2 * inner),
        Product(1, rows, inner, rank + 2 * fields["state_size"]),
        Product(1, rows, rank, inner),
        Product(1, rows, inner, width),
    ]
    return layer * fields["num_hidden_layers"]


def operands(product: Product, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Left and right side; the result is as large as the left side, however many follow."""
    left = rng.standard_normal((product.count, product.m, product.k), dtype=np.float32)
    right = rng.standard_normal((product.count, product.k, product.n), dtype=np.float32)
    right /= np.sqrt(product.k, dtype=np.float32)
    return (left, right) if product.count > 1 else (left[0], right[0])
