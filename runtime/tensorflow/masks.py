"""Which query may attend to which key, as an expression that is evaluated where it is used.

    attend = padding(attention_mask) & causal(past)
    allowed = attend.allowed(queries, keys)          # bool [b|1, n|1, s|1, t], or None: all

Query i of a call that continues a cache stands at position past.length + i, and the last key where
the last query stands: windows drop the first ones of a growing cache.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import tensorflow as tf

from ..errors import InputError
from .functional import Size, shape_of

if TYPE_CHECKING:
    from .cache import Cache


class Mask:
    """A conjunction of terms; without terms, all keys are allowed. True = attend."""

    def __init__(self, terms: tuple[Term, ...] = ()):
        self.terms = terms
        self._known: dict[tuple[int, int], tf.Tensor | None] = {}

    def __and__(self, other: Mask) -> Mask:
        return Mask((*self.terms, *other.terms))

    def __or__(self, other: Mask) -> Mask:
        return Mask((Either(self, other),)) if self.terms and other.terms else Mask()

    @property
    def past(self) -> Cache | None:
        """The cache that the terms know of."""
        return next((term.past for term in self.terms if term.past is not None), None)

    def allowed(self, queries: Size, keys: Size) -> tf.Tensor | None:
        """The keys each query may attend to: bool [b|1, n|1, s|1, t]; None: all of them."""
        if not tf.executing_eagerly():  # traced values must not outlive their trace
            return self._evaluate(queries, keys)
        sizes = int(queries), int(keys)
        if sizes not in self._known:
            self._known[sizes] = self._evaluate(*sizes)
        return self._known[sizes]

    def written(self, queries: Size, keys: Size) -> tf.Tensor | None:
        """The keys that there are for a query: bool [1, 1, s|1, t]; None: all of them.

        Those of a preallocated cache that tokens fill, and what strict terms allow. The rest takes
        no part even in the mean that a query without any allowed key sees.
        """
        past = self.past
        first = self.first_key(queries, keys)
        first = 0 if first is None else first
        strict = (term for term in self.terms if term.strict)
        parts = [term.allowed(queries, keys, past, first) for term in strict]
        if past is not None and past.capacity is not None:
            parts.append((tf.range(keys) < _start(past) + queries)[None, None, None])
        parts = [part for part in parts if part is not None]
        return reduce(tf.logical_and, parts) if parts else None

    def first_key(self, queries: Size, keys: Size) -> Size | None:
        """The position of the first key, if a term knows."""
        known = (term.first_key(queries, keys) for term in self.terms)
        return next((first for first in known if first is not None), None)

    def _evaluate(self, queries: Size, keys: Size) -> tf.Tensor | None:
        first = self.first_key(queries, keys)
        return self.evaluate(queries, keys, self.past, 0 if first is None else first)

    def evaluate(
        self, queries: Size, keys: Size, past: Cache | None, first: Size
    ) -> tf.Tensor | None:
        """`allowed` with what any term of the whole mask knows: cache and first key's position."""
        parts = [term.allowed(queries, keys, past, first) for term in self.terms]
        parts = [part for part in parts if part is not None]
        return reduce(tf.logical_and, parts) if parts else None


class Term:
    """One condition of a mask."""

    past: Cache | None = None
    strict: bool = False

    def allowed(
        self, queries: Size, keys: Size, past: Cache | None, first: Size
    ) -> tf.Tensor | None:
        """Like `Mask.evaluate`."""
        raise NotImplementedError

    def first_key(self, queries: Size, keys: Size) -> Size | None:
        """The position of the first key, if the term knows."""
        return None


