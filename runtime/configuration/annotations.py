"""Plain values against annotated types, as `config.json` can hold them."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any


def alternatives(kind: Any) -> tuple:
    """The members of a union, or the type itself."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def matches(value: Any, kind: Any) -> bool:
    """Whether a plain value has the annotated type; a bool is no int, an int is also a float."""
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, part) for part in arguments)
    if kind is None or kind is types.NoneType:
        return value is None
    if kind is int or kind is float:
        accepted = int if kind is int else (int, float)
        return isinstance(value, accepted) and not isinstance(value, bool)
    if origin in (list, tuple):
        # JSON has no tuples, and Python code likes them: each passes for the other.
        return isinstance(value, list | tuple) and _items_match(value, arguments)
    if origin is dict:
        if not isinstance(value, dict):
            return False
        return not arguments or all(
            matches(name, arguments[0]) and matches(item, arguments[1])
            for name, item in value.items()
        )
    return isinstance(value, origin)


def _items_match(value: list | tuple, arguments: tuple) -> bool:
    if not arguments:
        return True
    if len(arguments) == 1 or arguments[-1] is Ellipsis:
        return all(matches(item, arguments[0]) for item in value)
    return len(value) == len(arguments) and all(map(matches, value, arguments))


def describe(kind: Any) -> str:
    """An annotated type in words."""
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    words |= {dict: "an object", list: "a list", tuple: "a list", types.NoneType: "null"}
    names = []
    for part in alternatives(kind):
        name = words.get(typing.get_origin(part) or part, getattr(part, "__name__", str(part)))
        arguments = [item for item in typing.get_args(part) if item is not Ellipsis]
        if arguments and name == "a list":
            name = f"a list ({', '.join(describe(item) for item in arguments)})"
        names.append(name)
    return " or ".join(dict.fromkeys(names))


def numbers(value: Any) -> Iterator[int | float]:
    """The numbers in a plain value, at any depth; bools are none."""
    if isinstance(value, int | float):
        if not isinstance(value, bool):
            yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
