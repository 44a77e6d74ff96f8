"""YAML 1.2 with positions: text -> located `Map`s, `Seq`s and plain scalars.

PyYAML reads YAML 1.1 (`no` is false, `1e-5` a string, `010` is eight) and forgets where a value
stood. Here only its parser is used: scalars follow the core schema of YAML 1.2, and every value
keeps its place (`located.py`). What a spec has no use for is refused: tags, merge keys,
directives, several documents, keys that are not text. Sizes, depth and the expansion of aliases
are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .diagnostics import Diagnostics, Location, describe, fail, quoted
from .located import Entry, Map, Origin, Seq, Source

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 64
MAX_DIGITS = 40
_MAX_BAD_CHARACTERS = 20

Scalar = None | bool | int | float | str


# --- reading -----------------------------------------------------------------------------------


def load_yaml(path: str | Path) -> Map:
    """The mapping a YAML file holds. Raises `SpecError`."""
    return parse_source(decode(read_bytes(path), str(path)))


def parse_yaml(text: str, file: str) -> Map:
    """The mapping a text holds, as if it were the content of `file`. Raises `SpecError`."""
    return parse_source(_clean(text, file))


def read_bytes(path: str | Path) -> bytes:
    """A file's content, of bounded size. Raises `SpecError`."""
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
    """A file's text, checked for encoding and characters. Raises `SpecError`."""
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
    """The mapping that a file's text holds. Raises `SpecError`."""
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
        entries: dict[str, Entry] = {}
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
            elif key in entries:
                first = entries[key].key_location.line
                lines = f"it on lines {first} and {key_location.line}"
                self.errors.error(key_location, f"duplicate key {quoted(key)}", found=lines)
            else:
                entries[key] = Entry(key, value, key_location, value_location, origin)
        return Map.of(location, list(entries.values()))

    def sequence(self, location: Location, depth: int) -> Seq:
        items = []
        for event in self.events:
            if type(event) is yaml.SequenceEndEvent:
                break
            items.append(self.node(event, depth + 1))
        return Seq.of(location, items)

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
            location = origin.location(first, 1)
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
