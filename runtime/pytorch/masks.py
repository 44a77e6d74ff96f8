"""Attention masks as expressions, evaluated where they are used; True = attend."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

if TYPE_CHECKING:
    from .cache import Cache


class Mask:
    """A conjunction of terms; without terms, all keys are allowed.

    Query i of a call with a cache stands at position `cache.length + i`, and the last key where
    the last query stands: windows drop the first ones. What has been evaluated is kept in the
    object, so that all layers of one call share it.
    """

    __slots__ = ("_known", "terms")

    def __init__(self, *terms: Term):
        self.terms = terms
        self._known: list[tuple] = []

    def __and__(self, other: Mask) -> Mask:
        return Mask(*self.terms, *other.terms)

    def __or__(self, other: Mask) -> Mask:
        return Mask(Either(self, other)) if self.terms and other.terms else Mask()

    @property
    def past(self) -> Cache | None:
        """The cache that a term knows of."""
        return next((term.past for term in self.terms if term.past is not None), None)

    def allowed(
        self, queries: int, keys: int, device: torch.device | str | None = None
    ) -> Tensor | None:
        """The keys each query may attend to: bool [b|1, n|1, s|1, t]; None: all of them."""
        past = self.past
        found = [term.allowed(queries, keys, device, past) for term in self.terms]
        return _conjunction(found)

    def bars_a_query(self, queries: int, keys: int, device: torch.device) -> bool:
        """Whether a query may attend to no key.

        There are such queries where padding comes before the first tokens, or windows lie in it.
        Compiled code cannot look, and takes it that there are; on GPUs, where looking would wait
        for them, it is taken that there are none.
        """
        may = any(isinstance(term, (Given, Either)) for term in self.terms)
        if not may or device.type != "cpu":
            return False
        if torch.compiler.is_compiling():
            return True
        for known, result in self._known:
            if known == (queries, keys):
                return result
        allowed = self.allowed(queries, keys, device)
        result = allowed is not None and not bool(allowed.any(-1).all())
        self._known.append(((queries, keys), result))
        return result

    def additive(
        self, queries: int, keys: int, dtype: torch.dtype, device: torch.device | None = None
    ) -> Tensor | None:
        """What to add to the scores: 0 where allowed, otherwise the least finite number.

        Not -inf: a query without any allowed key then attends to all keys evenly, and its gradient
        is finite.
        """
        return self.lowered(queries, keys, dtype, device, dense=True)[0]

    def lowered(
        self,
        queries: int,
        keys: int,
        dtype: torch.dtype,
        device: torch.device | None = None,
        dense: bool = False,
    ) -> tuple[Tensor | None, bool]:
        """(additive mask or None, is_causal); plain causality needs no tensor unless `dense`."""
        if not self.terms:
            return None, False
        # A list and ==, because the symbolic sizes of a compiler cannot be hashed.
        for known, result in self._known:
            if known == (queries, keys, dtype, device, dense):
                return result
        past = self.past
        found = [(term, term.allowed(queries, keys, device, past)) for term in self.terms]
        found = [(term, allowed) for term, allowed in found if allowed is not None]
        if not dense and len(found) == 1 and found[0][0].is_plain(queries, keys):
            result = None, True
        else:
            allowed = _conjunction([allowed for _, allowed in found])
            added = None if allowed is None else _to_additive(allowed, dtype)
            for term, reachable in found:
                if term.strict and added is not None:
                    added = torch.where(reachable, added, -torch.inf)
            if added is not None and isinstance(offset := _offset(past), Tensor):
                # What no token fills yet of a preallocated cache takes no part even in the mean
                # that a query without any allowed key sees.
                written = _columns(keys, device) < offset + queries
                added = torch.where(written, added, -torch.inf)
            result = added, False
        # A compiler finds what is computed twice, and cannot let a checkpointed block change this.
        if not torch.compiler.is_compiling() or torch.compiler.is_exporting():
            self._known.append(((queries, keys, dtype, device, dense), result))
        return result


def padding(attention_mask: Tensor | None) -> Mask:
    """Allows keys whose entry is not 0: [b, t], or by query [b, s, t], or [b, n|1, s, t]."""
    if attention_mask is None:
        return Mask()
    if attention_mask.ndim == 2:
        attention_mask = attention_mask[:, None, None]
    elif attention_mask.ndim == 3:
        attention_mask = attention_mask[:, None]
    return allow(attention_mask)


def allow(allowed: Tensor) -> Mask:
    """Allows what is True in bool [b|1, n|1, s|1, t]."""
    if allowed.ndim != 4:
        raise InputError(
            key="attention_mask",
            expected="2, 3 or 4 axes: [b, t], [b, s, t] or [b, n, s, t]",
            found=str(tuple(allowed.shape)),
        )
    return Mask(Given(allowed if allowed.dtype == torch.bool else allowed != 0))


def causal(past: Cache | None = None, strict: bool = False) -> Mask:
    """Allows keys at or before the query.

    With `strict`, later keys take no part even in the mean that a query without any allowed key
    sees.
    """
    return Mask(Causal(past, strict))


def window(size: int | None, past: Cache | None = None) -> Mask:
    """Allows keys fewer than `size` positions before the query (and all behind it)."""
    return Mask() if size is None else Mask(Window(size, past))


@dataclass(frozen=True, eq=False)
class Term:
    """One condition; `allowed` gives bool [b|1, n|1, s|1, t], or None where it allows all."""

    past = None
    strict = False

    def is_plain(self, queries: int, keys: int) -> bool:
        """Whether this is causality from the first position on, which kernels know."""
        return False


@dataclass(frozen=True, eq=False)
class Given(Term):
    tensor: Tensor  # bool [b|1, n|1, s|1, t]

    def allowed(self, queries, keys, device, past) -> Tensor | None:
        tensor = self.tensor
        if tensor.shape[-1] != keys:
            first = _first_key(past, queries, keys)
            if past is not None and past.capacity is not None:
                # The rest of a preallocated cache is empty; what is not read needs no mask.
                tensor = F.pad(tensor, (0, keys - tensor.shape[-1]))
            elif first > 0 and tensor.shape[-1] == first + keys:
                tensor = tensor[..., first:]
            else:
                raise InputError(
                    "the mask does not fit the keys",
                    key="attention_mask",
                    expected=f"{first + keys} keys (those in the cache and the new ones)",
                    found=str(tensor.shape[-1]),
                )
        # Kernels are faster without a mask. Elsewhere than on the CPU, looking would wait for it.
        look = tensor.device.type == "cpu" and not torch.compiler.is_compiling()
        return None if look and bool(tensor.all()) else tensor


@dataclass(frozen=True, eq=False)
class Causal(Term):
    past: Cache | None
    strict: bool = False

    def is_plain(self, queries: int, keys: int) -> bool:
        offset = _offset(self.past)
        return isinstance(offset, int) and offset == 0 and queries == keys

    def allowed(self, queries, keys, device, past) -> Tensor | None:
        offset, first = _offset(self.past), _first_key(self.past, queries, keys)
        if not isinstance(offset, Tensor) and offset >= first + keys - 1:
            return None
        return _columns(keys, device, first) <= _rows(queries, offset, device)


@dataclass(frozen=True, eq=False)
class Window(Term):
    size: int
    past: Cache | None

    def allowed(self, queries, keys, device, past) -> Tensor | None:
        offset, first = _offset(self.past), _first_key(self.past, queries, keys)
        if not isinstance(offset, Tensor) and offset + queries - first <= self.size:
            return None
        return _columns(keys, device, first) > _rows(queries, offset, device) - self.size


@dataclass(frozen=True, eq=False)
class Either(Term):
    one: Mask
    other: Mask

    @property
    def past(self) -> Cache | None:
        return self.one.past or self.other.past

    def allowed(self, queries, keys, device, past) -> Tensor | None:
        one = self.one.allowed(queries, keys, device)
        other = self.other.allowed(queries, keys, device)
        return None if one is None or other is None else one | other


def _offset(past: Cache | None) -> int | Tensor:
    return 0 if past is None else past.offset


def _rows(queries: int, offset: int | Tensor, device) -> Tensor:
    """The positions of the queries: [1, 1, s, 1]."""
    return (torch.arange(queries, device=device) + offset)[None, None, :, None]


def _first_key(past: Cache | None, queries: int, keys: int) -> int:
    """The position of the first key: not 0 where windows have dropped those before it."""
    growing = past is not None and past.capacity is None
    return past.offset + queries - keys if growing else 0


def _columns(keys: int, device, first: int = 0) -> Tensor:
    """The positions of the keys: [1, 1, 1, t]."""
    return torch.arange(first, first + keys, device=device)[None, None, None]


def _conjunction(parts: list[Tensor | None]) -> Tensor | None:
    parts = [part for part in parts if part is not None]
    return reduce(torch.logical_and, parts) if parts else None


def _to_additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    zeros = torch.zeros_like(allowed, dtype=dtype)
    return zeros.masked_fill_(~allowed, torch.finfo(dtype).min)
