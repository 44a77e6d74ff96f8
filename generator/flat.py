"""The merged spec as text: YAML in which what `extends` stands for is written out."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .located import Map, Seq
from .spec import Spec
from .yaml_loader import CONSTANTS

_WIDTH = 100


def flat(spec: Spec) -> str:
    """The merged spec as YAML, what `extends` stands for written out. Loads as the same spec."""
    lines: list[str] = []
    for key, value in spec.merged.items():
        before = len(lines)
        _write(lines, "", key, value, may_be_inline=key != "config")
        if len(lines) > before + 1:
            lines.insert(before, "")
    return "\n".join(lines).strip("\n") + "\n"


def _write(
    lines: list[str], indent: str, key: str | None, value: Any, may_be_inline: bool = True
) -> None:
    """Appends an entry of a map, or without a key an item of a list."""
    head = indent + ("-" if key is None else f"{_scalar(key, True)}:")
    if isinstance(value, Map | Seq):
        inline = _inline(value)
        fits = inline is not None and len(head) + len(inline) < _WIDTH and may_be_inline
        if fits or not value:
            lines.append(f"{head} {inline}")
            return
        start = len(lines)
        pairs = value.items() if isinstance(value, Map) else ((None, item) for item in value)
        for inner_key, item in pairs:
            _write(lines, indent + "  ", inner_key, item)
        if key is None:  # the first entry follows the dash
            lines[start] = f"{head} {lines[start].lstrip()}"
        else:
            lines.insert(start, head)
    elif isinstance(value, str) and _has_block_form(value):
        lines.append(head + (" |" if value.endswith("\n") else " |-"))
        content = value.removesuffix("\n").split("\n")
        lines.extend(f"{indent}  {line}" if line else "" for line in content)
    else:
        lines.append(f"{head} {_scalar(value, False)}")


def _inline(value: Map | Seq) -> str | None:
    """A collection of scalars on one line; None where it holds collections or blocks."""
    items = list(value.values() if isinstance(value, Map) else value)
    if any(isinstance(item, Map | Seq) and item for item in items):
        return None
    if any(isinstance(item, str) and "\n" in item for item in items):
        return None
    texts = [_scalar(item, True) for item in items]
    if isinstance(value, Seq):
        return f"[{', '.join(texts)}]"
    keys = (_scalar(key, True) for key in value)
    return f"{{{', '.join(f'{key}: {text}' for key, text in zip(keys, texts, strict=True))}}}"


def _has_block_form(text: str) -> bool:
    """Whether a block gives the text back: its first line shows the indentation, no line starts
    with a tab, and at most one line end stands at the end."""
    lines = text.split("\n")
    tab = any(line.lstrip(" ").startswith("\t") for line in lines)
    return len(lines) > 1 and not (text[0].isspace() or text.endswith("\n\n") or tab)


_PLAIN = re.compile(r"[A-Za-z_](?:[^:#\n]|:(?=[^\s])|(?<! )#)*(?<![ :])")
_PLAIN_INLINE = re.compile(r"(?:[A-Za-z_][^:#,\[\]{}\n]*(?<! )|\.\.\.)")


def _scalar(value: Any, inline: bool) -> str:
    if isinstance(value, Map | Seq):  # an empty one
        return "{}" if isinstance(value, Map) else "[]"
    if isinstance(value, str):
        pattern = _PLAIN_INLINE if inline else _PLAIN
        if pattern.fullmatch(value) and value not in CONSTANTS:
            return value
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if value != value else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value)
