"""What is generated: cases, their prompts, and the matrix products of their steps.

Read by workers of every environment: nothing but numpy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from products import Product

TOKENS = 64
END = 50256  # GPT-2's; random weights do not come to it


@dataclass(frozen=True)
class Case:
    """One call of `generate`."""

    prompt: int = 32
    batch: int = 1
    beams: int = 1
    dtype: str = "float32"

    @property
    def rows(self) -> int:
        """How many texts a step continues."""
        return self.batch * self.beams

    @property
    def is_large(self) -> bool:
        """Whether its caches and first steps take gigabytes at GPT-2's size."""
        return self.rows * self.prompt > 4096

    def options(self, tokens: int) -> dict[str, Any]:
        """Arguments of `generate`, the same for product and reference."""
        return {
            "max_new_tokens": tokens,
            "num_beams": self.beams,
            "do_sample": False,
            "eos_token_id": END,
            "pad_token_id": END,
        }

    def ids(self) -> np.ndarray:
        """The prompts: int32[batch, prompt]."""
        size = (self.batch, self.prompt)
        return np.random.default_rng(0).integers(2, END, size, dtype=np.int32)

    def __str__(self) -> str:
        search = "greedy" if self.beams == 1 else f"{self.beams} beams"
        other = "" if self.dtype == "float32" else f", {self.dtype}"
        return f"prompt {self.prompt}, batch {self.batch}, {search}{other}"


def weights(fields: dict[str, Any]) -> int:
    """How many numbers a step reads: all but the table of positions."""
    width = fields["n_embd"]
    layer = 12 * width**2 + 13 * width
    return fields["n_layer"] * layer + 2 * width + fields["vocab_size"] * width


def step(fields: dict[str, Any], rows: int, texts: int) -> list[Product]:
    """The matrix products of a step that reads `rows` tokens of `texts` texts.

    Without those of attention, which are small beside them.
    """
    width = fields["n_embd"]
    layer = [
        Product(1, rows, width, 3 * width),
        Product(1, rows, width, width),
        Product(1, rows, width, 4 * width),
        Product(1, rows, 4 * width, width),
    ]
    return [*layer * fields["n_layer"], Product(1, texts, width, fields["vocab_size"])]
