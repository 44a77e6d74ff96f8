"""Small operations that PyTorch lacks, or has under another signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

if TYPE_CHECKING:
    from .cache import Cache


def one_of(*, unless: Any = None, **inputs: Any) -> None:
    """Raises InputError unless exactly one of the inputs is given.

    None of them need be where `unless` is given.
    """
    given = [name for name, value in inputs.items() if value is not None]
    if len(given) > 1 or (not given and unless is None):
        raise InputError(
            expected=f"exactly one of {', '.join(inputs)}", found=" and ".join(given) or "none"
        )


def new_positions(
    count: int, past: Cache | None = None, device: torch.device | None = None
) -> Tensor:
    """The positions of `count` new tokens, which follow those in the cache: int64 [1, count]."""
    positions = torch.arange(count, device=device)[None]
    return positions if past is None else positions + past.offset


def shape_of(x: Tensor) -> tuple[int, ...]:
    """The sizes of all axes."""
    return tuple(x.shape)


def widened(x: Tensor) -> Tensor:
    """x in float32, unless it is more exact already."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def take(x: Tensor, index: Tensor, axis: int = 0) -> Tensor:
    """The slices of x at `index`, whose axes stand where `axis` was."""
    index = index.to(x.device)
    if index.ndim == 1:
        return x.index_select(axis, index)
    axis %= x.ndim
    taken = x.index_select(axis, index.reshape(-1))
    return taken.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def take_along(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """The entries of x at `index` along one axis; the other axes correspond."""
    return torch.take_along_dim(x, index.long(), dim=axis)


def select_rows(x: Tensor, index: Tensor) -> Tensor:
    """One row per batch entry: x [b, s, ...], index [b] -> x[i, index[i]] [b, ...]."""
    return x[torch.arange(x.shape[0], device=x.device), index]


def pad(
    x: Tensor,
    after: Sequence[int],
    before: Sequence[int] | None = None,
    mode: str = "constant",
) -> Tensor:
    """Zeros behind (and before) the entries of each axis; a negative count cuts.

    `mode`: or, along the last axis, mirrored entries ("reflect"), the outermost ones again
    ("replicate") or those of the other end ("circular").
    """
    before = before or (0,) * x.ndim
    pairs = [size for pair in zip(reversed(before), reversed(after), strict=True) for size in pair]
    return F.pad(x, pairs) if mode == "constant" else F.pad(x, pairs[:2], mode)


def standardize(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 along the last axis, computed in float32 at least."""
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def l2_normalize(x: Tensor, axis: int = -1) -> Tensor:
    """x divided by its Euclidean norm along one axis."""
    return x / torch.linalg.vector_norm(x, dim=axis, keepdim=True)


def interpolate(
    x: Tensor, size: Sequence[int], mode: str = "bilinear", align_corners: bool = False
) -> Tensor:
    """Resizes x [b, c, h, w] to `size`, by nearest, bilinear or bicubic (a = -0.75), unfiltered."""
    corners = None if mode == "nearest" else align_corners
    return F.interpolate(x, tuple(size), mode=mode, align_corners=corners)


def bounded(x: Tensor, bound: int) -> int:
    """A whole number as a size; in compiled programs, which must know it, the bound."""
    return bound if torch.compiler.is_compiling() else min(int(x), bound)


def static_size(x: Tensor) -> int:
    """A whole number as a size; an InputError in compiled programs, which do not know it."""
    if torch.compiler.is_compiling():
        hint = "Give the model a bound for it, where it takes one"
        raise InputError("compiled programs have no sizes that depend on values", hint=hint)
    return int(x)
