"""Evidence: which class was proven against the reference, in which framework, form and case.

`generated/evidence/<folder>.json` holds one entry per class, framework, form and case:

    {"format": 1, "model_type": "bert", "entries": [
        {"class": "BertModel", "framework": "pytorch", "form": "eager", "case": "default",
         "key": ..., "passed": true, "error": 9.7e-07, "tolerance": 1e-05}, ...]}

`key` is a hash of all that the result depends on, so an entry that is out of date speaks for
nothing. `error` and `tolerance` are shown, never compared; `reason` names a known gap, `failure`
what went wrong. Only `triptych verify` writes these files; the support table reads them.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

FORMAT = 1
ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ROOT / "tests" / "references"
HARNESS = ROOT / "tests" / "parity"
FOLDERS = {"": ROOT / "runtime", "models": ROOT / "generated"}  # within the import package
PACKAGE = "triptych"
INFIX = {"pytorch": "", "tensorflow": "tf_", "flax": "flax_"}  # of generated files
PRIMARY = {"pytorch": "eager", "tensorflow": "function", "flax": "jit"}
ORDER = ("class", "framework", "form", "case")

Entry = dict[str, Any]


# Keys.


def evidence_key(folder: str, framework: str, case_dir: Path) -> str:
    """The hash of all that a case's result depends on, as it is now.

    That is: the generated module of the framework and whatever it imports, from other generated
    modules and from the runtime, directly or not; modules of the architectures that the case's
    config.json names as parts; the case's files; and the code that runs and compares it.
    """
    case_dir = Path(case_dir)
    folders = [folder, *_parts(case_dir / "config.json")]
    roots = [path for name in dict.fromkeys(folders) for path in _modules(name, framework)]
    harness = [HARNESS / f"{name}.py" for name in ("probes", "generation", "forms")]
    harness += [HARNESS / "adapters" / f"{name}.py" for name in ("base", framework)]
    harness += [REFERENCES / f"{name}.py" for name in ("case", "compare", "fill")]
    files = {*_closure(tuple(roots)), *harness, *(f for f in case_dir.iterdir() if f.is_file())}
    total = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        total.update(f"{name}\0{_digest(path, _stamp(path))}\n".encode())
    return total.hexdigest()


def _modules(folder: str, framework: str) -> list[Path]:
    place = ROOT / "generated" / folder
    names = (f"configuration_{folder}.py", f"modeling_{INFIX[framework]}{folder}.py")
    return [place / name for name in names if (place / name).exists()]


def _parts(config: Path) -> Iterator[str]:
    """The folders of the architectures inside a composite's configuration."""
    pending = list(json.loads(config.read_text(encoding="utf-8")).values())
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
            if isinstance(name := value.get("model_type"), str):
                yield name.replace("-", "_")


def _closure(roots: tuple[Path, ...]) -> set[Path]:
    """Files of this repository that some files import, with those files."""
    found: set[Path] = set()
    pending = list(roots)
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_imports(path, _stamp(path)))
    return found


@cache
def _imports(path: Path, stamp: tuple) -> tuple[Path, ...]:
    """What a file imports, wherever in it; `stamp` makes a changed file be read again."""
    here = _dotted(path)
    package = here if path.name == "__init__.py" else here[:-1]
    found: list[Path] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for name in (alias.name.split(".") for alias in node.names):
                if name[0] == PACKAGE:
                    found += _files(tuple(name[1:]))
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = package[: len(package) - node.level + 1] + module
            elif module[:1] == (PACKAGE,):
                base = module[1:]
            else:
                continue
            found += _files(base)
            for alias in node.names:
                found += _files((*base, alias.name))
    return tuple(dict.fromkeys(found))


def _dotted(path: Path) -> tuple[str, ...]:
    """A file's name within the package, without the package's own."""
    for prefix in ("models", ""):
        if path.is_relative_to(FOLDERS[prefix]):
            parts = path.relative_to(FOLDERS[prefix]).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            return (prefix, *parts) if prefix else parts
    raise ValueError(f"{path} is no part of {PACKAGE}")


def _files(name: tuple[str, ...]) -> list[Path]:
    """The file of a dotted name, if it is a module; not the packages around it."""
    prefix = "models" if name[:1] == ("models",) else ""
    place = FOLDERS[prefix].joinpath(*name[1:] if prefix else name)
    both = (place.parent / f"{place.name}.py", place / "__init__.py")
    return [path for path in both if path.is_file()]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@cache
def _digest(path: Path, stamp: tuple) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Files.


def path_of(folder: str) -> Path:
    """Where the evidence of a folder is kept."""
    return ROOT / "generated" / "evidence" / f"{folder}.json"


def load(folder: str) -> list[Entry]:
    """The entries of a folder, in order; none if there is no file, or one of another format."""
    path = path_of(folder)
    if not path.exists():
        return []
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["entries"] if data.get("format") == FORMAT else []


def record(folder: str, entries: list[Entry]) -> None:
    """Put entries in the place of those of the same class, framework, form and case.

    What is left of classes and cases that are no more is dropped. Written at once, and only if
    something changed.
    """
    kept = {_identity(entry): entry for entry in load(folder)}
    kept |= {_identity(entry): _rounded(entry) for entry in entries}
    rows = [row for _, row in sorted(kept.items()) if case_folder(row["class"], row["case"])]
    data = {"format": FORMAT, "model_type": folder, "entries": rows}
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    path = path_of(folder)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _identity(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry[name] for name in ORDER)


def _rounded(entry: Entry) -> Entry:
    """Numbers to two digits, so that files do not change with the weather."""

    def short(x: float) -> float | None:
        return float(f"{x:.1e}") if abs(x) < float("inf") else None

    return {k: short(v) if k in ("error", "tolerance") else v for k, v in entry.items()}


# What the evidence says.


def case_folder(class_name: str, case: str) -> Path | None:
    """The folder of a recorded case, if there is one."""
    return _cases().get((class_name, case))


@cache
def _cases() -> dict[tuple[str, str], Path]:
    found = sorted(REFERENCES.glob("*/*/*/case.json"))
    return {(path.parts[-3], path.parts[-2]): path.parent for path in found}


def cases_of(class_name: str) -> list[str]:
    """The names of a class's recorded cases."""
    return [case for name, case in _cases() if name == class_name]


def is_fresh(folder: str, entry: Entry) -> bool:
    """Whether an entry was measured on what is here now."""
    place = case_folder(entry["class"], entry["case"])
    return place is not None and entry["key"] == evidence_key(folder, entry["framework"], place)


def status(folder: str, class_name: str, framework: str) -> str:
    """ "proven", "known gap: reason" or "not yet".

    Proven: every recorded case of the class passed in the framework's primary form, and no form
    failed, all of it on what is here now.
    """
    mine = [e for e in load(folder) if (e["class"], e["framework"]) == (class_name, framework)]
    mine = [entry for entry in mine if is_fresh(folder, entry)]
    done = {entry["case"] for entry in mine if entry["form"] == PRIMARY[framework]}
    wanted = cases_of(class_name)
    if not wanted or not done.issuperset(wanted) or not all(entry["passed"] for entry in mine):
        return "not yet"
    reasons = sorted({entry["reason"] for entry in mine if "reason" in entry})
    return f"known gap: {'; '.join(reasons)}" if reasons else "proven"
