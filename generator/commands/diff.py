"""`triptych diff`: how two merged specs differ."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from .common import OK, Session, counted

HELP = "print how one spec differs from another, 'extends' written out"


def add_arguments(parser) -> None:
    parser.add_argument(
        "first", metavar="A", help="a name in specs/models or a path to a YAML file"
    )
    parser.add_argument("second", metavar="B", help="another one")


def run(session: Session) -> int:
    from ..diagnostics import Diagnostics, SpecError
    from ..located import plain
    from ..spec import load_spec

    errors, merged = Diagnostics(), []
    for name in (session.arguments.first, session.arguments.second):
        path = session.places.find_spec(name)
        try:
            merged.append(plain(load_spec(path, session.places.library_dirs(path)).merged))
        except SpecError as error:
            errors.extend(error.diagnostics)
    if len(errors):
        return session.fail(errors)
    found = list(differences(*merged))
    session.result["differences"] = [
        {"path": path, "kind": kind, "old": old, "new": new} for path, kind, old, new in found
    ]
    for difference in found:
        _print(session, *difference)
    session.say(counted(len(found), "difference"))
    return OK


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str, Any, Any]]:
    """(path, 'removed' | 'added' | 'changed', old, new), in the order of the specs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            below = f"{path}.{key}" if path else key
            if key not in new:
                yield below, "removed", old[key], None
            elif key not in old:
                yield below, "added", None, new[key]
            else:
                yield from differences(old[key], new[key], below)
    elif old != new or type(old) is not type(new):
        yield path, "changed", old, new


def _print(session: Session, path: str, kind: str, old: Any, new: Any) -> None:
    out = session.out
    sign, colour = {"removed": ("-", "red"), "added": ("+", "green")}.get(kind, ("~", "yellow"))
    if kind != "changed":
        text = _short(old if kind == "removed" else new)
        session.say(f"{out(f'{sign} {path}', colour)}: {text}")
    elif all(isinstance(side, str) and "\n" in side for side in (old, new)):
        session.say(out(f"{sign} {path}", colour))
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1)
        for line in list(lines)[2:]:
            shade = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            session.say("    " + (out(line, shade) if shade else line))
    else:
        session.say(f"{out(f'{sign} {path}', colour)}: {_short(old)} -> {_short(new)}")


def _short(value: Any, limit: int = 90) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 3] + "..."
