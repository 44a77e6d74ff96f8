"""Ops that move entries about without computing with them, and contractions."""

from __future__ import annotations

from ..dims import Dim
from ..types import FLOATS, UNKNOWN, ListOf, Static, Tensor, TupleOf, Type
from . import lowerings
from .patterns import parse_pattern
from .rules import axes_of, axis_of
from .table import op


def _rearrange(call) -> Type:
    tensor = call.tensor("x")
    pattern = parse_pattern(call.value("pattern"))
    if isinstance(pattern, str):
        call.fail(f"rearrange: {pattern}", found=repr(call.value("pattern")), at="pattern")
        return tensor
    if len(pattern.left) != tensor.rank:
        call.fail(
            "rearrange: the pattern has another rank",
            expected=str(len(pattern.left)),
            found=str(tensor),
            at="x",
        )
        return tensor
    sizes: dict[str, Dim] = {name: call.extra_dim(name) for name in call.extras}
    for name in call.extras:
        if name not in pattern.names:
            call.fail(f"rearrange: {name} is not an axis of the pattern", at=name)
    for group, dim in zip(pattern.left, tensor.shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        if not group:
            if dim.constant != 1 and not call.is_unknown(dim):
                call.fail("rearrange: an axis written 1 has another size", found=str(dim), at="x")
        elif not unknown:
            product = Dim.of(1)
            for name in group:
                product = product * sizes[name]
            call.same_dim(dim, product, what=f"rearrange: ({' '.join(group)}) is")
        elif len(unknown) == 1:
            rest = dim
            for name in group:
                if name in sizes:
                    rest = call.exact(rest, sizes[name])
            sizes[unknown[0]] = rest
        else:
            call.fail(
                f"rearrange: the sizes of {' and '.join(unknown)} are not known",
                hint=f"give {unknown[0]}=...",
                at="pattern",
            )
            return tensor
    shape = []
    for group in pattern.right:
        product = Dim.of(1)
        for name in group:
            product = product * sizes[name]
        shape.append(product)
    return Tensor(tensor.dtype, tuple(shape))


op("rearrange(x, pattern)", _rearrange, lowerings.rearrange)  # and the sizes of axes by name


def _concat(call) -> Type:
    items = call.items("xs")
    first = items[0]
    axis = axis_of(call, first.rank)
    if isinstance(call.type("xs"), ListOf):  # of any length
        shape = (*first.shape[:axis], call.unknown("concat"), *first.shape[axis + 1 :])
        return Tensor(first.dtype, shape)
    total = Dim.of(0)
    for item in items:
        if item.rank != first.rank or item.dtype != first.dtype:
            call.fail(
                "concat joins tensors of one type and rank",
                expected=str(first),
                found=str(item),
                at="xs",
            )
            return first
        for i, (have, want) in enumerate(zip(item.shape, first.shape, strict=True)):
            if i != axis:
                call.same_dim(have, want, what=f"concat: axis {i} of the first tensor is")
        total = total + item.shape[axis]
    if isinstance(call.type("xs"), ListOf):  # of any length
        total = call.unknown("concat")
    return Tensor(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))


op(
    "concat(xs, axis)",
    _concat,
    "torch.cat(xs, dim=axis)",
    "tf.concat(xs, axis=axis)",
    "jnp.concatenate(xs, axis=axis)",
)


def _stack(call) -> Type:
    items = call.items("xs")
    axis = axis_of(call, items[0].rank + 1)
    shape = items[0].shape
    many = isinstance(call.type("xs"), ListOf)
    count = call.unknown("stack") if many else Dim.of(len(items))
    return Tensor(items[0].dtype, (*shape[:axis], count, *shape[axis:]))


op(
    "stack(xs, axis=0)",
    _stack,
    "torch.stack(xs, dim=axis)",
    "tf.stack(xs, axis=axis)",
    "jnp.stack(xs, axis=axis)",
)


def _split(call) -> Type:
    tensor = call.tensor("x")
    axis = axis_of(call, tensor.rank)

    def part(size: Dim) -> Tensor:
        return Tensor(tensor.dtype, (*tensor.shape[:axis], size, *tensor.shape[axis + 1 :]))

    parts = call.type("parts")
    if isinstance(parts, Static) and parts.kind == "int":
        count = call.value("parts")
        if count is UNKNOWN:
            return ListOf(part(call.exact(tensor.shape[axis], parts.dim)))
        return TupleOf((part(call.exact(tensor.shape[axis], Dim.of(count))),) * count)
    sizes = call.dims("parts")
    total = Dim.of(0)
    for size in sizes:
        total = total + size
    call.same_dim(tensor.shape[axis], total, what="split: the parts add up to")
    return TupleOf(tuple(part(size) for size in sizes))


op("split(x, parts, axis=-1)", _split, lowerings.split)


def _pad(call) -> Type:
    tensor = call.tensor("x")
    after = call.dims("after")
    if len(after) != tensor.rank:
        call.fail(
            "pad takes one number per axis",
            expected=str(tensor.rank),
            found=str(len(after)),
            at="after",
        )
        return tensor
    before = call.dims("before") if call.value("before") is not None else (Dim.of(0),) * tensor.rank
    shape = (b + size + a for b, size, a in zip(before, tensor.shape, after, strict=True))
    return Tensor(tensor.dtype, tuple(shape))


