"""Equality of sizes, and binding of a declaration's free sizes to those of a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..dims import Dim
from ..types import (
    ANY,
    ERROR,
    FLOATS,
    DictOf,
    Either,
    ListOf,
    Mask,
    Optional,
    Record,
    Static,
    Tensor,
    TupleOf,
    Type,
    is_optional,
    make_optional,
)
from .typestrings import REST, has_unknown, unknown_dim


def equal(left: Dim, right: Dim) -> bool:
    """Equal, or not comparable because one of them is unknown."""
    return left == right or has_unknown(left) or has_unknown(right)


def hint_of(fault: str) -> str | None:
    """What a fault of `Unifier.type` tells beyond the types, which are shown beside it."""
    return None if fault in ("sizes differ", "another rank") else fault


@dataclass
class Unifier:
    """Binds the free symbols of declared types; `free` holds those not bound yet."""

    free: set[str]
    bound: dict[str, Dim] = field(default_factory=dict)

    def dim(self, declared: Dim, actual: Dim) -> bool:
        if (inner := declared.unless_one) is not None:
            if actual.constant == 1:
                return True
            return self.dim(inner, actual.unless_one or actual)
        symbol = declared.symbol
        if symbol in self.free and (symbol not in self.bound or has_unknown(self.bound[symbol])):
            self.bound[symbol] = actual
            return True
        if declared.symbols & self.free - self.bound.keys():
            return True  # 2 * s before s is bound: left to the concrete check
        return equal(declared.substitute(self.bound), actual)

    def type(self, declared: Type, actual: Type) -> str | None:
        """None, or what does not fit."""
        if ERROR in (actual, declared):
            return None
        if isinstance(declared, Optional):
            if actual == Static("none"):
                return None
            inner = actual.inner if isinstance(actual, Optional) else actual
            return self.type(declared.inner, inner)
        if is_optional(actual):
            return "the value may be absent"
        if isinstance(actual, Either):
            faults = (self.type(declared, item) for item in actual.items)
            return next((fault for fault in faults if fault), None)
        if isinstance(declared, Either):
            return self._either(declared, actual)
        if isinstance(declared, Tensor):
            return self._tensor(declared, actual)
        if isinstance(declared, Mask):
            if not isinstance(actual, Mask):
                return "not a mask"
            pairs = zip(_sizes(declared), _sizes(actual), strict=True)
            if all(have is None or want is None or self.dim(want, have) for want, have in pairs):
                return None
            return "sizes differ"
        if isinstance(declared, Static):
            return self._static(declared, actual)
        if isinstance(declared, ListOf):
            items = [actual.element] if isinstance(actual, ListOf) else None
            if isinstance(actual, TupleOf):
                items = list(actual.items)
            if items is None:
                return "not a list"
            return next(
                (fault for item in items if (fault := self.type(declared.element, item))), None
            )
        if isinstance(declared, DictOf):
            if not isinstance(actual, DictOf):
                return "not values by names"
            return self.type(declared.element, actual.element)
        if isinstance(declared, TupleOf):
            if not isinstance(actual, TupleOf) or len(actual.items) != len(declared.items):
                return "another number of values"
            pairs = zip(declared.items, actual.items, strict=True)
            return next((fault for want, have in pairs if (fault := self.type(want, have))), None)
        if isinstance(declared, Record) and isinstance(actual, Record):
            wanted, found = dict(declared.fields), dict(actual.fields)
            if wanted.keys() != found.keys():
                return "other outputs"
            pairs = ((wanted[name], found[name]) for name in wanted)
            return next((fault for want, have in pairs if (fault := self.type(want, have))), None)
        return None if type(declared) is type(actual) else "another kind of value"

    def _either(self, declared: Either, actual: Type) -> str | None:
        """The first that fits binds sizes."""
        faults = []
        for item in declared.items:
            trial = Unifier(self.free, dict(self.bound))
            if (fault := trial.type(item, actual)) is None:
                self.bound = trial.bound
                return None
            faults.append(fault)
        close = (fault for fault in faults if not fault.startswith("not a "))
        return next(close, "another kind of value")

    def _tensor(self, declared: Tensor, actual: Type) -> str | None:
        if not isinstance(actual, Tensor):
            return "not a tensor"
        if declared.dtype != actual.dtype:
            both = {declared.dtype, actual.dtype}
            return (
                "cast_like() makes the types equal"
                if both <= set(FLOATS)
                else "another element type"
            )
        if declared.shape and declared.shape[-1].symbol == REST:
            actual = Tensor(actual.dtype, actual.shape[: declared.rank - 1])
            declared = Tensor(declared.dtype, declared.shape[:-1])
        if declared.rank != actual.rank:
            return "another rank"
        pairs = zip(declared.shape, actual.shape, strict=True)
        return None if all(self.dim(want, have) for want, have in pairs) else "sizes differ"

    def _static(self, declared: Static, actual: Type) -> str | None:
        if not isinstance(actual, Static):
            return "not a static value"
        kinds = {declared.kind, actual.kind}
        if len(kinds) == 1 or "any" in kinds or kinds <= {"int", "float", "number"}:
            return None
        return "another kind of value"

    def substitute(self, declared: Type) -> Type:
        """The type with its free sizes replaced; what stayed free is unknown."""
        for symbol in self.free - self.bound.keys():
            self.bound[symbol] = unknown_dim()
        return substitute(declared, self.bound)


def _sizes(mask: Mask) -> tuple[Dim | None, ...]:
    return mask.batch, mask.queries, mask.keys


def substitute(kind: Type, values: dict[str, Dim]) -> Type:
    if isinstance(kind, Tensor):
        return Tensor(kind.dtype, tuple(dim.substitute(values) for dim in kind.shape))
    if isinstance(kind, Mask):
        return Mask(*(None if size is None else size.substitute(values) for size in _sizes(kind)))
    if isinstance(kind, Optional):
        return Optional(substitute(kind.inner, values))
    if isinstance(kind, ListOf):
        return ListOf(substitute(kind.element, values))
    if isinstance(kind, DictOf):
        return DictOf(substitute(kind.element, values))
    if isinstance(kind, (TupleOf, Either)):
        return type(kind)(tuple(substitute(item, values) for item in kind.items))
    if isinstance(kind, Record):
        return Record(
            kind.name, tuple((name, substitute(item, values)) for name, item in kind.fields)
        )
    if isinstance(kind, Static) and kind.dim is not None:
        dim = kind.dim.substitute(values)
        return Static(kind.kind, dim, dim.constant if dim.constant is not None else kind.value)
    return kind


def join(left: Type, right: Type) -> Type | None:
    """The type of a value that is either; None where they do not fit. Never widens a size."""
    if left == right or right == ERROR:
        return left
    if left == ERROR:
        return right
    if left == Static("none") or right == Static("none"):
        return make_optional(right if left == Static("none") else left)
    if isinstance(left, Optional) or isinstance(right, Optional):
        inner = join(
            left.inner if isinstance(left, Optional) else left,
            right.inner if isinstance(right, Optional) else right,
        )
        return None if inner is None else make_optional(inner)
    if isinstance(left, Mask) and isinstance(right, Mask):
        return meet_masks(left, right)
    if isinstance(left, Static) and isinstance(right, Static):
        if left.kind == right.kind:
            return Static(
                left.kind, left.dim if left.dim == right.dim else None, element=left.element
            )
        if {left.kind, right.kind} <= {"int", "float", "number"}:
            return Static("number")
        return ANY if "any" in (left.kind, right.kind) else None
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        if left.dtype != right.dtype or left.rank != right.rank:
            return None
        pairs = list(zip(left.shape, right.shape, strict=True))
        dims = [join_dims(a, b) for a, b in pairs]
        return None if None in dims else Tensor(left.dtype, tuple(dims))
    if (
        isinstance(left, TupleOf)
        and isinstance(right, TupleOf)
        and len(left.items) == len(right.items)
    ):
        items = [join(a, b) for a, b in zip(left.items, right.items, strict=True)]
        if None not in items:
            return TupleOf(tuple(items))
    if isinstance(left, (ListOf, TupleOf)) and isinstance(right, (ListOf, TupleOf)):
        return join_lists(left, right)
    if isinstance(left, DictOf) and isinstance(right, DictOf):
        return DictOf(loosely(left.element, right.element))
    return None


def join_lists(left: Type, right: Type) -> ListOf | TupleOf:
    """A list of the items of both; the sizes of a list's items may differ."""
    items = [
        item
        for kind in (left, right)
        for item in (kind.items if isinstance(kind, TupleOf) else [kind.element])
    ]
    if not items:
        return TupleOf(())
    element = items[0]
    for item in items[1:]:
        element = loosely(element, item)
    return ListOf(element)