class Given(Term):
    """An array bool [b|1, n|1, s|1, t]."""

    def __init__(self, array: tf.Tensor):
        self.array = array

    def allowed(self, queries: Size, keys: Size, past: Cache | None, first: Size) -> tf.Tensor:
        have = shape_of(self.array)[-1]
        if isinstance(have, int) and isinstance(keys, int) and have == keys:
            return self.array
        if past is None or past.capacity is None:
            if all(isinstance(size, int) for size in (have, keys, first)):
                if first > 0 and have == first + keys:
                    return self.array[..., first:]
                raise InputError(
                    "the mask does not fit the keys",
                    key="attention_mask",
                    expected=f"{first + keys} keys (those in the cache and the new ones)",
                    found=str(have),
                )
            return self.array if past is None else self.array[..., first:]
        # The rest of a preallocated cache is empty.
        return tf.pad(self.array, [[0, 0], [0, 0], [0, 0], [0, keys - have]])


class Distance(Term):
    """Keys whose distance behind the query is at least `low`, and less than `high`."""

    def __init__(
        self,
        past: Cache | None,
        low: int | None = None,
        high: int | None = None,
        strict: bool = False,
    ):
        self.past = past
        self.strict = strict
        self.start = _start(past)  # now: the cache may have moved on when layers ask
        self.low, self.high = low, high

    def first_key(self, queries: Size, keys: Size) -> Size | None:
        growing = self.past is not None and self.past.capacity is None
        return self.start + queries - keys if growing else None

    def allowed(
        self, queries: Size, keys: Size, past: Cache | None, first: Size
    ) -> tf.Tensor | None:
        if all(isinstance(size, int) for size in (self.start, queries, keys)):
            nearest, farthest = self.start - (first + keys - 1), self.start + queries - 1 - first
            low = self.low is None or nearest >= self.low
            if low and (self.high is None or farthest < self.high):
                return None
        distance = self.start + tf.range(queries)[:, None] - (first + tf.range(keys))[None, :]
        result = distance < self.high if self.low is None else distance >= self.low
        if None not in (self.low, self.high):
            result = tf.logical_and(result, distance < self.high)
        return result[None, None]


class Either(Term):
    """What one of two masks allows."""

    def __init__(self, one: Mask, other: Mask):
        self.one, self.other = one, other
        self.past = one.past if one.past is not None else other.past

    def first_key(self, queries: Size, keys: Size) -> Size | None:
        known = (mask.first_key(queries, keys) for mask in (self.one, self.other))
        return next((first for first in known if first is not None), None)

    def allowed(
        self, queries: Size, keys: Size, past: Cache | None, first: Size
    ) -> tf.Tensor | None:
        masks = (self.one, self.other)
        one, other = (mask.evaluate(queries, keys, past, first) for mask in masks)
        return None if one is None or other is None else tf.logical_or(one, other)


def padding(attention_mask: tf.Tensor | None) -> Mask:
    """Allows keys whose entry is not 0: [b, t], or by query [b, s, t], or [b, n|1, s, t]."""
    if attention_mask is None:
        return Mask()
    array = tf.convert_to_tensor(attention_mask)
    if array.shape.rank == 2:
        array = array[:, None, None]
    elif array.shape.rank == 3:
        array = array[:, None]
    return allow(array)


def allow(allowed: tf.Tensor) -> Mask:
    """Allows what is True in bool [b|1, n|1, s|1, t]."""
    if allowed.shape.rank != 4:
        raise InputError(
            key="attention_mask",
            expected="2, 3 or 4 axes: [b, t], [b, s, t] or [b, n, s, t]",
            found=str(allowed.shape),
        )
    return Mask((Given(tf.cast(allowed, tf.bool)),))


def causal(past: Cache | None = None, strict: bool = False) -> Mask:
    """Allows keys at or before the query.

    With `strict`, later keys take no part even in the mean that a query without any allowed key
    sees.
    """
    return Mask((Distance(past, low=0, strict=strict),))


def window(size: int | None, past: Cache | None = None) -> Mask:
    """Allows keys fewer than `size` positions before the query (and all behind it)."""
    return Mask() if size is None else Mask((Distance(past, high=size),))


def new_positions(count: Size, past: Cache | None = None) -> tf.Tensor:
    """The positions of `count` tokens that follow those in the cache: int32 [1, count]."""
    return (_start(past) + tf.range(count))[None]


def _start(past: Cache | None) -> Size:
    return 0 if past is None else past.length