# zeros behind (and before) the entries of each axis; by other modes, more of the entries
op(
    'pad(x, after, before=None, mode="constant")',
    _pad,
    "pad(x, after, before=before, mode=mode)",
)


def _roll(call) -> Type:
    tensor = call.tensor("x")
    axes_of(call, tensor.rank, "axes")
    return tensor


op(
    "roll(x, shifts, axes)",
    _roll,
    "torch.roll(x, shifts, axes)",
    "tf.roll(x, shifts, axes)",
    "jnp.roll(x, shifts, axes)",
)


def _flip(call) -> Type:
    tensor = call.tensor("x")
    axes_of(call, tensor.rank)
    return tensor


op("flip(x, axis)", _flip, "torch.flip(x, (axis,))", "tf.reverse(x, [axis])", "jnp.flip(x, axis)")


def _repeat(call) -> Type:
    tensor = call.tensor("x")
    axis = axis_of(call, tensor.rank)
    count = call.dim("count") or call.unknown("repeat")
    return Tensor(
        tensor.dtype, (*tensor.shape[:axis], tensor.shape[axis] * count, *tensor.shape[axis + 1 :])
    )


# each entry count times in a row: a b -> a a b b
op(
    "repeat(x, count, axis)",
    _repeat,
    "torch.repeat_interleave(x, count, dim=axis)",
    "tf.repeat(x, count, axis=axis)",
    "jnp.repeat(x, count, axis=axis)",
)


def _tile(call) -> Type:
    tensor = call.tensor("x")
    counts = call.dims("counts")
    if len(counts) != tensor.rank:
        call.fail(
            "tile takes one number per axis",
            expected=str(tensor.rank),
            found=str(len(counts)),
            at="counts",
        )
        return tensor
    return Tensor(
        tensor.dtype, tuple(size * count for size, count in zip(tensor.shape, counts, strict=True))
    )


op("tile(x, counts)", _tile, "x.repeat(counts)", "tf.tile(x, counts)", "jnp.tile(x, counts)")


def _broadcast_to(call) -> Type:
    tensor, shape = call.tensor("x"), call.dims("shape")
    call.broadcast(tensor, Tensor(tensor.dtype, shape))
    return Tensor(tensor.dtype, shape)


op(
    "broadcast_to(x, shape)",
    _broadcast_to,
    "x.expand(shape)",
    "tf.broadcast_to(x, shape)",
    "jnp.broadcast_to(x, shape)",
)


def _transpose(call) -> Type:
    tensor = call.tensor("x")
    if tensor.rank < 2:
        call.fail("transpose swaps the last two axes", found=str(tensor), at="x")
        return tensor
    *rest, rows, columns = tensor.shape
    return Tensor(tensor.dtype, (*rest, columns, rows))


op(
    "transpose(x)",
    _transpose,
    "x.transpose(-1, -2)",
    "tf.linalg.matrix_transpose(x)",
    "jnp.swapaxes(x, -1, -2)",
)


def _einsum(call) -> Type:
    pattern = call.value("pattern")
    operands = call.items("operands")
    inputs, _, output = pattern.partition("->")
    terms = [term.split() for term in inputs.split(",")]
    if len(terms) != len(operands):
        call.fail(
            "einsum: as many terms as operands",
            expected=str(len(terms)),
            found=str(len(operands)),
            at="pattern",
        )
        return operands[0]
    sizes: dict[str, Dim] = {}
    for term, operand in zip(terms, operands, strict=True):
        if len(term) != operand.rank:
            call.fail(
                f"einsum: the term {' '.join(term)} has another rank",
                found=str(operand),
                at="pattern",
            )
            return operand
        for name, dim in zip(term, operand.shape, strict=True):
            if name in sizes:
                call.same_dim(dim, sizes[name], what=f"einsum: the axis {name} is")
            else:
                sizes[name] = dim
    unknown = [name for name in output.split() if name not in sizes]
    if unknown:
        call.fail(f"einsum: axis {unknown[0]} is in no operand", at="pattern")
        return operands[0]
    dtypes = {operand.dtype for operand in operands}
    if len(dtypes) > 1:
        call.fail("einsum: operands of different types", found=" and ".join(map(str, operands)))
    return Tensor(operands[0].dtype, tuple(sizes[name] for name in output.split()))


op("einsum(pattern, operands)", _einsum, lowerings.einsum)  # any number of operands


def _interpolate(call) -> Type:
    tensor = call.tensor("x")
    if tensor.rank != 4 or tensor.dtype not in FLOATS:
        call.fail("interpolate resizes float[b, c, h, w]", found=str(tensor), at="x")
        return tensor
    size = call.dims("size")
    return Tensor(tensor.dtype, (*tensor.shape[:2], *size))


op(
    'interpolate(x, size, mode="bilinear", align_corners=False)',
    _interpolate,
    "interpolate(x, size, mode=mode, align_corners=align_corners)",
)
