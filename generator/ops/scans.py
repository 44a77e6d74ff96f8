"""Recurrences along a sequence."""

from __future__ import annotations

from ..dims import Dim
from ..types import Tensor, TupleOf, Type
from .table import op


def _selective_scan(call) -> Type:
    """x[b, s, d], steps[b, s, d], decay[d, n], into[b, s, n], out[b, s, n], state[b, d, n]."""
    x = call.tensor("x")
    names = ("x", "steps", "decay", "into", "out", "state")
    ranks = (3, 3, 2, 3, 3, 3)
    for name, rank in zip(names, ranks, strict=True):
        if call.tensor(name).rank != rank:
            call.fail(
                "selective_scan takes x[b, s, d], steps[b, s, d], decay[d, n], into[b, s, n], "
                "out[b, s, n] and state[b, d, n]",
                found=str(call.tensor(name)),
                at=name,
            )
            return TupleOf((x, call.tensor("state")))
    b, s, d = x.shape
    n = call.tensor("decay").shape[1]
    shapes = {"steps": (b, s, d), "decay": (d, n), "into": (b, s, n), "out": (b, s, n)}
    for name, shape in {**shapes, "state": (b, d, n)}.items():
        for have, want in zip(call.tensor(name).shape, shape, strict=True):
            call.same_dim(have, want, what=f"the size of {name} is", at=name)
    return TupleOf((x, Tensor("float32", (b, d, n))))


# state[t] = exp(decay * steps[t]) * state[t - 1] + steps[t] * into[t] * x[t]
# y[t] = out[t] . state[t]
op(
    "selective_scan(x, steps, decay, into, out, state)",
    _selective_scan,
    "selective_scan(x, steps, decay, into, out, state)",
)


def _wkv(call) -> Type:
    """keys[b, s, d], values[b, s, d], decay[d], first[d], state[b, 3, d]."""
    keys, names = call.tensor("keys"), ("keys", "values", "decay", "first", "state")
    for name, rank in zip(names, (3, 3, 1, 1, 3), strict=True):
        if call.tensor(name).rank != rank:
            call.fail(
                "wkv takes keys[b, s, d], values[b, s, d], decay[d], first[d] and state[b, 3, d]",
                found=str(call.tensor(name)),
                at=name,
            )
            return TupleOf((keys, call.tensor("state")))
    b, s, d = keys.shape
    state = (b, Dim.of(3), d)
    shapes = {"values": (b, s, d), "decay": (d,), "first": (d,), "state": state}
    for name, shape in shapes.items():
        for have, want in zip(call.tensor(name).shape, shape, strict=True):
            call.same_dim(have, want, what=f"the size of {name} is", at=name)
    return TupleOf((keys, Tensor("float32", state)))


# y[t]: the mean of the values up to t, weighted by exp(key), less by `decay` a step, with `first`
# added to the last key
op("wkv(keys, values, decay, first, state)", _wkv, "wkv(keys, values, decay, first, state)")
