"""Rows of results, and how they are shown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

HEAD = ("", "ours", "reference", "ratio", "quartiles", "limit", "of limit", "required", "")


@dataclass
class Row:
    """One number beside what it is compared with.

    `ratio` is ours over the reference's, `over_limit` ours over the physical limit. `required`
    bounds what `judged` names ("ratio", "over_limit" or "ours"), from above, or from below
    (`at_least`).
    """

    what: str
    unit: str = "ms"
    ours: float | None = None
    reference: float | None = None
    ratios: Sequence[float] = ()
    limit: float | None = None
    limit_ratios: Sequence[float] = ()
    required: float | None = None
    judged: str = "ratio"
    at_least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def over_limit(self) -> float | None:
        return statistics.median(self.limit_ratios) if self.limit_ratios else None

    @property
    def quartiles(self) -> tuple[float, float] | None:
        """Of the judged ratio, round by round."""
        ratios = self.limit_ratios if self.judged == "over_limit" else self.ratios
        if len(ratios) < 2:
            return None
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    @property
    def met(self) -> bool | None:
        value = getattr(self, self.judged)
        if value is None or self.required is None:
            return None
        return value >= self.required if self.at_least else value <= self.required

    def cells(self) -> list[str]:
        sign, unit = (">=" if self.at_least else "<="), self.unit
        return [
            self.what,
            _number(self.ours, unit),
            _number(self.reference, unit),
            _factor(self.ratio),
            "" if self.quartiles is None else "{:.2f}-{:.2f}".format(*self.quartiles),
            _number(self.limit, unit),
            _factor(self.over_limit),
            "" if self.required is None else f"{sign} {self._bound()}",
            {True: "met", False: "NOT MET", None: ""}[self.met],
        ]

    def _bound(self) -> str:
        if self.judged == "ours":
            return _number(self.required, self.unit)
        suffix = " limit" if self.judged == "over_limit" else ""
        return f"{self.required:g} x{suffix}"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _factor(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


@dataclass
class Section:
    """The rows of one measurement."""

    title: str
    rows: list[Row]
    notes: Sequence[str] = ()


def text(sections: Iterable[Section]) -> str:
    """For terminals: columns of one width throughout."""
    sections = list(sections)
    lines = [HEAD, *(row.cells() for section in sections for row in section.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]

    def show(cells: Sequence[str]) -> str:
        first, *rest = (cell.ljust(w) for cell, w in zip(cells[:1], widths[:1], strict=True))
        rest = [cell.rjust(w) for cell, w in zip(cells[1:], widths[1:], strict=True)]
        return "  ".join([first, *rest]).rstrip()

    shown = [show(HEAD)]
    for section in sections:
        shown += ["", section.title, *(show(row.cells()) for row in section.rows)]
        shown += [f"  {line}" for line in _notes(section)]
    return "\n".join(shown)


def markdown(sections: Iterable[Section], heading: str) -> str:
    """A page with a table for each measurement."""
    shown = ["# Benchmarks", "", heading]
    for section in sections:
        shown += ["", f"## {section.title}", "", _line(HEAD), _line(["---"] * len(HEAD))]
        shown += [_line(row.cells()) for row in section.rows]
        notes = _notes(section)
        shown += ["", *(f"- {line}" for line in notes)] if notes else []
    return "\n".join(shown) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(section: Section) -> list[str]:
    return [*section.notes, *(f"{row.what}: {row.note}" for row in section.rows if row.note)]


def as_json(sections: Iterable[Section], **facts: object) -> str:
    """Everything, with the ratio of each round."""
    found = [
        {
            "title": section.title,
            "notes": list(section.notes),
            "rows": [
                {**asdict(row), "ratio": row.ratio, "over_limit": row.over_limit, "met": row.met}
                for row in section.rows
            ],
        }
        for section in sections
    ]
    return json.dumps({**facts, "sections": found}, indent=1) + "\n"
