"""What a terminal shows: colours, and a bar while work takes long."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

COLOURS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}
PATIENCE = 0.5  # seconds without a bar
INTERVAL = 0.08


def is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False


class Style:
    """Colours text for a stream, if it is a terminal and nobody asked for none."""

    def __init__(self, stream: TextIO):
        self.on = is_terminal(stream) and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, *names: str) -> str:
        if not self.on or not text:
            return text
        codes = ";".join(str(COLOURS[name]) for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"


class Bar:
    """A line `compiling [#####.....] 50/100 swin` that appears once work has taken a while."""

    def __init__(self, total: int, label: str, stream: TextIO | None = None):
        self.total, self.label = total, label
        self.stream = sys.stderr if stream is None else stream
        self.shown = is_terminal(self.stream)
        self.done = 0
        self._start = self._last = time.monotonic()
        self._drawn = False

    def step(self, name: str = "") -> None:
        self.done += 1
        now = time.monotonic()
        if self.shown and now - self._start > PATIENCE and now - self._last > INTERVAL:
            self._last = now
            self._draw(name)

    def _draw(self, name: str) -> None:
        width = shutil.get_terminal_size().columns
        filled = round(24 * self.done / max(self.total, 1))
        bar = "#" * filled + "." * (24 - filled)
        line = f"{self.label} [{bar}] {self.done}/{self.total} {name}"
        self.stream.write(f"\r\x1b[K{line[: width - 1]}")
        self.stream.flush()
        self._drawn = True

    def close(self) -> None:
        if self._drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self._drawn = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
