"""YAML 1.2 with positions: text -> located `Map`s, `Seq`s and plain scalars.

PyYAML reads YAML 1.1 (`no` is false, `1e-5` a string, `010` is eight) and forgets where a value
stood. Here only its parser is used: scalars follow the core schema of YAML 1.2, and every value
keeps its place down to the character, also inside a block of text (`text_location`). What a spec
has no use for is refused: tags, merge keys, directives, several documents, keys that are not
text. Sizes, depth and the expansion of aliases are bounded. The result is immutable, so that
parts of one file may be shared by many specs.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import yaml

from .diagnostics import Diagnostics, Location, fail, quoted

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 64
MAX_DIGITS = 40
_MAX_BAD_CHARACTERS = 20

Scalar = None | bool | int | float | str


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


# --- positions inside text ---------------------------------------------------------------------


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
    if origin.style == "|":
        return _literal_location(origin, line, column)
    places = _places(origin)
    return origin.source.location(places[_index(origin.text, line, column)])


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


# --- reading -----------------------------------------------------------------------------------


def load_yaml(path: str | Path) -> Map:
    """The mapping a YAML file holds. Raises `SpecError`."""
    return parse_source(read_source(path))


def parse_yaml(text: str, file: str) -> Map:
    """The mapping a text holds, as if it were the content of `file`. Raises `SpecError`."""
    return parse_source(_clean(text, file))


def read_source(path: str | Path) -> Source:
    """A file's text, checked for size, encoding and characters. Raises `SpecError`."""
    return decode(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    path = Path(path)
    start = Location(str(path), 1, 1)
    try:
        if not path.exists():
            fail(start, "no such file")
        if not path.is_file():
            fail(start, "not a regular file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        fail(start, f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(data) > MAX_BYTES:
        fail(start, "the file is too large", expected=f"at most {MAX_BYTES:,} bytes")
    return data


def decode(data: bytes, file: str) -> Source:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        fail(Location(file, 1, 1), "the file is not UTF-8 text", found="UTF-16 or UTF-32")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        where = Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        fail(where, "the file is not UTF-8 text", found=f"byte 0x{data[error.start]:02x}")
    return _clean(text, file)


# What YAML does not allow, plus line ends that YAML 1.1 and 1.2 disagree about and characters
# that change the order in which text is shown.
_BAD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ufeff\ufffe\uffff\ud800-\udfff]"
)
_TAB = re.compile("^ *\t[ \t]*[^ \t\n]", re.MULTILINE)


def _clean(text: str, file: str) -> Source:
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(file, text)
    errors = Diagnostics()
    for match in _BAD.finditer(text):
        name = f"U+{ord(match.group()):04X}"
        errors.error(source.location(match.start()), f"the character {name} is not allowed")
        if len(errors) == _MAX_BAD_CHARACTERS:
            break
    for match in _TAB.finditer(text) if "\t" in text else ():
        where = source.location(text.index("\t", match.start()))
        errors.error(where, "a tab in the indentation", expected="spaces")
        if len(errors) >= _MAX_BAD_CHARACTERS:
            break
    errors.raise_if_any()
    return source


# --- parsing -----------------------------------------------------------------------------------

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The parser's words -> ours, and what to do about it.
_PROBLEMS = {
    "mapping values are not allowed": (
        "a second ':' in one entry",
        "put a value that holds ': ' in quotes, and check the indentation",
    ),
    "cannot start any token": (
        "a value cannot start with this character",
        "put the value in quotes",
    ),
    "expected ',' or": (
        "a ',' or the closing bracket is missing",
        "inside { } and [ ], put a value that holds , [ ] { } or ': ' in quotes",
    ),
    "expected key": (
        "a key was expected here",
        "check the indentation; quote a value as a whole, not only its start",
    ),
    "expected <block end>": (
        "a key was expected here",
        "check the indentation; quote a value as a whole, not only its start",
    ),
    "expected ':'": ("a ':' is missing", "write 'key: value', with a space after the colon"),
    "unexpected end of stream": ("a quote is not closed", None),
    "document start": ("this line belongs to no mapping", "check the indentation"),
}


