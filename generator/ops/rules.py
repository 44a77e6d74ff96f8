"""Type rules that ops share. A rule takes the call and returns the type of its result.

The call (language/context.py) offers `type(name)`, `tensor(name)`, `value(name)` (UNKNOWN where it
is not known yet), `dim(name)`, `fail(message, ...)`, `same_dim(a, b)` and `broadcast(a, b)`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..dims import Dim
from ..types import FLOATS, UNKNOWN, Static, Tensor, Type


def same(name: str = "x", dtypes: tuple[str, ...] | None = None) -> Callable:
    def rule(call) -> Type:
        tensor = call.tensor(name)
        if dtypes and tensor.dtype not in dtypes:
            call.fail(f"{call.name} takes {' or '.join(dtypes)}", found=str(tensor), at=name)
        return tensor

    return rule


def static_or(tensor_rule: Callable) -> Callable:
    """The op also works on static numbers (`sqrt(head_dim)`)."""

    def rule(call) -> Type:
        if isinstance(call.type(call.params[0].name), Static):
            return Static("float")
        return tensor_rule(call)

    return rule


floating = same("x", FLOATS)


def boolean(name: str = "x") -> Callable:
    return lambda call: Tensor("bool", call.tensor(name).shape)


def broadcast(*names: str) -> Callable:
    def rule(call) -> Type:
        result = call.type(names[0])
        for name in names[1:]:
            result = call.broadcast(result, call.type(name))
        return result

    return rule


def axes_of(call, rank: int, name: str = "axis") -> tuple[int, ...]:
    """The non-negative axes given by a static int or list; all axes for None."""
    value = call.value(name)
    if value is UNKNOWN:
        call.fail(f"{call.name} needs an axis that is written as a number", at=name)
        return ()
    if value is None:
        return tuple(range(rank))
    axes = value if isinstance(value, (list, tuple)) else [value]
    for axis in axes:
        if not -rank <= axis < rank:
            call.fail(
                "axis out of range", expected=f"-{rank} to {rank - 1}", found=str(axis), at=name
            )
            return ()
    return tuple(axis % rank for axis in axes)


def axis_of(call, rank: int) -> int:
    """The non-negative axis given by a static int."""
    return (axes_of(call, rank) or (0,))[0]


def reduction(dtype: str | None = None, take: tuple[str, ...] | None = None) -> Callable:
    def rule(call) -> Type:
        tensor = call.tensor("x")
        if take and tensor.dtype not in take:
            call.fail(f"{call.name} takes {' or '.join(take)}", found=str(tensor), at="x")
        axes = axes_of(call, tensor.rank)
        if (
            any(param.name == "keepdims" for param in call.params)
            and call.value("keepdims") is True
        ):
            shape = [Dim.of(1) if i in axes else dim for i, dim in enumerate(tensor.shape)]
        else:
            shape = [dim for i, dim in enumerate(tensor.shape) if i not in axes]
        return Tensor(dtype or tensor.dtype, tuple(shape))

    return rule
