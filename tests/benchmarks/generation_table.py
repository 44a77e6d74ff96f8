"""What `run.py --only generation --json OUT` found, as tables for the documentation.

    python tests/benchmarks/generation_table.py OUT

Per model one table of tokens a second, one of the times to the first token, and one of how much
longer than a later call the first one takes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SPEED = re.compile(r"Generation, (?P<model>.+): (?P<case>prompt .+), \d+ new tokens")
OTHERS = {
    "time to the first token": "milliseconds to the first token",
    "the first call in a process less a later one": "seconds of a first call less a later one",
}
OTHER = re.compile(rf"Generation, (?P<model>.+): (?P<what>{'|'.join(OTHERS)})")

Table = dict[str, dict[str, str]]  # {case: {subject: cell}}


def main() -> int:
    sections = json.loads(Path(sys.argv[1]).read_text())["sections"]
    for title, table in [*_speeds(sections).items(), *_others(sections).items()]:
        print(f"### {title}\n")
        print("\n".join(_lines(table)), end="\n\n")
    return 0


def _speeds(sections: list[dict]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for section in sections:
        if match := SPEED.fullmatch(section["title"]):
            title = f"{match['model']}: tokens a second"
            cells = tables.setdefault(title, {}).setdefault(match["case"], {})
            for row in section["rows"]:
                cells[_subject(row["what"])] = _number(row["ours"])
            limits = [row["limit"] for row in section["rows"]]
            cells["limit"] = _number(max(limits))
    return tables


def _others(sections: list[dict]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for section in sections:
        if match := OTHER.fullmatch(section["title"]):
            table = tables.setdefault(f"{match['model']}: {OTHERS[match['what']]}", {})
            for row in section["rows"]:
                case, _, what = row["what"].partition(": ")
                cells = table.setdefault(case, {})
                cells[_subject(what)] = _number(row["ours"])
                if other := what.partition(", against ")[2]:
                    cells[other] = _number(row["reference"])
    return tables


def _subject(what: str) -> str:
    return what.partition(", against ")[0]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _lines(table: Table) -> Iterator[str]:
    """A Markdown table: a line for each subject, ours first, and a column for each case."""
    subjects = list(dict.fromkeys(name for cells in table.values() for name in cells))
    subjects.sort(key=lambda name: (name == "limit", name.startswith("reference")))
    yield f"| | {' | '.join(table)} |"
    yield f"|{'---|' * (len(table) + 1)}"
    for name in subjects:
        yield f"| {name} | {' | '.join(cells.get(name, '') for cells in table.values())} |"


if __name__ == "__main__":
    sys.exit(main())
