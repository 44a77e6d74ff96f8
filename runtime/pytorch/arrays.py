"""PyTorch tensors as numpy arrays and back, without copies wherever that is possible."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import torch
from torch import Tensor

# Types that PyTorch's bridge to numpy does not know pass as integers of the same size.
FOREIGN: dict[torch.dtype, tuple[torch.dtype, type]] = {
    torch.bfloat16: (torch.int16, ml_dtypes.bfloat16),
    torch.float8_e4m3fn: (torch.uint8, ml_dtypes.float8_e4m3fn),
    torch.float8_e5m2: (torch.uint8, ml_dtypes.float8_e5m2),
}
BY_NUMPY = {np.dtype(item): (carrier, dtype) for dtype, (carrier, item) in FOREIGN.items()}


def to_numpy(tensor: Tensor) -> np.ndarray:
    """The values of a tensor; a view if it lies in the CPU's memory."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype in FOREIGN:
        carrier, dtype = FOREIGN[tensor.dtype]
        return tensor.view(carrier).numpy().view(dtype)
    return tensor.numpy()


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor of the values; a view if the array can be written to."""
    if not array.flags.writeable:
        array = array.copy()
    if array.dtype in BY_NUMPY:
        carrier, dtype = BY_NUMPY[array.dtype]
        integers = np.dtype(f"{'i2' if carrier == torch.int16 else 'u1'}")
        return torch.from_numpy(array.view(integers)).view(dtype)
    return torch.from_numpy(array)
