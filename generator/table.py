"""The support table: all rows, of which each tick was measured.

A row is a line of the reference's own table of architectures (`specs/rows.json`); specs say which
rows they serve, evidence says which classes are proven. A cell is `proven` only if every class
that the row has in PyTorch is proven in that framework, and a row that shares another's code only
with a case that has its own preset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FRAMEWORKS = ("pytorch", "tensorflow", "flax")
TITLES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "flax": "Flax"}
CLASS_PREFIXES = {"pytorch": "", "tensorflow": "TF", "flax": "Flax"}
PROVEN, NOT_YET, GAP = "proven", "not yet", "known gap"


@dataclass(frozen=True)
class Row:
    """The facts of a row; one that shares another's code has that row's classes."""

    row: str
    page: str | None
    model_type: str
    code_of: str | None
    reference: tuple[str, ...]
    """The frameworks that the reference's table ticks."""
    classes: Mapping[str, tuple[str, ...]]
    tokenizer: Mapping[str, str]


def load_rows(path: Path) -> dict[str, Row]:
    """The rows of `rows.json`, in its order."""
    data = {item["row"]: item for item in json.loads(path.read_text(encoding="utf-8"))}
    rows = {}
    for name, item in data.items():
        classes = item.get("classes") or data[item["code_of"]]["classes"]
        rows[name] = Row(
            name,
            item["page"],
            item["model_type"],
            item.get("code_of"),
            tuple(item["reference"]),
            {framework: tuple(names) for framework, names in classes.items()},
            item.get("tokenizer", {}),
        )
    return rows


class Evidence:
    """What was measured: the state of a class, and the current entries behind it.

    `status(folder, class, framework)` and `load(folder)` are `status` and `fresh` of a `Snapshot`
    (`generator/evidence.py`); what is broken in a file counts as not measured.
    """

    def __init__(
        self,
        status: Callable[[str, str, str], str] | None = None,
        load: Callable[[str], list[dict[str, Any]]] | None = None,
    ):
        self._status, self._load = status, load
        self._states: dict[tuple[str, str, str], str] = {}
        self._entries: dict[str, list[dict[str, Any]]] = {}

    def status(self, folder: str, name: str, framework: str) -> str:
        """`proven`, `known gap: reason` or `not yet`; `name` is the class's in PyTorch."""
        key = folder, name, framework
        if key not in self._states:
            self._states[key] = _guarded(self._status, NOT_YET, *key)
        return self._states[key]

    def entries(self, folder: str) -> list[dict[str, Any]]:
        """The measurements of one spec's classes."""
        if folder not in self._entries:
            found = _guarded(self._load, [], folder)
            wanted = {"class", "framework", "form", "case", "passed"}
            self._entries[folder] = [entry for entry in found if wanted <= set(entry)]
        return self._entries[folder]

    def own_case(self, folder: str, preset: str, framework: str) -> bool:
        """Whether a case with the options of a preset (and named like it) is proven."""
        return any(
            entry["case"] == preset
            and entry["framework"] == framework
            and entry["passed"] is True
            and self.status(folder, entry["class"], framework) == PROVEN
            for entry in self.entries(folder)
        )


def _guarded(function: Callable | None, default: Any, *arguments: str) -> Any:
    try:
        return default if function is None else function(*arguments)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SyntaxError):
        return default


@contextmanager
def find_evidence() -> Iterator[Evidence]:
    """The repository's evidence, as far as it is current; what that took is kept at the end."""
    from . import evidence

    now = evidence.Snapshot(evidence.ROOT / ".cache" / "evidence.json")
    yield Evidence(now.status, now.fresh)
    now.memory.save()


# --- cells -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """That a spec serves a row: an entry of its `rows`."""

    spec: str
    """The spec's name."""
    folder: str
    prefix: str
    source: str
    row: str
    page: str
    preset: str
    classes: tuple[str, ...] | None = None
    note: str | None = None
    differences: tuple[str, ...] = ()

    def serves(self, name: str) -> bool:
        names = self.classes
        return names is None or name in names or name.removeprefix(self.prefix) in names


def served_rows(specs: Iterable[Mapping[str, Any]]) -> dict[str, list[Served]]:
    """Row -> the specs that serve it. A spec: `name`, `folder`, `prefix`, `source`, `rows`."""
    found: dict[str, list[Served]] = {}
    for spec in specs:
        for row in spec["rows"]:
            classes = tuple(row["classes"]) if row.get("classes") else None
            entry = Served(
                spec["name"],
                spec["folder"],
                spec["prefix"],
                spec["source"],
                row["row"],
                row["page"],
                row["preset"],
                classes,
                row.get("note"),
                tuple(spec.get("differences", ())),
            )
            found.setdefault(row["row"], []).append(entry)
    return found


