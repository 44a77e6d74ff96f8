"""What was computed of files before, for as long as they have not changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

Computed = tuple[Any, Iterable[Path]]


class Remembered:
    """Values of JSON by key, each with the time and size of the files it was computed of.

    For one command, within which those files do not change. `path` is where values are kept
    between commands; it is safe to delete, and without one nothing is kept.
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self._known: dict[str, list] = {}
        self._stamps: dict[str, list[int] | None] = {}
        self._changed = False
        if path is not None:
            with suppress(OSError, ValueError):
                known = json.loads(path.read_text(encoding="utf-8"))
                self._known = known if isinstance(known, dict) else {}

    def get(self, key: str, compute: Callable[[], Computed]) -> Any:
        """The value of a key; `compute` gives it, and the files and folders that it depends on.

        A folder changes when files come to it or leave it.
        """
        if self._holds(key):
            return self._known[key][0]
        value, files = compute()
        stamps = {str(path): self._stamp(str(path)) for path in files}
        self._known[key] = [value, stamps]
        self._changed = True
        return value

    def save(self) -> None:
        """Writes what is new; a disk that is full or read-only is no error."""
        if self.path is None or not self._changed:
            return
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._known, separators=(",", ":")), encoding="utf-8")
            temporary.replace(self.path)

    def _holds(self, key: str) -> bool:
        try:
            _, stamps = self._known[key]
            return all(self._stamp(path) == known for path, known in stamps.items())
        except (KeyError, TypeError, ValueError, AttributeError):
            return False

    def _stamp(self, path: str) -> list[int] | None:
        if path not in self._stamps:
            try:
                status = os.stat(path)
                self._stamps[path] = [status.st_mtime_ns, status.st_size]
            except OSError:
                self._stamps[path] = None
        return self._stamps[path]
