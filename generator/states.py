"""Kinds of state that a model keeps between calls, with the types of their methods."""

from __future__ import annotations

from .dims import Dim, Opaque
from .ops.table import Param, parse_signature
from .types import BOOL, NONE, Tensor, TupleOf, Type

# the keys and values of all positions so far; of another sequence, filled once; a tensor
# [b, rows, columns] that each call replaces
SIGNATURES = (
    "kv_cache(heads, head_dim, window=None)",
    "cross_cache(heads, head_dim)",
    "tensor_state(rows, columns, wide=False)",
)
STATES: dict[str, tuple[Param, ...]] = dict(map(parse_signature, SIGNATURES))
METHODS = {
    "kv_cache": ("update",),
    "cross_cache": ("fill", "read", "filled"),
    "tensor_state": ("recall", "keep"),
}
RETURN_WHAT_THEY_GET = ("update", "fill", "recall")  # where there is no cache


def length_of(name: str) -> Dim:
    """The number of positions in a state: as long as itself only."""
    return Dim.of(Opaque("length", (Dim.of(name),)))


def is_length(dim: Dim) -> bool:
    return any(
        isinstance(atom, Opaque) and atom.operation == "length"
        for monomial, _ in dim.terms
        for atom, _ in monomial
    )


def method_type(call) -> Type:
    """The result of `state.method(...)`; `call` offers the state's sizes and the arguments."""
    if call.method in ("recall", "keep"):
        (tensor,) = call.tensors(1)
        if tensor.rank != 3:
            call.fail(f"{call.method} takes a tensor [batch, rows, columns]", found=str(tensor))
            return tensor
        call.same_dim(tensor.shape[1], call.size("rows"), what="the state's rows are")
        call.same_dim(tensor.shape[2], call.size("columns"), what="the state's columns are")
        return tensor if call.method == "recall" else NONE
    heads, depth = call.size("heads"), call.size("head_dim")
    if call.method == "filled":
        return BOOL
    if call.method == "read":
        kept = Tensor("float", (call.batch, heads, length_of(call.state), depth))
        return TupleOf((kept, kept))
    keys, values = call.tensors(2)
    for tensor in (keys, values):
        if tensor.rank != 4:
            call.fail(f"{call.method} takes float[batch, heads, length, depth]", found=str(tensor))
            return TupleOf((keys, values))
        call.same_dim(tensor.shape[1], heads, what="the state's heads (second axis) are")
        call.same_dim(tensor.shape[3], depth, what="the state's depth (last axis) is")
    length = length_of(call.state)
    shapes = ((t.shape[0], t.shape[1], length, t.shape[3]) for t in (keys, values))
    return TupleOf(tuple(Tensor("float", shape) for shape in shapes))
