"""The structure of a file against `specs/spec.schema.json`, with faults in plain words.

The schema says what may stand where; each of its descriptions completes the sentence
"expected ...". This file turns the validator's findings into located diagnostics.
"""

from __future__ import annotations

import builtins
import json
import keyword
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from .diagnostics import Diagnostics, Location, describe, did_you_mean, listed, quoted
from .located import Map, Seq, value_location

MOST_ERRORS = 100


def check_schema(data: Map, errors: Diagnostics) -> None:
    """Adds every fault in the structure of a spec or, if it has the key `library`, a library."""
    wrong_kind: set[tuple] = set()  # nothing more is said about a value of the wrong kind
    for count, error in enumerate(validator(kind_of(data)).iter_errors(data)):
        if count == MOST_ERRORS:
            break
        path = tuple(error.absolute_path)
        if error.validator == "type":
            wrong_kind.add(path)
        elif path in wrong_kind:
            continue
        _translate(data, error, errors)


def kind_of(data: Map) -> str:
    return "library" if "library" in data else "spec"


@cache
def schema() -> dict[str, Any]:
    package = __package__.rpartition(".")[0] + ".specs"
    text = resources.files(package).joinpath("spec.schema.json").read_text("utf-8")
    return json.loads(text)


@cache
def validator(kind: str) -> Draft202012Validator:
    """The compiled schema of a `spec` or a `library`, references written out for speed."""
    return Draft202012Validator(_inlined(schema()["$defs"][kind], schema()["$defs"]))


def keys_of(kind: str) -> tuple[str, ...]:
    """The keys allowed in a part of the language: `spec`, `library`, `module`, `model`, ..."""
    return tuple(schema()["$defs"][kind]["properties"])


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items()}


def _translate(data: Map, error: ValidationError, errors: Diagnostics) -> None:
    place = _Place(data, list(error.absolute_path))
    if "propertyNames" in error.relative_schema_path:
        _name(place, error, errors)
    elif error.validator == "additionalProperties":
        _unknown_keys(place, error, errors)
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                properties = error.schema.get("properties", {})
                expected = properties.get(key, {}).get("description")
                message = f"{place.title} lacks the key '{key}'"
                errors.error(place.location, message, expected=expected)
    elif error.validator == "uniqueItems":
        _repeated(place, errors)
    else:
        _wrong(place, error, errors)


class _Place:
    """A value in a file: its location and what to call it."""

    def __init__(self, data: Map, path: list[str | int]):
        self.location = data.location
        self.path = path
        self.value: Any = data
        for step in path:
            self.location = value_location(self.value, step)
            self.value = self.value[step]

    @property
    def title(self) -> str:
        names = [step for step in self.path if isinstance(step, str)]
        if not names:
            return "the file"
        title = quoted(names[-1])
        if isinstance(self.path[-1], int):
            title = f"item {self.path[-1] + 1} of {title}"
        return title


def _unknown_keys(place: _Place, error: ValidationError, errors: Diagnostics) -> None:
    known = list(error.schema.get("properties", {}))
    inside = f" in {place.title}" if place.path else ""
    for key in place.value:
        if len(errors) >= MOST_ERRORS:
            break
        if key in known:
            continue
        hint = _cut_off(place.value, key) or did_you_mean(key, known)
        errors.error(
            place.value.key_locations[key],
            f"unknown key {quoted(key)}{inside}",
            expected=listed(known),
            hint=hint,
        )


def _name(place: _Place, error: ValidationError, errors: Diagnostics) -> None:
    name = error.instance
    location = place.value.key_locations[name]
    _bad_name(name, location, error, errors, _cut_off(place.value, name))


def _cut_off(container: Map, key: str) -> str | None:
    """The hint where a key is the rest of an unquoted value, as in `{size: exact(a, b)}`."""
    if container[key] is None and key.endswith((")", "]", "?", "}")):
        return "inside { }, put a value that holds ',' in quotes"
    return None


def _bad_name(
    name: str,
    location: Location,
    error: ValidationError,
    errors: Diagnostics,
    hint: str | None = None,
) -> None:
    expected = error.schema.get("description")
    if error.validator == "not":
        message = f"the name {quoted(name)} is reserved"
        expected = None
        if keyword.iskeyword(name):
            hint = "it is a word of Python"
        elif name in ("mask", "training", "rngs", "self"):
            hint = "the frameworks give it a meaning of their own"
        elif hasattr(builtins, name) and name != "range":
            hint = "generated code needs Python's own"
        else:
            hint = "it is a word of the spec language"
    elif error.validator == "maxLength":
        message = f"the name {quoted(name, 20)} is too long"
        expected = f"at most {error.validator_value} characters"
    else:
        message = f"{quoted(name)} cannot be a name here"
    errors.error(location, message, expected=expected, hint=hint)


def _repeated(place: _Place, errors: Diagnostics) -> None:
    items: Seq = place.value
    for index, item in enumerate(items):
        first = items.index(item)
        if first != index:
            errors.error(
                items.item_locations[index],
                f"{describe(item)} stands twice in {place.title}",
                found=f"it first on line {items.item_locations[first].line}",
            )


def _wrong(place: _Place, error: ValidationError, errors: Diagnostics) -> None:
    expected, hint = error.schema.get("description"), None
    found = describe(error.instance)
    kind = error.validator
    if kind == "type":
        message = f"{place.title} has the wrong kind of value"
        if error.instance is None:
            hint = "write a value, or leave the key out"
        elif "string" in error.validator_value and isinstance(error.instance, bool | int | float):
            hint = "put it in quotes"
    elif kind == "not":
        _bad_name(error.instance, place.location, error, errors)
        return
    elif kind in ("maxLength", "minLength"):
        message = f"{place.title} is too {'long' if kind == 'maxLength' else 'short'}"
        if kind == "maxLength":
            expected = f"at most {error.validator_value} characters"
    elif kind in ("minItems", "minProperties"):
        message = f"{place.title} has too few entries"
        found = str(len(error.instance))
        expected = f"at least {error.validator_value}"
    elif kind == "maxProperties":
        message = f"{place.title} has too many entries"
        found = listed(error.instance)
    elif kind == "oneOf":
        message = f"{place.title} is not complete or says too much"
        found = listed(error.instance) or "nothing"
    else:  # const, enum, pattern, minimum, maximum
        message = f"{place.title} has the wrong value"
    errors.error(place.location, message, expected=expected, found=found, hint=hint)
