"""Ops that take the largest or the mean of square parts of a picture."""

from __future__ import annotations

import math

from ..dims import Dim, opaque
from ..types import FLOATS, UNKNOWN, Tensor, Type
from .table import op


def _pair(call, name: str) -> tuple[Dim, Dim]:
    """One size for both axes, or one for each."""
    sizes = (call.dim(name),) if call.dim(name) is not None else call.dims(name)
    if len(sizes) not in (1, 2):
        expected = "one size, or one an axis"
        call.fail(f"{call.name}: {name}", expected=expected, found=str(len(sizes)), at=name)
    return (sizes[0], sizes[-1])


def _windows(call, size: Dim, kernel: Dim, stride: Dim, padding: Dim) -> Dim:
    """How many windows there are along an axis; the last one starts before the padding's end."""
    length = size + padding * 2 - kernel
    ceiling = call.value("ceil_mode")
    if ceiling is False:
        return opaque("//", length, stride) + 1
    numbers = [dim.constant for dim in (size, kernel, stride, padding)]
    if ceiling is UNKNOWN or None in numbers:
        return call.unknown("windows")
    size, kernel, stride, padding = numbers
    count = math.ceil((size + 2 * padding - kernel) / stride) + 1
    return Dim.of(count - ((count - 1) * stride >= size + padding))


def _pool(call) -> Type:
    x = call.tensor("x")
    if x.rank != 4 or x.dtype not in FLOATS:
        call.fail(f"{call.name} takes float[b, c, h, w]", found=str(x), at="x")
        return x
    kernel, padding = _pair(call, "kernel_size"), _pair(call, "padding")
    stride = kernel if call.value("stride") is None else _pair(call, "stride")
    axes = zip(x.shape[2:], kernel, stride, padding, strict=True)
    return Tensor(x.dtype, (*x.shape[:2], *(_windows(call, *axis) for axis in axes)))


# the stride is the window's size where none is given
op(
    "max_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False)",
    _pool,
    "F.max_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)",
    "max_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)",
    "max_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)",
)
op(
    "avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)",
    _pool,
    "F.avg_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, "
    "count_include_pad=count_include_pad)",
    "avg_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, "
    "count_include_pad=count_include_pad)",
    "avg_pool2d(x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, "
    "count_include_pad=count_include_pad)",
)


def _adaptive(call) -> Type:
    x = call.tensor("x")
    if x.rank != 4 or x.dtype not in FLOATS:
        call.fail(f"{call.name} takes float[b, c, h, w]", found=str(x), at="x")
        return x
    return Tensor(x.dtype, (*x.shape[:2], *_pair(call, "size")))


# parts of about equal size, which may overlap by a pixel
op(
    "adaptive_avg_pool2d(x, size)",
    _adaptive,
    "F.adaptive_avg_pool2d(x, size)",
    "adaptive_avg_pool2d(x, size)",
    "adaptive_avg_pool2d(x, size)",
)
