"""Attention masks as expressions that are evaluated where they are used; True = attend."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp

from ..errors import InputError

if TYPE_CHECKING:
    from .cache import Cache

Allowed = jax.Array | None  # bool [b|1, n|1, s|1, t]; None: every key is allowed


class Mask:
    """A conjunction of terms; without terms, all keys are allowed.

    Query i of a call with a cache stands at position cache.length + i, and the last key where the
    last query stands: windows drop the first ones of a growing cache. Nothing that is evaluated is
    kept, so a mask may be read inside of any transformation.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[Term, ...] = ()):
        self.terms = tuple(terms)

    def __and__(self, other: Mask) -> Mask:
        return Mask((*self.terms, *other.terms))

    def __or__(self, other: Mask) -> Mask:
        return Mask((Either(self, other),)) if self.terms and other.terms else Mask()

    @property
    def static(self) -> bool:
        """Whether the keys come from a cache of fixed size."""
        return any(term.static for term in self.terms)

    def first_key(self, queries: int, keys: int) -> int:
        """The position of the first key: not 0 where windows have dropped those before it."""
        return max((term.first_key(queries, keys) for term in self.terms), default=0)

    def allowed(self, queries: int, keys: int) -> Allowed:
        """The keys each query may attend to: bool [b|1, n|1, s|1, t]; None: all of them."""
        return self._allowed(queries, keys, self.static, self.first_key(queries, keys))

    def _allowed(self, queries: int, keys: int, static: bool, first: int) -> Allowed:
        parts = (term.allowed(queries, keys, static, first) for term in self.terms)
        parts = [part for part in parts if part is not None]
        return functools.reduce(jnp.logical_and, parts) if parts else None

    def written(self, queries: int, keys: int) -> Allowed:
        """The keys that there are for a query: bool [1, 1, s|1, t]; None: all of them.

        Those of a cache of fixed size that exist by now, and what strict terms allow.
        """
        first = self.first_key(queries, keys)
        strict = (term for term in self.terms if term.strict)
        parts = [term.allowed(queries, keys, self.static, first) for term in strict]
        ends = [term.end(queries) for term in self.terms if term.static]
        parts += [(jnp.arange(keys) < end)[None, None, None, :] for end in ends if end is not None]
        parts = [part for part in parts if part is not None]
        return functools.reduce(jnp.logical_and, parts) if parts else None


class Term:
    """One condition; `static` if it knows of a cache of fixed size.

    `strict` if what it does not allow takes no part even in the mean of a query without any allowed
    key.
    """

    static: bool
    strict: ClassVar[bool] = False

    def allowed(self, queries: int, keys: int, static: bool, first: int) -> Allowed:
        """Like `Mask.allowed`; `first` is the position of the first key."""
        raise NotImplementedError

    def first_key(self, queries: int, keys: int) -> int:
        """The position of the first key, if the term knows; else 0."""
        return 0

    def end(self, queries: int) -> Any:
        """The number of keys that exist in this call, if the term knows."""
        return None


@dataclass(frozen=True, eq=False)
class Either(Term):
    """What one of two masks allows."""

    left: Mask
    right: Mask

    @property
    def static(self) -> bool:
        return self.left.static or self.right.static

    def first_key(self, queries: int, keys: int) -> int:
        return max(mask.first_key(queries, keys) for mask in (self.left, self.right))

    def allowed(self, queries: int, keys: int, static: bool, first: int) -> Allowed:
        masks = (self.left, self.right)
        left, right = (mask._allowed(queries, keys, static, first) for mask in masks)
        return None if left is None or right is None else left | right


