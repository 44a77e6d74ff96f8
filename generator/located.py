"""Located data: maps, sequences and texts that know where they stand in a file.

Every value keeps its place down to the character, also inside a block of text (`text_location`).
The data is immutable, so that parts of one file may be shared by many specs.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from .diagnostics import Location


@dataclass(frozen=True, eq=False)
class Source:
    """A file's text, line ends normalised to `\\n` and the byte order mark removed."""

    file: str
    text: str

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def location(self, index: int) -> Location:
        line = bisect.bisect_right(self.line_starts, index)
        return Location(self.file, line, index - self.line_starts[line - 1] + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a scalar stands in its source: the index of its first character (quote, `|`, `>`)."""

    source: Source
    start: int
    style: str  # one of '', "'", '"', '|', '>'
    text: str

    def location(self, line: int, column: int) -> Location:
        """The file position of a character of the text."""
        if self.style == "|":
            return _literal_location(self, line, column)
        index = _index(self.text, line, column)
        return self.source.location(_places(self)[index])


def _immutable(self, *args: Any, **kwargs: Any) -> NoReturn:
    raise TypeError(f"a located {type(self).__name__} is immutable; build a new one")


class Map(dict):
    """A mapping that knows where it, its keys and its values stand. Immutable."""

    __slots__ = ("location", "key_locations", "value_locations", "origins")

    location: Location
    key_locations: dict[str, Location]
    value_locations: dict[str, Location]
    origins: dict[str, Origin | None]

    def __init__(self, location: Location):
        super().__init__()
        self.location = location
        self.key_locations = {}
        self.value_locations = {}
        self.origins = {}

    @classmethod
    def of(cls, location: Location, entries: list[Entry]) -> Map:
        """A new map of entries taken from others (`entry`), positions and all."""
        made = cls(location)
        for item in entries:
            made._put(item)
        return made

    def entry(self, key: str, name: str | None = None) -> Entry:
        """The entry of `key`, to be put into another map, there called `name`."""
        return Entry(
            key if name is None else name,
            self[key],
            self.key_locations[key],
            self.value_locations[key],
            self.origins[key],
        )

    def entries(self) -> list[Entry]:
        return [self.entry(key) for key in self]

    def _put(self, item: Entry) -> None:
        dict.__setitem__(self, item.key, item.value)
        self.key_locations[item.key] = item.key_location
        self.value_locations[item.key] = item.value_location
        self.origins[item.key] = item.origin

    def __copy__(self) -> Map:
        return self

    def __deepcopy__(self, memo: dict) -> Map:
        return self

    def __reduce__(self):
        return Map.of, (self.location, self.entries())

    __hash__ = None
    __setitem__ = __delitem__ = __ior__ = _immutable
    clear = pop = popitem = setdefault = update = _immutable


class Seq(list):
    """A sequence that knows where it and its items stand. Immutable."""

    __slots__ = ("location", "item_locations", "origins")

    location: Location
    item_locations: list[Location]
    origins: list[Origin | None]

    def __init__(self, location: Location):
        super().__init__()
        self.location = location
        self.item_locations = []
        self.origins = []

    @classmethod
    def of(cls, location: Location, items: list[tuple[Any, Location, Origin | None]]) -> Seq:
        made = cls(location)
        for value, where, origin in items:
            made._put(value, where, origin)
        return made

    def _put(self, value: Any, location: Location, origin: Origin | None) -> None:
        list.append(self, value)
        self.item_locations.append(location)
        self.origins.append(origin)

    def __copy__(self) -> Seq:
        return self

    def __deepcopy__(self, memo: dict) -> Seq:
        return self

    def __reduce__(self):
        items = list(zip(self, self.item_locations, self.origins, strict=True))
        return Seq.of, (self.location, items)

    __hash__ = None
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _immutable
    append = clear = extend = insert = pop = remove = reverse = sort = _immutable


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a map with all that is known about its place."""

    key: str
    value: Any
    key_location: Location
    value_location: Location
    origin: Origin | None = None


def plain(value: Any) -> Any:
    """Located maps and sequences as dicts and lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def value_location(container: Map | Seq, key: str | int) -> Location:
    """Where a value stands: of a map by key, of a sequence by index."""
    if isinstance(container, Map):
        return container.value_locations[key]
    return container.item_locations[key]


def text_location(container: Map | Seq, key: str | int, line: int = 1, column: int = 1) -> Location:
    """The file position of a character of the text `container[key]`.

    `line` and `column` count from 1 within the text as the spec's reader sees it (after folding
    and escapes), columns in characters; positions past the end of a line stay on that line.
    Works for plain, quoted and block scalars; `key` is a map's key or a sequence's index.
    """
    origin = container.origins[key]
    if origin is None:
        return value_location(container, key)
    return origin.location(line, column)


def _index(text: str, line: int, column: int) -> int:
    """The index in `text` of a line and column, both clipped to what is there."""
    start = 0
    for _ in range(line - 1):
        after = text.find("\n", start)
        if after < 0:
            break
        start = after + 1
    end = text.find("\n", start)
    return min(start + max(column, 1) - 1, len(text) if end < 0 else end)


def _literal_location(origin: Origin, line: int, column: int) -> Location:
    source = origin.source
    header = source.location(origin.start).line
    lines = origin.text.split("\n")
    line = min(max(line, 1), max(len(lines) - (lines[-1] == ""), 1))
    column = min(max(column, 1), len(lines[line - 1]) + 1)
    indent = 0
    for k, content in enumerate(lines):
        if content.strip():  # indented by as much as the source line is longer
            start = source.line_starts[header + k]
            indent = _line_end(source, start) - start - len(content)
            break
    return Location(source.file, header + line, indent + column)


def _line_end(source: Source, start: int) -> int:
    end = source.text.find("\n", start)
    return len(source.text) if end < 0 else end


_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}
_FOLD = re.compile(r"[ \t]*(?:\n[ \t]*)+")


def _places(origin: Origin) -> list[int]:
    """For each character of a scalar's text, and the end of it, its index in the source."""
    source, text, style = origin.source.text, origin.text, origin.style
    at = origin.start
    if style == ">":
        at = source.find("\n", at) + 1
    elif style:
        at += 1
    places = []
    for character in text:
        if style == '"' and source.startswith("\\\n", at):
            at = _FOLD.match(source, at + 1).end()
        escaped = style == '"' and source.startswith("\\", at)
        if character in " \n\t" and not escaped:
            fold = _FOLD.match(source, at)
            places.append(at)
            if fold is None:
                at += 1
            elif character == "\n" and source.count("\n", at, fold.end()) > 1:
                at = source.find("\n", at) + 1
            continue
        if not escaped and source[at : at + 1] in (" ", "\t", "\n"):  # the rest of a fold
            while source[at : at + 1] in (" ", "\t", "\n"):
                at += 1
        places.append(at)
        if escaped:
            at += _ESCAPE_LENGTHS.get(source[at + 1 : at + 2], 2)
        elif style == "'" and character == "'":
            at += 2
        else:
            at += 1
    places.append(at)
    last = len(source)
    return [min(place, last) for place in places]
