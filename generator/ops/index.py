"""Reading entries by index."""

from __future__ import annotations

from ..types import NONE, Tensor, TupleOf, Type, integer
from .rules import axis_of
from .table import op


def _index_type(call, name: str = "index") -> Tensor:
    index = call.tensor(name)
    if index.dtype != "int":
        call.fail(f"{call.name} takes an index of type int", found=str(index), at=name)
    return index


def _take(call) -> Type:
    tensor, index = call.tensor("x"), _index_type(call)
    axis = axis_of(call, tensor.rank)
    shape = (*tensor.shape[:axis], *index.shape, *tensor.shape[axis + 1 :])
    return Tensor(tensor.dtype, shape)


op("take(x, index, axis=0)", _take, "take(x, index, axis=axis)")


def _take_along(call) -> Type:
    tensor, index = call.tensor("x"), _index_type(call)
    axis = axis_of(call, tensor.rank)
    if index.rank != tensor.rank:
        call.fail(
            "take_along takes an index of the same rank", expected=str(tensor), found=str(index)
        )
        return tensor
    shape = list(index.shape)
    for i, (have, want) in enumerate(zip(index.shape, tensor.shape, strict=True)):
        if i != axis and have.constant == 1:
            shape[i] = want
        elif i != axis:
            call.same_dim(have, want)
    return Tensor(tensor.dtype, tuple(shape))


op(
    "take_along(x, index, axis)",
    _take_along,
    "take_along(x, index, axis=axis)",
)


def _select_rows(call) -> Type:
    tensor, index = call.tensor("x"), _index_type(call)
    if tensor.rank < 2 or index.rank != 1:
        call.fail("select_rows takes x[b, s, ...] and index[b]", found=f"{tensor} and {index}")
        return tensor
    call.same_dim(tensor.shape[0], index.shape[0])
    return Tensor(tensor.dtype, (tensor.shape[0], *tensor.shape[2:]))


# one row per batch entry: x[i, index[i]]
op("select_rows(x, index)", _select_rows, "select_rows(x, index)")


def _masked_scatter(call) -> Type:
    tensor, mask, source = (call.tensor(name) for name in ("x", "mask", "source"))
    if tensor.rank != 3 or mask.rank != 2 or mask.dtype != "bool":
        found = f"{tensor} and {mask}"
        call.fail("masked_scatter takes float[b, s, d] and bool[b, s]", found=found)
    for have, want in zip(mask.shape, tensor.shape, strict=False):
        call.same_dim(have, want, at="mask")
    call.same_dim(source.shape[-1], tensor.shape[-1], at="source")
    if source.dtype != tensor.dtype:
        call.fail("masked_scatter: other rows", expected=str(tensor), found=str(source))
    return tensor


# rows in their order where the mask holds
op("masked_scatter(x, mask, source)", _masked_scatter, "masked_scatter(x, mask, source)")


def _last_token(call) -> Type:
    tensor = call.tensor("x")
    if tensor.rank != 3:
        call.fail("last_token takes float[b, s, d]", found=str(tensor), at="x")
    return Tensor(tensor.dtype, (tensor.shape[0], tensor.shape[2]))


# the row of each sequence's last token that is no padding
op("last_token(x, ids, padding_id)", _last_token, "last_token(x, ids, padding_id)")


def _top_k(call) -> Type:
    tensor = call.tensor("x")
    count = call.dim("k") or call.unknown("top_k")
    shape = (*tensor.shape[:-1], count)
    return TupleOf((Tensor(tensor.dtype, shape), Tensor("int", shape)))


# the k largest along the last axis, in descending order, and where they were
op(
    "top_k(x, k)",
    _top_k,
    "torch.topk(x, k)",
    "tf.math.top_k(x, k)",
    "jax.lax.top_k(x, k)",
)


def _argsort(call) -> Type:
    tensor = call.tensor("x")
    axis_of(call, tensor.rank)
    return Tensor("int", tensor.shape)


# the order that sorts x along an axis; equal entries keep theirs
op(
    "argsort(x, axis=-1)",
    _argsort,
    "torch.argsort(x, dim=axis, stable=True)",
    "tf.argsort(x, axis=axis, stable=True)",
    "jnp.argsort(x, axis=axis, stable=True)",
)


def _mixture(call) -> Type:
    """x[n, d] through k of e experts each, with matrices [e, inner, d] and [e, d, inner].

    Without a gate, an expert is down(act(up(x))).
    """
    x, weights, index = call.tensor("x"), call.tensor("weights"), _index_type(call)
    if x.rank != 2 or weights.rank != 2 or index.rank != 2:
        expected = "x[n, d], weights[n, k] and index[n, k]"
        call.fail(
            "mixture_of_experts takes rows", expected=expected, found=f"{x}, {weights} and {index}"
        )
        return x
    for have, want, at in (
        (weights.shape[0], x.shape[0], "weights"),
        (index.shape[0], x.shape[0], "index"),
        (index.shape[1], weights.shape[1], "index"),
    ):
        call.same_dim(have, want, what="its rows are", at=at)
    names = ("up", "down") if call.type("gate") == NONE else ("gate", "up", "down")
    matrices = {name: call.tensor(name) for name in names}
    for name, tensor in matrices.items():
        if tensor.rank != 3:
            call.fail("the matrices of all experts have three axes", found=str(tensor), at=name)
            return x
    experts, inner, _ = matrices[names[0]].shape
    for name, tensor in matrices.items():
        sizes = (x.shape[1], inner) if name == "down" else (inner, x.shape[1])
        for have, want in zip(tensor.shape, (experts, *sizes), strict=True):
            call.same_dim(have, want, what="the size is", at=name)
    return x


# each row through its own experts: the sum over j of
# weights[i, j] * down[index[i, j]](act(gate(x[i])) * up(x[i]))
op(
    "mixture_of_experts(x, weights, index, gate, up, down, act)",
    _mixture,
    "mixture_of_experts(x, weights, index, gate, up, down, act)",
)


def _bounded(call) -> Type:
    tensor = call.tensor("x")
    if tensor.dtype != "int" or tensor.rank:
        call.fail("bounded takes int[]", found=str(tensor), at="x")
    return integer(call.unknown("bounded"))


# a whole number as a size: its value, or in compiled programs, where sizes are fixed, the bound
op("bounded(x, bound)", _bounded, "bounded(x, bound)")


def _static_size(call) -> Type:
    tensor = call.tensor("x")
    if tensor.dtype != "int" or tensor.rank:
        call.fail("static_size takes int[]", found=str(tensor), at="x")
    return integer(call.unknown("size"))


# a whole number as a size, which programs that are compiled do not know
op("static_size(x)", _static_size, "static_size(x)")
