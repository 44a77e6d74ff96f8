"""Attention, masks and positions."""

from __future__ import annotations

from ..dims import Dim
from ..types import FLOATS, NONE, Mask, Tensor, Type, strip_optional
from .table import op


def _attention(call) -> Type:
    q, k, v = (call.tensor(name) for name in ("q", "k", "v"))
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        if tensor.rank != 4 or tensor.dtype not in FLOATS:
            call.fail(
                "attention takes float[batch, heads, length, depth]", found=str(tensor), at=name
            )
            return q
    (batch, heads, queries, depth), (_, key_heads, keys, _) = q.shape, k.shape
    call.same_dim(k.shape[0], batch, what="the batch of the queries is", at="k")
    call.same_dim(k.shape[3], depth, what="the depth of the queries is", at="k")
    for axis, have, want in zip(
        ("batch", "heads", "length"), v.shape[:3], k.shape[:3], strict=True
    ):
        call.same_dim(have, want, what=f"the {axis} of the keys is", at="v")
    if key_heads != heads:
        # grouped queries: the number of key heads is a choice of the architecture, never a length
        runtime = sorted(key_heads.symbols & call.runtime_dims)
        if runtime or call.is_length(key_heads):
            call.fail(
                "the second axis of the keys is their heads",
                expected=str(heads),
                found=str(key_heads),
                at="k",
            )
    mask = strip_optional(call.type("mask"))
    if isinstance(mask, Mask):
        if mask.queries is not None:
            call.same_dim(
                mask.queries,
                queries,
                what="the mask's number of queries (second size) should be",
                at="mask",
            )
        if mask.keys is not None and not call.is_length(keys):
            call.same_dim(
                mask.keys, keys, what="the mask's number of keys (last size) should be", at="mask"
            )
    elif mask != NONE:
        call.fail(
            "a mask is built by padding(), causal(), window() or allow()",
            found=str(mask),
            at="mask",
        )
    bias = strip_optional(call.type("bias"))
    if isinstance(bias, Tensor):
        call.broadcast(Tensor("float", (batch, heads, queries, keys)), bias, at="bias")
    return Tensor(q.dtype, (batch, heads, queries, v.shape[3]))


# softmax(q k' * scale + bias) v over the keys that the mask allows; rows without one attend evenly
op(
    "attention(q, k, v, mask=None, bias=None, scale=None, dropout=None, softcap=None, emit=None)",
    _attention,
    "attention(q, k, v, mask=mask, bias=bias, scale=scale, dropout=dropout, softcap=softcap, "
    "emit=emit, taps=taps)",
    effects=("taps",),
)


def _padding(call) -> Type:
    tensor = strip_optional(call.type("attention_mask"))  # without a mask all tokens count
    if tensor == NONE:
        return Mask()
    if not isinstance(tensor, Tensor) or tensor.rank != 2:
        call.fail("padding takes int[b, t], 1 where there is a token", found=str(tensor))
    return Mask(tensor.shape[0], None, tensor.shape[1])


op("padding(attention_mask)", _padding, "padding(attention_mask)")
# with `strict`, keys behind the query have no part even in the mean that a query without any
# allowed key sees
op(
    "causal(strict=False)",
    lambda call: Mask(),
    "causal(past, strict=strict)",
    effects=("past",),
)
op("window(size)", lambda call: Mask(), "window(size, past)", effects=("past",))


def _allow(call) -> Type:
    tensor = call.tensor("allowed")
    if tensor.dtype != "bool" or tensor.rank != 4:
        call.fail(
            "allow takes bool[b, heads, s, t], True = attend", found=str(tensor), at="allowed"
        )
        return Mask()
    batch, _, queries, keys = tensor.shape  # a size of 1 is as good as any
    return Mask(*(None if size.constant == 1 else size for size in (batch, queries)), keys)


op("allow(allowed)", _allow, "allow(allowed)")


def _new_positions(call) -> Type:
    count = call.dim("count")
    return Tensor("int", (Dim.of(1), count or call.unknown("positions")))


# the positions of `count` new tokens, which follow those in the cache: int[1, count]
op(
    "new_positions(count)",
    _new_positions,
    "new_positions(count, past, device=device)",
    "new_positions(count, past)",
    "new_positions(count, past)",
    effects=("past",),
)
