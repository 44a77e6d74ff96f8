"""Targets of a batch: a dictionary for each row, or a dictionary of lists with an item for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import InputError, nearest, show


def named_values(rows: Any, name: str) -> Sequence[Any]:
    """What the rows have under a name; an InputError where one lacks it, or there are no rows."""
    whole = isinstance(rows, Mapping)
    listed = [rows] if whole else rows
    if not isinstance(listed, Sequence) or not all(isinstance(row, Mapping) for row in listed):
        raise InputError("not targets", expected="a list of dictionaries", found=show(rows))
    for row in listed:
        if name not in row:
            raise InputError(f"the targets have no {name!r}", hint=nearest(name, row))
    values = rows[name] if whole else [row[name] for row in rows]
    if len(values) == 0:
        raise InputError("there are no targets", expected="one for each row of the batch")
    return values
