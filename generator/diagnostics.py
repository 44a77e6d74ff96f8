"""Located errors: collected, all of them reported, one a line.

A file's author sees every fault of a run at once, each as
`file:line:column: what; expected ...; found ...; hint`. Text taken from a file is escaped and
shortened before it is shown, so that a hostile spec cannot write to a terminal.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

_LONGEST_NAME = 64


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A position in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{_shown(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault; `expected`, `found` and `hint` are phrases in plain words."""

    location: Location
    message: str
    expected: str | None = None
    found: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.hint is not None:
            parts.append(self.hint)
        return _one_line(f"{self.location}: {'; '.join(parts)}")


class SpecError(Exception):
    """Raised once for a whole stage; `diagnostics` holds every fault, in file order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]):
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))

    def __reduce__(self):
        return SpecError, (self.diagnostics,)


class Diagnostics:
    """Collects faults, each once; iterates over them sorted by file, line and column."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    def error(
        self,
        location: Location,
        message: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        self._found[Diagnostic(location, message, expected, found, hint)] = None

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        self._found.update(dict.fromkeys(diagnostics))

    def raise_if_any(self) -> None:
        if self._found:
            raise SpecError(self)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found, key=lambda item: item.location))

    def __len__(self) -> int:
        return len(self._found)


def fail(
    location: Location,
    message: str,
    *,
    expected: str | None = None,
    found: str | None = None,
    hint: str | None = None,
) -> NoReturn:
    """Raises one fault after which nothing else can be said about the file."""
    raise SpecError([Diagnostic(location, message, expected, found, hint)])


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` is most likely a misspelling of."""
    name = name[:_LONGEST_NAME]
    by_lower: dict[str, str] = {}
    for candidate in candidates:
        by_lower.setdefault(candidate.lower(), candidate)
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """The hint that names the nearest candidate."""
    found = nearest(name, candidates)
    return f"did you mean '{found}'?" if found is not None else None


def quoted(text: str, limit: int = _LONGEST_NAME) -> str:
    """Text of a file as it is shown in a message: in quotes, on one line, of bounded length."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    return f"'{_one_line(cut)}'"


def listed(names: Iterable[str], limit: int = 30) -> str:
    """`a, b or c`, of bounded length."""
    names = list(names)
    if len(names) > limit:
        return ", ".join(names[:limit]) + ", ..."
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " or " + names[-1]


def describe(value: Any) -> str:
    """A value in the words of an error message."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a mapping" if isinstance(value, dict) else "a list"


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shown(file: str) -> str:
    """The file's name, relative to the current directory when it is below it."""
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):
        return file
    return file if relative.split(os.sep)[0] == os.pardir else relative
