"""Recurrences along a sequence."""

from __future__ import annotations

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
