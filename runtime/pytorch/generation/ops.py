"""The array operations of decoding, in PyTorch.

The modules of this name have the same functions in all frameworks. `like` is an array whose device
new ones share; positions may be Python integers or scalars, and are clamped to the buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

int_ = torch.int64
float32 = torch.float32
bool_ = torch.bool

exp = torch.exp
expm1 = torch.expm1
log = torch.log
sqrt = torch.sqrt
abs_ = torch.abs
is_nan = torch.isnan
is_inf = torch.isinf
is_finite = torch.isfinite


def array(x: Any, dtype: torch.dtype | None = None, like: Tensor | None = None) -> Tensor:
    """An array; integers become `int_` and numbers float32 where no dtype is given."""
    x = torch.as_tensor(x, device=None if like is None else like.device)
    if dtype is None and x.dtype != bool_:
        dtype = float32 if x.is_floating_point() else int_
    return x if dtype is None else x.to(dtype)


def shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def arange(n: int, like: Tensor | None = None) -> Tensor:
    return torch.arange(n, device=None if like is None else like.device)


def full(
    shape: Sequence[int], value: Any, dtype: torch.dtype, like: Tensor | None = None
) -> Tensor:
    return torch.full(shape, value, dtype=dtype, device=None if like is None else like.device)


def cast(x: Any, dtype: torch.dtype) -> Tensor:
    """x, which may be a Python number, in that dtype."""
    return x.to(dtype) if isinstance(x, Tensor) else torch.tensor(x, dtype=dtype)


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    return x.reshape(shape)


def concat(arrays: Sequence[Tensor], axis: int) -> Tensor:
    return torch.cat(list(arrays), dim=axis)


def stack(arrays: Sequence[Tensor], axis: int) -> Tensor:
    return torch.stack(list(arrays), dim=axis)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, otherwise b; what Python can decide costs nothing."""
    if isinstance(condition, Tensor):
        return torch.where(condition, a, b)
    taken, other = (a, b) if condition else (b, a)
    shapes = [x.shape if isinstance(x, Tensor) else () for x in (taken, other)]
    if shapes[0] == torch.broadcast_shapes(*shapes):
        return taken
    if isinstance(taken, Tensor):
        return taken.expand_as(other).clone()
    return torch.full_like(other, taken)


def repeat_rows(x: Tensor, k: int) -> Tensor:
    """Every row k times in a row: [b, ...] to [b * k, ...]."""
    return x if k == 1 else x.repeat_interleave(k, dim=0)


def take_rows(x: Tensor, index: Tensor) -> Tensor:
    return x.index_select(0, index)


def take_columns(x: Tensor, index: Tensor) -> Tensor:
    """x[:, index]."""
    return x.index_select(1, index)


