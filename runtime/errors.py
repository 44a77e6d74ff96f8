"""The errors Triptych raises on purpose.

Each says where (a file, a key), what is wrong, what was expected and what was found, in one line.
"""

from __future__ import annotations

import difflib
import os
import reprlib
from collections.abc import Iterable


class TriptychError(Exception):
    """Base of all errors of Triptych.

    The attributes are kept apart so that a caller further out can fill in what it knows (usually
    `file`) and let the same error pass on.
    """

    def __init__(
        self,
        what: str = "",
        *,
        file: str | os.PathLike | None = None,
        key: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str = "",
    ):
        super().__init__(what)
        self.what = what
        self.file = file
        self.key = key
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        facts = []
        if self.expected is not None:
            facts.append(f"expected {self.expected}")
        if self.found is not None:
            facts.append(f"found {self.found}")
        where = [str(part) for part in (self.file, self.key) if part is not None]
        parts = [*where, self.what, ", ".join(facts)]
        text = ": ".join(part for part in parts if part)
        return f"{text}. {self.hint.strip()}" if self.hint else text


class ConfigError(TriptychError):
    """A configuration that cannot be used."""


class CheckpointError(TriptychError):
    """A checkpoint that is broken, hostile, or does not fit the model."""


class InputError(TriptychError):
    """An argument of a call that cannot be used."""


class MissingFrameworkError(TriptychError, ImportError):
    """A framework that is needed is not installed; the message names the extra to install."""

    NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "flax": "Flax"}

    def __init__(self, extra: str, purpose: str = ""):
        """`extra`: "torch", "tensorflow" or "flax"; `purpose`: what it is needed for."""
        need = f" is needed {purpose} and" if purpose else ""
        super().__init__(
            f"{self.NAMES.get(extra, extra)}{need} is not installed",
            hint=f"Install it with `pip install triptych[{extra}]`",
        )

    def __reduce__(self):
        return (_restore, (type(self), self.__dict__))


def _restore(kind: type[TriptychError], state: dict) -> TriptychError:
    error = kind.__new__(kind, state["what"])
    error.__dict__.update(state)
    return error


def nearest(name: str, names: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the name closest to `name`, or an empty string."""
    if not isinstance(name, str):
        return ""
    # Long names would make the comparison slow, and are never a slip of the pen.
    matches = difflib.get_close_matches(name[:100], list(names), n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlevel = 3


def show(value: object) -> str:
    """A short `repr`, safe for values of any size."""
    return _SHORT.repr(value)
