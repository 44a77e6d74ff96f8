"""What was compiled before, kept by content: safe to delete, to share and to find broken.

An entry is valid as long as the files a spec was read from have the same contents, and all files
of the generator and the templates as well: their common hash names the folder of the entries.
Entries are written whole or not at all, carry a checksum, and are never needed: whatever is wrong
with one is a miss.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

KEPT = 3  # generations of the generator whose entries are kept
SUFFIXES = (".py", ".j2", ".yaml", ".json")
TOOLS = ("black", "jinja2", "pyyaml", "jsonschema")


def digest(*parts: str | bytes) -> str:
    """A hash of parts, which cannot run into one another."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(b"%d:" % len(data) + data)
    return total.hexdigest()[:40]


def tools_digest(files: Iterable[Path]) -> str:
    """A hash of everything besides specs that decides what is rendered."""
    parts: list[str | bytes] = [f"{sys.version_info[:2]}", *(f"{t} {version(t)}" for t in TOOLS)]
    for file in sorted(files):
        parts += [file.name, file.read_bytes()]
    return digest(*parts)


def tool_files(*folders: Path) -> list[Path]:
    """The sources of the generator: Python, templates and data below some folders."""
    return [
        Path(folder) / name
        for top in folders
        for folder, _, names in os.walk(top)
        for name in names
        if name.endswith(SUFFIXES)
    ]


def default_folder(repository: Path | None) -> Path:
    """`.cache/` of the repository, else the user's folder of caches."""
    if chosen := os.environ.get("TRIPTYCH_CACHE"):
        return Path(chosen).expanduser()
    if repository is not None:
        return repository / ".cache" / "generator"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).expanduser() / "triptych" / "generator"


@dataclass(frozen=True)
class Cache:
    """Entries of one generation of the generator; without a folder every look-up is a miss."""

    folder: Path | None
    tools: str = ""

    def get(self, *key: str) -> Any | None:
        if self.folder is None:
            return None
        try:
            checksum, _, payload = self._file(key).read_bytes().partition(b"\n")
            if digest(payload).encode() != checksum:
                return None
            return json.loads(payload)
        except (OSError, ValueError, RecursionError):
            return None

    def put(self, value: Any, *key: str) -> None:
        """Keeps a value of JSON; a disk that is full or read-only is no error."""
        if self.folder is None:
            return
        payload = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        file = self._file(key)
        temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}.tmp")
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(digest(payload).encode() + b"\n" + payload)
            os.replace(temporary, file)
        except OSError:
            with suppress(OSError):
                temporary.unlink()

    def get_compiled(self, *key: str) -> Any | None:
        """An entry of `put_compiled` whose sources are unchanged."""
        entry = self.get(*key)
        if not isinstance(entry, dict) or not isinstance(entry.get("sources"), dict):
            return None
        for path, known in entry["sources"].items():
            if content_digest(path) != known:
                return None
        return entry.get("value")

    def put_compiled(self, value: Any, sources: Iterable[Path], since: float, *key: str) -> None:
        """Keeps what was made of `sources`, unless one was written after `since`."""
        contents = {}
        for path in map(str, sources):
            try:
                if os.stat(path).st_mtime >= since:
                    return
            except OSError:
                return
            contents[path] = content_digest(path)
        self.put({"sources": contents, "value": value}, *key)

    def prune(self) -> None:
        """Removes the entries of older generations, all but the newest few."""
        if self.folder is None or not self.folder.is_dir():
            return
        try:
            found = [f for f in self.folder.iterdir() if f.is_dir() and f.name != self.tools]
            found.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
        except OSError:
            return
        for folder in found[KEPT - 1 :]:
            shutil.rmtree(folder, ignore_errors=True)

    def _file(self, key: tuple[str, ...]) -> Path:
        return self.folder / self.tools / f"{digest(*key)}.json"


def content_digest(path: str | os.PathLike) -> str | None:
    try:
        return digest(Path(path).read_bytes())
    except (OSError, ValueError):
        return None


# --- formatting --------------------------------------------------------------------------------

_BLOCK = re.compile(r"^(?=(?:@|class |def )[^\n]*\n)", re.MULTILINE)


@dataclass(frozen=True)
class BlockFormatter:
    """Formats Python source, class by class, and remembers the result of each.

    Formatting is most of the time that a spec takes, and one edit changes few classes. What
    stands between two definitions belongs to the one before it.
    """

    format: Callable[[str], str]
    cache: Cache

    def __call__(self, text: str) -> str:
        try:
            parts = [self._block(block).strip("\n") for block in blocks(text)]
        except Exception:  # a cut inside a text, or source that is broken anyway
            return self.format(text)
        return "\n\n\n".join(parts) + "\n"

    def _block(self, block: str) -> str:
        found = self.cache.get("black", block)
        if not isinstance(found, str):
            found = self.format(block)
            self.cache.put(found, "black", block)
        return found


def blocks(text: str) -> list[str]:
    """Source cut before every definition at its top level, decorators included."""
    cuts, previous = [0], ""
    for match in _BLOCK.finditer(text):
        line = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        if not previous.startswith("@") and not line.startswith(("#", "@")):
            cuts.append(match.start())
        previous = text[match.start() : match.start() + 1]
    return [text[a:b] for a, b in pairwise([*cuts, len(text)]) if text[a:b].strip()]
