"""Models as compiled graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def compile(model: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The model's call as one graph, without a fall back to Python.

    `options` are those of `torch.compile`. With a static cache there is one graph for each number
    of new tokens, whatever the cache holds.
    """
    return torch.compile(model, **{"fullgraph": True, **options})