def parse_source(source: Source) -> Map:
    errors = Diagnostics()
    try:
        root = _Composer(source, errors).document()
    except yaml.YAMLError as error:
        _syntax(error, source, errors)
        root = None
    errors.raise_if_any()
    return root


def _syntax(error: yaml.YAMLError, source: Source, errors: Diagnostics) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = getattr(error, "problem", None) or getattr(error, "reason", "unreadable")
    message, hint = problem, None
    for words, ours in _PROBLEMS.items():
        if words in problem:
            message, hint = ours
    opened = getattr(error, "context_mark", None)
    if opened is not None and opened.line + 1 != line and "flow" in (error.context or ""):
        message += f" (opened on line {opened.line + 1})"
    errors.error(Location(source.file, line, column), f"not valid YAML: {message}", hint=hint)


class _Composer:
    """Builds located data from the parser's events; faults go to `errors`."""

    def __init__(self, source: Source, errors: Diagnostics):
        self.source = source
        self.errors = errors
        self.events: Iterator[yaml.Event] = yaml.parse(source.text, Loader=_PARSER)
        self.anchors: dict[str, tuple[Any, Location, Origin | None, int] | None] = {}
        self.nodes = 0

    def document(self) -> Map:
        next(self.events)  # the stream's start
        event = next(self.events)
        start = Location(self.source.file, 1, 1)
        if type(event) is yaml.StreamEndEvent:
            fail(start, "the file is empty", expected="a mapping")
        if event.tags or event.version not in (None, (1, 2)):
            self.errors.error(self.where(event), "a directive", expected="none but '%YAML 1.2'")
        event = next(self.events)
        value, location, _ = self.node(event, 1)
        next(self.events)  # the document's end
        event = next(self.events)
        if type(event) is not yaml.StreamEndEvent:
            self.errors.error(self.where(event), "a second document", expected="one a file")
        if not isinstance(value, Map):
            message = "the file is empty" if value is None else "the file is not a mapping"
            found = None if value is None else describe(value)
            self.errors.error(location, message, expected="a mapping", found=found)
        return value

    def where(self, event: yaml.Event) -> Location:
        mark = event.start_mark
        return Location(self.source.file, mark.line + 1, mark.column + 1)

    def node(self, event: yaml.Event, depth: int) -> tuple[Any, Location, Origin | None]:
        location = self.where(event)
        if type(event) is yaml.AliasEvent:
            return self.alias(event, location, depth)
        self.count(1, location)
        if depth > MAX_DEPTH:
            fail(location, "nested too deeply", expected=f"at most {MAX_DEPTH} levels")
        if event.tag is not None:
            tag = quoted(event.tag)
            self.errors.error(location, "tags are not allowed", found=f"the tag {tag}")
        before = self.nodes
        origin = None
        anchor = event.anchor
        start = event.start_mark.index
        if anchor is not None:
            self.anchors[anchor] = None
            start = _after_anchor(self.source.text, start)
            location = self.source.location(start)
        if type(event) is yaml.ScalarEvent:
            value, location, origin = self.scalar(event, location, start)
        elif type(event) is yaml.MappingStartEvent:
            value = self.mapping(location, depth)
        else:
            value = self.sequence(location, depth)
        if anchor is not None:
            self.anchors[anchor] = value, location, origin, self.nodes - before + 1
        return value, location, origin

    def count(self, nodes: int, location: Location) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            limit = f"at most {MAX_NODES:,} values, aliases expanded"
            fail(location, "too many values", expected=limit)

    def alias(self, event: yaml.AliasEvent, location: Location, depth: int):
        name = event.anchor
        known = self.anchors.get(name)
        if known is None:
            message = f"unknown alias '*{name}'"
            if name in self.anchors:
                message = f"the alias '*{name}' stands inside what it refers to"
            self.errors.error(location, message)
            return None, location, None
        value, target, origin, size = known
        self.count(size, location)
        if depth + _height(value) - 1 > MAX_DEPTH:
            fail(location, "nested too deeply", expected=f"at most {MAX_DEPTH} levels")
        return value, target, origin

    def mapping(self, location: Location, depth: int) -> Map:
        made = Map(location)
        for event in self.events:
            if type(event) is yaml.MappingEndEvent:
                break
            key, key_location, _ = self.node(event, depth + 1)
            value, value_location, origin = self.node(next(self.events), depth + 1)
            if type(event) is yaml.AliasEvent:
                key_location = self.where(event)
            if not isinstance(key, str):
                hint = None if isinstance(key, Map | Seq) else "put it in quotes"
                self.errors.error(
                    key_location,
                    "a key is not text",
                    expected="text",
                    found=describe(key),
                    hint=hint,
                )
            elif key == "<<":
                self.errors.error(key_location, "merge keys ('<<') are not allowed")
            elif key in made:
                first = made.key_locations[key].line
                lines = f"it on lines {first} and {key_location.line}"
                self.errors.error(key_location, f"duplicate key {quoted(key)}", found=lines)
            else:
                made._put(Entry(key, value, key_location, value_location, origin))
        return made

    def sequence(self, location: Location, depth: int) -> Seq:
        made = Seq(location)
        for event in self.events:
            if type(event) is yaml.SequenceEndEvent:
                break
            made._put(*self.node(event, depth + 1))
        return made

    def scalar(self, event: yaml.ScalarEvent, location: Location, start: int):
        value: Scalar = event.value
        style = event.style or ""
        if style == "" and event.implicit[0]:
            value = self.resolve(event.value, location)
        elif style == '"':
            bad = _BAD.search(value)
            if bad:
                name = f"U+{ord(bad.group()):04X}"
                self.errors.error(location, f"the character {name} is not allowed")
        if not isinstance(value, str):
            return value, location, None
        origin = Origin(self.source, start, style, value)
        if style in ("|", ">") and value:
            first = len(value) - len(value.lstrip("\n")) + 1
            if style == "|":
                location = _literal_location(origin, first, 1)
            else:
                location = self.source.location(_places(origin)[first - 1])
        return value, location, origin

    def resolve(self, text: str, location: Location) -> Scalar:
        """A plain scalar's value by the core schema of YAML 1.2."""
        if text in CONSTANTS:
            return CONSTANTS[text]
        if text[0] not in "+-.0123456789":
            return text
        try:
            if _DECIMAL.fullmatch(text):
                if len(text) > MAX_DIGITS:
                    raise OverflowError
                return int(text)
            if _OCTAL_OR_HEX.fullmatch(text):
                if len(text) > MAX_DIGITS:
                    raise OverflowError
                return int(text[2:], 8 if text[1] == "o" else 16)
            if _FLOAT.fullmatch(text):
                number = float(text)
                if number in (float("inf"), float("-inf")):
                    raise OverflowError
                return number
        except OverflowError:
            self.errors.error(location, "a number too large", found=quoted(text, 40))
            return 0
        return text


CONSTANTS: dict[str, Scalar] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + name: float(sign + "inf") for sign in "+-" for name in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".inf", ".Inf", ".INF"), float("inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_DECIMAL = re.compile("[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile("0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ANCHOR = re.compile(r"&[^\s\[\]{},]+(?:\s+|#[^\n]*\n)*")


def _after_anchor(text: str, start: int) -> int:
    match = _ANCHOR.match(text, start)
    return match.end() if match else start


def _height(value: Any) -> int:
    if isinstance(value, Map):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, Seq):
        return 1 + max(map(_height, value), default=0)
    return 1


def describe(value: Any) -> str:
    """A value in the words of an error message."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a mapping" if isinstance(value, dict) else "a list"
