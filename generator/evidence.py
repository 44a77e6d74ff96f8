"""Evidence: which class was proven against the reference, in which framework, form and case.

`generated/evidence/<folder>.json` holds one entry per class, framework, form and case:

    {"format": 1, "model_type": "gated", "entries": [
        {"class": "GatedModel", "framework": "pytorch", "form": "eager", "case": "default",
         "key": ..., "passed": true, "error": 9.7e-07, "tolerance": 1e-05}, ...]}

`key` is a hash of all that the result depends on, so an entry that is out of date speaks for
nothing. `error` and `tolerance` are shown, never compared; `reason` names a known gap, `failure`
what went wrong. Only `triptych verify` writes these files; the support table reads them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from . import dependencies
from .dependencies import Dependencies, Place
from .remembered import Computed, Remembered

FORMAT = 1
ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ROOT / "tests" / "references"
HARNESS = ROOT / "tests" / "parity"
FOLDERS = {"": ROOT / "runtime", "models": ROOT / "generated"}  # within the import package
PACKAGE = "triptych"
INFIX = {"pytorch": "", "tensorflow": "tf_", "flax": "flax_"}  # of generated files
PRIMARY = {"pytorch": "eager", "tensorflow": "function", "flax": "jit"}
TOOLS = (Path(__file__), Path(dependencies.__file__))  # which define a key
ORDER = ("class", "framework", "form", "case")

Entry = dict[str, Any]


# Keys.


def evidence_key(folder: str, framework: str, case_dir: Path) -> str:
    """The hash of all that a case's result depends on, as it is now.

    That is: the generated module of the framework and whatever it uses, of other generated modules
    and of the runtime, directly or not (`dependencies.py`); modules of the architectures that the
    case's config.json names as parts; the case's files; and the code that runs and compares it.
    """
    return Snapshot().key(folder, framework, case_dir)


def _code(known: Dependencies, folders: tuple[str, ...], framework: str) -> Computed:
    """The digest of all code that a result depends on, and the files that say which it is."""
    roots = [path for name in folders for path in _modules(name, framework)]
    roots += [HARNESS / f"{name}.py" for name in ("probes", "generation", "forms")]
    roots += [HARNESS / "adapters" / f"{name}.py" for name in ("base", framework)]
    roots += [REFERENCES / f"{name}.py" for name in ("case", "compare", "fill")]
    places = known.closure(roots)
    digest = _digest(sorted((_title(place), known.digest(place)) for place in places))
    files = {path for path, _ in places} | {path.parent for path, _ in places}
    return digest, [*files, *(path / "__init__.py" for path in files), *TOOLS]


def _digest(items: Iterable[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    for title, digest in items:
        total.update(f"{title}\0{digest}\n".encode())
    return total.hexdigest()


def _case(case_dir: Path) -> Computed:
    """The digest of a case's files and the architectures it is of, and where both stand."""
    files = sorted(path for path in case_dir.iterdir() if path.is_file())
    digest = _digest((f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files)
    registry = ROOT / "generated" / "registry.json"
    parts = list(_parts(case_dir / "config.json"))
    return [digest, parts], [case_dir, *files, registry, *TOOLS]


def _title(place: Place) -> str:
    path, name = place
    return f"{path.relative_to(ROOT).as_posix()}:{name or ''}"


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
            if isinstance(name := value.get("model_type"), str) and name:
                yield _folder_of(name)


def _folder_of(model_type: str) -> str:
    """Where the modules of a model type are: a part of a composite is in that one's folder."""
    path = ROOT / "generated" / "registry.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = entries.get(model_type)
    return known["package"] if known else model_type.replace("-", "_")


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


class Snapshot:
    """What the evidence says at one moment: every file is looked at once, however much is asked.

    For one command, within which nothing that evidence depends on changes. `memory`: a file that
    keeps digests from one command to the next.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self.memory = Remembered(memory)
        self._entries: dict[str, list[Entry]] = {}
        self._keys: dict[tuple[str, str, Path], str] = {}
        self._known = Dependencies(PACKAGE, FOLDERS, self.memory)

    def load(self, folder: str) -> list[Entry]:
        """The entries of a folder, also those that are out of date."""
        if folder not in self._entries:
            self._entries[folder] = load(folder)
        return self._entries[folder]

    def key(self, folder: str, framework: str, case_dir: Path) -> str:
        """See `evidence_key`."""
        case_dir = Path(case_dir)
        place = folder, framework, case_dir
        if place not in self._keys:
            case, parts = self.memory.get(f"case {case_dir}", lambda: _case(case_dir))
            folders = tuple(dict.fromkeys([folder, *parts]))
            title = f"{framework} code of {' '.join(folders)}"
            code = self.memory.get(title, lambda: _code(self._known, folders, framework))
            self._keys[place] = _digest([("code", code), ("case", case)])
        return self._keys[place]

    def is_fresh(self, folder: str, entry: Entry) -> bool:
        """Whether an entry was measured on what is here."""
        place = case_folder(entry["class"], entry["case"])
        return place is not None and entry["key"] == self.key(folder, entry["framework"], place)

    def fresh(self, folder: str) -> list[Entry]:
        """The entries of a folder that were measured on what is here."""
        return [entry for entry in self.load(folder) if self.is_fresh(folder, entry)]

    def status(self, folder: str, class_name: str, framework: str) -> str:
        """ "proven", "known gap: reason" or "not yet".

        Proven: every recorded case of the class passed in the framework's primary form, and no
        form failed, all of it on what is here.
        """
        wanted = class_name, framework
        mine = [e for e in self.load(folder) if (e["class"], e["framework"]) == wanted]
        mine = [entry for entry in mine if self.is_fresh(folder, entry)]
        done = {entry["case"] for entry in mine if entry["form"] == PRIMARY[framework]}
        cases = cases_of(class_name)
        if not cases or not done.issuperset(cases) or not all(entry["passed"] for entry in mine):
            return "not yet"
        reasons = sorted({entry["reason"] for entry in mine if "reason" in entry})
        return f"known gap: {'; '.join(reasons)}" if reasons else "proven"


def is_fresh(folder: str, entry: Entry) -> bool:
    """Whether an entry was measured on what is here now."""
    return Snapshot().is_fresh(folder, entry)


def status(folder: str, class_name: str, framework: str) -> str:
    """What the evidence says of a class now, as `Snapshot.status` does."""
    return Snapshot().status(folder, class_name, framework)