@dataclass(frozen=True)
class Cell:
    """A row in one framework."""

    states: Mapping[str, str]
    """Class -> `proven`, `known gap: reason` or `not yet`."""
    served: bool
    own_case: bool = True

    @property
    def proven(self) -> int:
        return sum(state == PROVEN for state in self.states.values())

    @property
    def text(self) -> str:
        total, gaps = len(self.states), len(gaps_of(self.states))
        if not self.served or not self.own_case:
            return NOT_YET
        if self.proven == total:
            return PROVEN
        counted = f", {gaps} known {'gap' if gaps == 1 else 'gaps'}" if gaps else ""
        return f"{self.proven}/{total}{counted}"


def gaps_of(states: Mapping[str, str]) -> dict[str, str]:
    """Class -> reason, of the classes with a known gap."""
    return {
        name: state.partition(":")[2].strip()
        for name, state in states.items()
        if state.startswith(GAP)
    }


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    facts: Row
    served: tuple[Served, ...]
    cells: Mapping[str, Cell]

    @property
    def page(self) -> str | None:
        return self.served[0].page if self.served else None

    @property
    def differences(self) -> list[str]:
        """Where it is not as in the reference, of all specs that serve it."""
        return list(dict.fromkeys(text for entry in self.served for text in entry.differences))

    def tokenizer(self, kind: str) -> str:
        return NOT_YET if kind in self.facts.tokenizer else "-"


@dataclass(frozen=True)
class Table:
    lines: tuple[Line, ...]

    def rows_proven(self, framework: str) -> int:
        return sum(line.cells[framework].text == PROVEN for line in self.lines)

    def rows_of_reference(self, framework: str) -> int:
        return sum(framework in line.facts.reference for line in self.lines)

    @property
    def rows_served(self) -> int:
        return sum(bool(line.served) for line in self.lines)

    def _owners(self) -> list[Line]:
        return [line for line in self.lines if line.facts.code_of is None]

    @property
    def classes(self) -> int:
        """Every PyTorch class once, not again for rows that share it."""
        return len({name for line in self._owners() for name in line.facts.classes["pytorch"]})

    def classes_proven(self, framework: str) -> int:
        states = (line.cells[framework].states.items() for line in self._owners())
        return len({name for items in states for name, state in items if state == PROVEN})

    def classes_of_reference(self, framework: str) -> int:
        lines = self._owners()
        return len({name for line in lines for name in line.facts.classes.get(framework, ())})

    def gaps(self) -> list[tuple[str, str, str, str]]:
        """(row, framework, class, reason) of every known gap."""
        return [
            (line.facts.row, framework, name, reason)
            for line in self._owners()
            for framework in FRAMEWORKS
            for name, reason in gaps_of(line.cells[framework].states).items()
        ]

    def counts(self) -> dict[str, Any]:
        return {
            "rows": len(self.lines),
            "rows_with_a_spec": self.rows_served,
            "classes": self.classes,
            "frameworks": {
                framework: {
                    "rows_proven": self.rows_proven(framework),
                    "rows_of_the_reference": self.rows_of_reference(framework),
                    "classes_proven": self.classes_proven(framework),
                    "classes_of_the_reference": self.classes_of_reference(framework),
                }
                for framework in FRAMEWORKS
            },
        }


def build_table(
    rows: Mapping[str, Row], specs: Iterable[Mapping[str, Any]], evidence: Evidence
) -> Table:
    """The table of all rows."""
    served = served_rows(specs)
    lines = []
    for name, facts in rows.items():
        entries = tuple(served.get(name, ()))
        cells = {f: make_cell(facts, entries, f, evidence) for f in FRAMEWORKS}
        lines.append(Line(facts, entries, cells))
    return Table(tuple(lines))


def make_cell(facts: Row, entries: Sequence[Served], framework: str, evidence: Evidence) -> Cell:
    states = {}
    for name in facts.classes["pytorch"]:
        found = [evidence.status(e.folder, name, framework) for e in entries if e.serves(name)]
        states[name] = min(found, key=_rank, default=NOT_YET)
    own_case = facts.code_of is None or any(
        evidence.own_case(entry.folder, entry.preset, framework) for entry in entries
    )
    return Cell(states, bool(entries), own_case)


def _rank(state: str) -> int:
    return 0 if state == PROVEN else 1 if state.startswith(GAP) else 2