def loosely(left: Type, right: Type) -> Type:
    """As `join`, with sizes that differ left unknown."""
    if isinstance(left, Tensor) and isinstance(right, Tensor) and left.rank == right.rank:
        pairs = zip(left.shape, right.shape, strict=True)
        return Tensor(left.dtype, tuple(a if a == b else unknown_dim() for a, b in pairs))
    return join(left, right) or ERROR


def join_dims(left: Dim, right: Dim) -> Dim | None:
    """A size that is either; 1 is one of the sizes that `b|1` stands for."""
    for a, b in ((left, right), (right, left)):
        if a.unless_one is not None and (b.constant == 1 or equal(a.unless_one, b)):
            return a
    if not equal(left, right):
        return None
    return right if has_unknown(left) else left


def meet_masks(left: Mask, right: Mask) -> Mask | None:
    sizes = []
    for a, b in zip(_sizes(left), _sizes(right), strict=True):
        if a is not None and b is not None and not equal(a, b):
            return None
        sizes.append(a if a is not None else b)
    return Mask(*sizes)


def broadcast(left: Tensor, right: Tensor) -> Tensor | str:
    """The common shape, or what does not fit. Only a size written 1 or `b|1` is stretched."""
    if left.dtype != right.dtype:
        return "different element types"
    short, long = sorted((left.shape, right.shape), key=len)
    padded = (Dim.of(1),) * (len(long) - len(short)) + short
    shape = []
    for a, b in zip(padded, long, strict=True):
        if a.constant == 1 or b.constant == 1:
            shape.append(b if a.constant == 1 else a)
        elif a.unless_one is not None and equal(a.unless_one, b.unless_one or b):
            shape.append(b)
        elif (b.unless_one is not None and equal(b.unless_one, a)) or equal(a, b):
            shape.append(b if has_unknown(a) else a)
        else:
            return "sizes differ"
    return Tensor(left.dtype, tuple(shape))
