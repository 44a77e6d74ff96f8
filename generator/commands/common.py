"""What the commands share: places, the choice of specs, and output."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..cache import Cache, default_folder, tool_files, tools_digest
from ..diagnostics import Diagnostic, did_you_mean, quoted
from ..progress import Style

OK, ERRORS, USAGE = 0, 1, 2


class UsageError(Exception):
    """A command line that cannot be carried out; one line for the user."""


@dataclass(frozen=True)
class Places:
    """Where things are, in a repository or an installed package."""

    root: Path = Path(__file__).resolve().parents[2]

    @property
    def specs(self) -> Path:
        return self.root / "specs" / "models"

    @property
    def library(self) -> Path:
        return self.root / "specs" / "library"

    @property
    def rows(self) -> Path:
        return self.root / "specs" / "rows.json"

    @property
    def generated(self) -> Path | None:
        """The tree of generated code; None in an installed package, which is not written to."""
        return self.root / "generated" if self.is_repository else None

    @property
    def is_repository(self) -> bool:
        return (self.root / "pyproject.toml").is_file() and (self.root / "generated").is_dir()

    def all_specs(self) -> list[Path]:
        return sorted(self.specs.glob("*.yaml"))

    def is_own(self, spec: Path) -> bool:
        return spec.resolve().parent == self.specs.resolve()

    def library_dirs(self, spec: Path) -> list[Path]:
        """Libraries beside a spec from elsewhere come first."""
        beside = spec.parent / "library"
        own = [beside] if beside.is_dir() and not self.is_own(spec) else []
        return [*own, self.library]

    def find_specs(self, names: Sequence[str]) -> list[Path]:
        """Specs by name or path, all of the repository's for none; each once."""
        if not names:
            return self.all_specs()
        return list(dict.fromkeys(self.find_spec(name) for name in names))

    def find_spec(self, name: str) -> Path:
        looks_like_path = name.endswith((".yaml", ".yml")) or os.sep in name or "/" in name
        if looks_like_path:
            path = Path(name)
            if not path.is_file():
                raise UsageError(f"there is no file {quoted(name, 200)}")
            return path.resolve()
        for stem in (name, name.replace("-", "_")):
            path = self.specs / f"{stem}.yaml"
            if path.is_file():
                return path
        hint = did_you_mean(name, (path.stem for path in self.all_specs()))
        raise UsageError(f"there is no spec {quoted(name)}" + (f"; {hint}" if hint else ""))


@dataclass
class Session:
    """One run of the command line: its arguments, places, cache and streams."""

    arguments: argparse.Namespace
    places: Places = field(default_factory=Places)
    result: dict[str, Any] = field(default_factory=dict)
    """What `--json` prints."""

    @property
    def json(self) -> bool:
        return self.arguments.json

    @cached_property
    def out(self) -> Style:
        return Style(sys.stdout)

    @cached_property
    def err(self) -> Style:
        return Style(sys.stderr)

    @cached_property
    def cache(self) -> Cache:
        if getattr(self.arguments, "no_cache", False):
            return Cache(None)
        folders = (self.places.root / "generator", self.places.root / "templates")
        files = [*tool_files(*folders), self.places.root / "specs" / "spec.schema.json"]
        repository = self.places.root if self.places.is_repository else None
        return Cache(default_folder(repository), tools_digest(files))

    def say(self, text: str = "") -> None:
        """A line of the result, for people."""
        if not self.json:
            print(text)

    def note(self, text: str) -> None:
        """A line about the run, for people."""
        if not self.json:
            print(text, file=sys.stderr)

    def fail(self, diagnostics: Iterable[Diagnostic]) -> int:
        """Shows faults of specs; returns the exit code."""
        shown = sorted(set(diagnostics), key=lambda item: (item.location, item.message))
        self.result["errors"] = [
            {
                "file": item.location.file,
                "line": item.location.line,
                "column": item.location.column,
                "message": item.message,
                "expected": item.expected,
                "found": item.found,
                "hint": item.hint,
            }
            for item in shown
        ]
        for item in shown:
            place = f"{item.location}:"
            rest = str(item).removeprefix(place)
            self.note(f"{self.err(place, 'bold')}{rest}")
        self.note(self.err(counted(len(shown), "error"), "red", "bold"))
        return ERRORS

    def finish(self, code: int) -> int:
        if self.json:
            print(json.dumps({"ok": code == OK, **self.result}, indent=1, ensure_ascii=False))
        return code


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def add_specs(parser: argparse.ArgumentParser, count: str = "*") -> None:
    parser.add_argument(
        "specs",
        nargs=count,
        metavar="SPEC",
        help="a name in specs/models or a path to a YAML file"
        + ("; all of specs/models if none is given" if count == "*" else ""),
    )
