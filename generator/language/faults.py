"""Faults of a module: reported where they stand, once; what they spoil is given up."""

from __future__ import annotations

import ast

from ..diagnostics import Location, did_you_mean


class Failure(Exception):
    """An expression that has been reported; its statement is given up."""


class FaultMixin:
    """Reports faults; the checker provides `name`, `source` and `errors`."""

    def fail(self, node: ast.AST, message: str, **details):
        self.report(node, message, **details)
        raise Failure

    def fail_at(self, location: Location, message: str, **details):
        self.errors.error(location, f"{self.name}: {message}", **details)
        raise Failure

    def report(self, node: ast.AST, message: str, **details) -> None:
        self.failed = True
        self.errors.error(self.source.locate(node), f"{self.name}: {message}", **details)

    def hint(self, name: str, names) -> str | None:
        return did_you_mean(name, names)