@dataclass(frozen=True, eq=False)
class Given(Term):
    """Conditions as an array, bool [b, n|1, s|1, t']."""

    static: ClassVar[bool] = False

    array: jax.Array
    is_padding: bool

    def allowed(self, queries: int, keys: int, static: bool, first: int) -> Allowed:
        known = self.array.shape[-1]
        if known == keys or (known == 1 and not self.is_padding):
            return self.array
        if first > 0 and known == first + keys:
            return self.array[..., first:]
        # Room in a cache that no token fills yet.
        if static and known < keys:
            return jnp.pad(self.array, ((0, 0), (0, 0), (0, 0), (0, keys - known)))
        raise InputError(
            "the mask has another length than the keys, which include those in the cache",
            expected=str(first + keys),
            found=str(known),
        )


@dataclass(frozen=True, eq=False)
class Positional(Term):
    """Conditions on the positions of query and key.

    Keys are allowed up to the query's position if `causal`, and from `size - 1` positions before
    it unless `size` is None.
    """

    start: Any  # the position of the first query: int, or an array if `static`
    static: bool
    growing: bool
    causal: bool
    size: int | None
    strict: bool = False

    def first_key(self, queries: int, keys: int) -> int:
        return self.start + queries - keys if self.growing else 0

    def allowed(self, queries: int, keys: int, static: bool, first: int) -> Allowed:
        if isinstance(self.start, int) and self._allows_all(queries, keys, first):
            return None
        query = self.start + jnp.arange(queries)[:, None]
        key = first + jnp.arange(keys)[None, :]
        allowed = key <= query if self.causal else key > query - self.size
        return allowed[None, None]

    def _allows_all(self, queries: int, keys: int, first: int) -> bool:
        if self.causal:
            return first + keys <= self.start + 1
        return self.start + queries - first <= self.size

    def end(self, queries: int) -> Any:
        return self.start + queries


_FIELDS = {
    Mask: (("terms",), ()),
    Either: (("left", "right"), ()),
    Given: (("array",), ("is_padding",)),
}
for _type, (_data, _meta) in _FIELDS.items():
    jax.tree_util.register_dataclass(_type, data_fields=_data, meta_fields=_meta)


def _flatten(term: Positional) -> tuple[tuple, tuple]:
    # A growing cache's length is an int, on which shapes depend.
    data, start = ((term.start,), None) if term.static else ((), term.start)
    return data, (start, term.static, term.growing, term.causal, term.size, term.strict)


def _unflatten(meta: tuple, data: tuple) -> Positional:
    start, *rest = meta
    return Positional(data[0] if data else start, *rest)


jax.tree_util.register_pytree_node(Positional, _flatten, _unflatten)


def padding(attention_mask: Any) -> Mask:
    """Allows keys whose entry is not 0: [b, t], or by query [b, s, t], or [b, n|1, s, t]."""
    if attention_mask is None:
        return Mask()
    mask = jnp.asarray(attention_mask) != 0
    if mask.ndim == 2:
        mask = mask[:, None, None, :]
    elif mask.ndim == 3:
        mask = mask[:, None]
    elif mask.ndim != 4:
        raise InputError(
            key="attention_mask", expected="2, 3 or 4 axes", found=f"shape {mask.shape}"
        )
    return Mask((Given(mask, True),))


def causal(past: Cache | None = None, strict: bool = False) -> Mask:
    """Allows keys at or before the query.

    With `strict`, later keys take no part even in the mean that a query without any allowed key
    sees.
    """
    return _positional(past, causal=True, strict=strict)


def window(size: int | None, past: Cache | None = None) -> Mask:
    """Allows keys fewer than `size` positions before the query (and all behind it)."""
    return Mask() if size is None else _positional(past, size=size)


def _positional(
    past: Cache | None, causal: bool = False, size: int | None = None, strict: bool = False
) -> Mask:
    start = 0 if past is None else past.length
    static = past is not None and past.capacity is not None
    growing = past is not None and not static
    return Mask((Positional(start, static, growing, causal, size, strict),))


def allow(allowed: jax.Array) -> Mask:
    """Allows what is True in bool [b|1, n|1, s|1, t]."""
    return Mask((Given(jnp.asarray(allowed), False),))
