"""Inputs of a call that are mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import InputError


def entries(
    given: Mapping[str, Any] | None, name: str, needed: Sequence[str], optional: Sequence[str] = ()
) -> tuple[Any, ...]:
    """The values of a mapping in order, those that are needed first; None for absent ones."""
    given = {} if given is None else given
    known = (*needed, *optional)
    missing = [key for key in needed if given.get(key) is None]
    unknown = [key for key in given if key not in known]
    if missing or unknown:
        expected = "a mapping with " + ", ".join(known)
        raise InputError(key=name, expected=expected, found=", ".join(given) or "none of these")
    return tuple(given.get(key) for key in known)
