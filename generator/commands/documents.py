"""The documents of the repository: pages, guides, the support table, and the rows that all specs
serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..cache import content_digest
from ..diagnostics import SpecError
from ..docs import README, Pages, guides, render_index
from ..located import plain
from ..table import Table, build_table, find_evidence, load_rows
from ..yaml_loader import load_yaml
from .common import Session
from .compile import compile_specs, make_tasks

HEADER = ("name", "model_type", "prefix", "rows", "extends")


def all_rows(session: Session, known: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """What the table needs of every spec, in the order of files; `known` are facts at hand.

    Raises SpecError for a file that is no YAML.
    """
    facts = {fact["source"]: fact for fact in known}
    found = []
    for path in session.places.all_specs():
        source = f"specs/models/{path.name}"
        found.append(facts[source] if source in facts else _rows_of(session, path, source))
    return found


def _rows_of(session: Session, path: Path, source: str) -> dict[str, Any]:
    found = _header(session, path)
    folder = str(found["model_type"]).replace("-", "_")
    rows = found["rows"] if isinstance(found["rows"], list) else []
    complete = [r for r in rows if isinstance(r, dict) and {"row", "page", "preset"} <= set(r)]
    differences = _differences(session, found)
    return found | {
        "folder": folder,
        "source": source,
        "rows": complete,
        "differences": differences,
    }


def _header(session: Session, path: Path) -> dict[str, Any]:
    """What a file itself says, without compiling it."""
    key = ("header", str(path), content_digest(path) or "")
    found = session.cache.get(*key)
    if not isinstance(found, dict):
        data = load_yaml(path)
        found = {name: plain(data.get(name)) for name in HEADER}
        found |= {name: plain(data[name]) for name in ("differences",) if name in data}
        session.cache.put(found, *key)
    return found


def _differences(session: Session, header: Mapping[str, Any]) -> list[str]:
    """Its own, or inherited ones."""
    while "differences" not in header:
        path = session.places.specs / f"{header['extends']}.yaml"
        if not header["extends"] or not path.is_file():
            return []
        header = _header(session, path)
    return header["differences"] or []


def make_table(session: Session, known: Iterable[Mapping[str, Any]] = ()) -> Table:
    rows = load_rows(session.places.rows)
    with find_evidence() as evidence:
        return build_table(rows, all_rows(session, known), evidence)


def document_files(
    session: Session, facts: Sequence[Mapping[str, Any]], complete: bool
) -> dict[str, str]:
    """The text of pages, guides and table; `facts` of all specs if `complete`, else of some.

    A page that other specs contribute to is made with those. Where another spec cannot be read,
    the table is left out, with a note.
    """
    facts = list(facts)
    try:
        rows_of_all = all_rows(session, facts)
    except SpecError as error:
        first = error.diagnostics[0]
        session.note(f"docs/index.md is left as it is: {first}")
        rows_of_all = None
    if not complete and rows_of_all is not None:
        facts += _sharing(session, facts, rows_of_all)
    rows = load_rows(session.places.rows)
    with find_evidence() as evidence:
        files = guides() | Pages(rows, evidence).render(facts)
        if rows_of_all is not None:
            files["docs/index.md"] = render_index(build_table(rows, rows_of_all, evidence))
    if complete:
        files["README.md"] = README
    return files


def _sharing(session: Session, facts, rows_of_all) -> list[dict[str, Any]]:
    """The facts of other specs whose rows are on the same pages."""
    pages = {row["page"] for fact in facts for row in fact["rows"]}
    have = {fact["source"] for fact in facts}
    names = [
        Path(spec["source"]).name
        for spec in rows_of_all
        if spec["source"] not in have and any(row["page"] in pages for row in spec["rows"])
    ]
    if not names:
        return []
    paths = [session.places.specs / name for name in names]
    outcome = compile_specs(make_tasks(paths, session.places, None), session.cache, "checking")
    outcome.errors.raise_if_any()
    return [item.facts for item in outcome.compiled]
