"""How long specs are, against three times the PyTorch code that the reference needs for a row.

A line counts if it is neither blank nor a comment; no line is longer than 100 columns. A library
counts once, whatever the number of specs that use it; a row that shares another's code has no
lines of its own on either side.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .yaml_loader import load_yaml

FRAMEWORKS = 3


@dataclass(frozen=True)
class Measure:
    """A spec or library: its own lines, and those of the rows it serves times three, or None."""

    name: str
    lines: int
    reference: int | None


def count_lines(path: Path) -> int:
    """The lines of a spec that say something."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def measure(specs: Path, rows: Path) -> list[Measure]:
    """Every spec, in the order of their names, then every library."""
    reference = {
        row["row"]: row["reference_lines"]["pt"] * FRAMEWORKS
        for row in json.loads(rows.read_text(encoding="utf-8"))
        if "reference_lines" in row
    }
    found = []
    for path in sorted((specs / "models").glob("*.yaml")):
        data = load_yaml(path)
        served = [reference.get(row["row"], 0) for row in data["rows"]]
        found.append(Measure(data["name"], count_lines(path), sum(served)))
    found.sort(key=lambda item: item.name.lower())
    libraries = sorted((specs / "library").glob("*.yaml"))
    return found + [Measure(f"library: {p.stem}", count_lines(p), None) for p in libraries]


def ratio(measures: Iterable[Measure]) -> float:
    """Lines of the reference for one line of all specs and libraries together."""
    measures = list(measures)
    return sum(m.reference or 0 for m in measures) / sum(m.lines for m in measures)


def markdown(measures: Iterable[Measure]) -> str:
    """The table of `specs/README.md`."""
    measures = list(measures)
    lines = [
        "| spec | lines | 3 x the reference's PyTorch lines | ratio |",
        "|---|---:|---:|---:|",
    ]
    for item in measures:
        own = f"{item.reference / item.lines:.1f}" if item.reference else ""
        lines.append(f"| {item.name} | {item.lines} | {item.reference or ''} | {own} |")
    total = sum(item.lines for item in measures)
    reference = sum(item.reference or 0 for item in measures)
    lines.append(f"| **all** | **{total}** | **{reference}** | **{ratio(measures):.1f}** |")
    return "\n".join(lines) + "\n"
