"""Specs to files and facts, from the cache where nothing changed, else on all processors."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache import BlockFormatter, Cache
from ..diagnostics import Diagnostic, Diagnostics, Location, SpecError, did_you_mean, quoted
from ..progress import Bar
from ..spec import Spec, load_spec

if TYPE_CHECKING:
    from ..language.program import Program

Render = Callable[..., dict[str, str]]
NO_CACHE = Cache(None)
FEW = 3  # specs that are compiled faster without starting processes
TRANSIENT = (KeyboardInterrupt, SystemExit, BrokenProcessPool)


@dataclass(frozen=True)
class Compiled:
    """One spec: its files (None if it was only checked) and what docs say of it."""

    path: Path
    facts: dict[str, Any]
    files: dict[str, str] | None


@dataclass(frozen=True)
class Task:
    """What a worker needs to know."""

    path: Path
    library_dirs: tuple[Path, ...]
    render: Render | None
    package: str
    rows: tuple[str, ...] | None
    """The names that rows may have; None for specs from elsewhere."""
    cache: Cache = NO_CACHE
    """For parts of files."""


@dataclass
class Outcome:
    compiled: list[Compiled] = field(default_factory=list)
    errors: Diagnostics = field(default_factory=Diagnostics)
    from_cache: int = 0


def compile_specs(tasks: Sequence[Task], cache: Cache, label: str = "compiling") -> Outcome:
    """Compiles every task; the faults of all are collected."""
    outcome = Outcome()
    results: dict[Path, Compiled] = {}
    todo = []
    for task in tasks:
        if (found := _from_cache(task, cache)) is not None:
            results[task.path] = found
        else:
            todo.append(replace(task, cache=cache))
    outcome.from_cache = len(results)
    since = time.time()
    with Bar(len(todo), label) as bar:
        for task, made in _run(todo):
            if isinstance(made, tuple):
                outcome.errors.extend(made)
            else:
                results[task.path], sources = made
                value = {"facts": results[task.path].facts, "files": results[task.path].files}
                cache.put_compiled(value, sources, since, *_key(task))
            bar.step(task.path.stem)
    if todo:
        cache.prune()
    outcome.compiled = [results[task.path] for task in tasks if task.path in results]
    _check_names(outcome)
    return outcome


def render(program: Program, package: str, cache: Cache) -> dict[str, str]:
    """The generator itself, loaded when there is something to render."""
    from ..render import format_source, render_program

    return render_program(program, package, formatter=BlockFormatter(format_source, cache))


def make_tasks(
    specs: Iterable[Path], places, render: Render | None, package: str = "triptych.models"
) -> list[Task]:
    tasks, names = [], None
    for path in specs:
        own = places.is_own(path)
        if own and names is None and places.rows.is_file():
            rows = json.loads(places.rows.read_text(encoding="utf-8"))
            names = tuple(row["row"] for row in rows)
        dirs = tuple(places.library_dirs(path))
        tasks.append(Task(path, dirs, render, package, names if own else None))
    return tasks


def _key(task: Task) -> tuple[str, ...]:
    """Files that would come before those that were read are part of the key, by name."""
    folders = [f for f in (task.path.parent, *task.library_dirs) if task.rows is None]
    listing = [name for folder in folders for name in sorted(os.listdir(folder))]
    name = "check" if task.render is None else task.render.__qualname__
    rows = task.rows or ()
    return "spec", str(task.path), task.package, name, str(len(listing)), *listing, *rows


def _from_cache(task: Task, cache: Cache) -> Compiled | None:
    value = cache.get_compiled(*_key(task))
    if value is None and task.render is None:
        value = cache.get_compiled(*_key(replace(task, render=render)))
    try:
        return Compiled(task.path, value["facts"], value["files"])
    except (TypeError, KeyError):
        return None


# --- work --------------------------------------------------------------------------------------

Made = tuple[Compiled, tuple[Path, ...]] | tuple[Diagnostic, ...]


def _run(tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
    processors = os.cpu_count() or 1
    if len(tasks) <= FEW or processors == 1:
        for task in tasks:
            yield task, _unpack(compile_spec(task))
        return
    from .. import docs, render  # noqa: F401  loaded once, before processes are forked

    workers = min(processors, len(tasks))
    pool = ProcessPoolExecutor(workers, initializer=_ignore_interrupts)
    try:
        chunk = max(1, min(4, len(tasks) // (workers * 4)))
        for task, made in zip(tasks, pool.map(compile_spec, tasks, chunksize=chunk), strict=True):
            yield task, _unpack(made)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """A keyboard's interrupt reaches all processes; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _unpack(made: dict[str, Any]) -> Any:
    if "errors" in made:
        return tuple(made["errors"])
    return [Compiled(made["path"], made["facts"], made["files"]), made["sources"]]


def compile_spec(task: Task) -> dict[str, Any]:
    """Loads, checks and renders a spec; runs in a worker, so that faults are values."""
    from ..checking import check_spec
    from ..docs import spec_facts
    from ..render import check_code

    try:
        spec = load_spec(task.path, task.library_dirs)
        _check_rows(spec, task.rows)
        program = check_spec(spec)
        if task.render is None:
            check_code(program)
        files = None if task.render is None else task.render(program, task.package, task.cache)
        facts = spec_facts(program)
        return {"path": task.path, "facts": facts, "files": files, "sources": spec.dependencies}
    except SpecError as error:
        return {"errors": error.diagnostics}
    except OSError as error:
        message = f"cannot be read ({error.strerror or error})"
        return {"errors": [Diagnostic(Location(str(error.filename or task.path), 1, 1), message)]}
    except TRANSIENT:
        raise
    except Exception as error:
        if os.environ.get("TRIPTYCH_DEBUG"):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return {
            "errors": [
                Diagnostic(
                    Location(str(task.path), 1, 1),
                    "the generator failed on this spec, which is a fault of its own",
                    found=reason,
                    hint="TRIPTYCH_DEBUG=1 shows where",
                )
            ]
        }


def _check_rows(spec: Spec, known: tuple[str, ...] | None) -> None:
    errors = Diagnostics()
    for row in spec.rows if known is not None else ():
        if row["row"] not in known:
            errors.error(
                row.value_locations["row"],
                f"the support table has no row {quoted(row['row'])}",
                hint=did_you_mean(row["row"], known),
            )
    errors.raise_if_any()


def _check_names(outcome: Outcome) -> None:
    """No two specs write the same folder, or say the same of a row."""
    folders: dict[str, Compiled] = {}
    for item in outcome.compiled:
        other = folders.setdefault(item.facts["folder"], item)
        if other is not item:
            outcome.errors.error(
                Location(str(item.path), 1, 1),
                f"another spec has the model_type of this one, {quoted(item.facts['model_type'])}",
                found=other.path.name,
            )
    served: dict[tuple[str, str], Compiled] = {}
    for item in outcome.compiled:
        for row in item.facts["rows"]:
            for name in row.get("classes") or [""]:
                other = served.setdefault((row["row"], name), item)
                if other is not item:
                    outcome.errors.error(
                        Location(str(item.path), 1, 1),
                        f"another spec serves the row {quoted(row['row'])} with the same classes",
                        found=other.path.name,
                    )