def take_along(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """Entries at `index` along an axis; its other axes are those of x, the later ones maybe 1."""
    return torch.take_along_dim(x, index, axis)


def top_k(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of the last axis, descending; of equal ones the first come first."""
    size = x.shape[-1]
    values, index = torch.topk(x, min(k + 1, size))
    if not bool((values[..., 1:] < values[..., :-1]).all()):  # topk takes any of equal ones
        values, index = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], index[..., :k]


def sort_descending(x: Tensor) -> tuple[Tensor, Tensor]:
    """Values and indices of the last axis; equal ones keep their order."""
    return torch.sort(x, dim=-1, descending=True, stable=True)


def argmax(x: Tensor) -> Tensor:
    """Of the last axis; of equal ones the first."""
    return x.argmax(dim=-1)


def reverse(x: Tensor) -> Tensor:
    """The last axis from its end on."""
    return x.flip(-1)


def cumsum(x: Tensor, axis: int) -> Tensor:
    return x.cumsum(dim=axis)


def softmax(x: Tensor) -> Tensor:
    return x.softmax(dim=-1)


def log_softmax(x: Tensor) -> Tensor:
    return x.log_softmax(dim=-1)


def logsumexp(x: Tensor) -> Tensor:
    """Over the last axis, which stays with size 1."""
    return x.logsumexp(dim=-1, keepdim=True)


def products(a: Tensor, b: Tensor) -> Tensor:
    """Scalar products of all vectors [b, m, h] with all [b, n, h]: [b, m, n]."""
    return a @ b.transpose(-1, -2)


def minimum(a: Any, b: Any) -> Any:
    """The smaller; of two Python numbers a Python number."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.minimum(a, b)
    if isinstance(a, Tensor):
        return a.clamp(max=b)
    return b.clamp(max=a) if isinstance(b, Tensor) else min(a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger; of two Python numbers a Python number."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.maximum(a, b)
    if isinstance(a, Tensor):
        return a.clamp(min=b)
    return b.clamp(min=a) if isinstance(b, Tensor) else max(a, b)


def any_(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.any(x, dim=axis, keepdim=keepdims) if axis is not None else x.any()


def all_(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.all(x, dim=axis, keepdim=keepdims) if axis is not None else x.all()


def sum_(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Of booleans: how many hold."""
    return torch.sum(x, dim=axis, keepdim=keepdims)


def max_(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.amax(x, dim=() if axis is None else axis, keepdim=keepdims)


def min_(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.amin(x, dim=() if axis is None else axis, keepdim=keepdims)


def mean_(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.mean(x, dim=axis, keepdim=keepdims)


def _clamped(position: Any, size: int) -> int:
    return max(0, min(int(position), size - 1))


def column(ids: Tensor, position: Any) -> Tensor:
    """ids [b, c, ...] at one position of the second axis."""
    return ids[:, _clamped(position, ids.shape[1])]


def columns(ids: Tensor, start: Any, count: int) -> Tensor:
    """`count` positions of the second axis, from one that leaves room for them."""
    start = _clamped(start, ids.shape[1] - count + 1)
    return ids[:, start : start + count]


def set_column(ids: Tensor, position: Any, values: Tensor) -> Tensor:
    """A copy of ids [b, c, ...] with `values` [b, ...] at a position."""
    ids = ids.clone()
    ids[:, _clamped(position, ids.shape[1])] = values
    return ids


def scatter_any(index: Tensor, valid: Any, size: int) -> Tensor:
    """bool [b, size]: where some valid index [b, m] points; those outside are ignored.

    `index` and `valid` are broadcast.
    """
    index = torch.where(_inside(index, size) & valid, index, size)
    found = torch.zeros(index.shape[0], size + 1, dtype=bool_, device=index.device)
    return found.scatter_(1, index, True)[:, :size]


def scatter_add(index: Tensor, values: Tensor, size: int) -> Tensor:
    """[b, size]: the sum of those values [b, m] whose index is this one, 0 elsewhere."""
    index = torch.where(_inside(index, size), index, size)
    sums = torch.zeros(index.shape[0], size + 1, dtype=values.dtype, device=index.device)
    return sums.scatter_add_(1, index, values)[:, :size]


def _inside(index: Tensor, size: int) -> Tensor:
    return (index >= 0) & (index < size)


def make_key(seed: int | None, like: Tensor | None = None) -> torch.Generator | None:
    """A source of random numbers; without seed PyTorch's own, None."""
    if seed is None:
        return None
    device = "cpu" if like is None else like.device
    return torch.Generator(device=device).manual_seed(seed)


def split_key(key: torch.Generator | None) -> tuple[Any, Any]:
    """Two sources; here the same one, which moves on by itself."""
    return key, key


def gumbel(key: torch.Generator | None, like: Tensor) -> Tensor:
    """Gumbel noise of that shape."""
    return -torch.empty_like(like).exponential_(generator=key).log()


def normal(key: torch.Generator | None, like: Tensor) -> Tensor:
    """Standard normal numbers of that shape."""
    return torch.empty_like(like).normal_(generator=key)


def gamma(key: torch.Generator | None, concentration: Tensor) -> Tensor:
    """Gamma variables of rate 1."""
    return torch._standard_gamma(concentration, generator=key)


def poisson(key: torch.Generator | None, rate: Tensor) -> Tensor:
    """Counts, as numbers of the rates' type."""
    return torch.poisson(rate, generator=key)


def categorical(key: torch.Generator | None, log_weights: Tensor) -> Tensor:
    """One draw per row of [b, n]: int [b]. Weights need not sum to 1."""
    return torch.multinomial(log_weights.softmax(dim=-1), 1, generator=key)[:, 0]


def sample_without_replacement(key: torch.Generator | None, log_weights: Tensor, k: int) -> Tensor:
    """k different draws per row of [b, n], in the order drawn: int [b, k]."""
    return torch.multinomial(log_weights.softmax(dim=-1), k, generator=key)


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
    """state = body(state) as long as cond(state) holds; the state is any nested structure."""
    while bool(cond(state)):
        state = body(state)
    return state


def call_user(function: Callable, ids: Tensor, length: Any, scores: Tensor) -> Tensor:
    """A caller's own rule, which gets the tokens so far and the scores."""
    return function(ids[:, : int(length)], scores)


def item(x: Any) -> Any:
    """A Python number from a scalar."""
    return x.item() if isinstance(x, Tensor) else x


def to_numpy(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()
