"""Arrays of any framework as numpy ones, for what runs between steps in Python."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(value: Any) -> np.ndarray:
    """A host copy of an array, tensor, list or number."""
    if hasattr(value, "detach"):  # a tensor of PyTorch may be on another device
        value = value.detach().cpu()
    return np.asarray(value)
