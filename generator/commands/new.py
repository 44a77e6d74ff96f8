"""`triptych new`: a spec to start from."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2

from .common import OK, Session, UsageError

HELP = "write a commented spec to start from"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def add_arguments(parser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="a model_type: lower case letters, digits, '_', '-'"
    )
    parser.add_argument("--out", metavar="FILE", help="where to; default: NAME.yaml here")


def run(session: Session) -> int:
    name = session.arguments.name
    if not NAME.fullmatch(name):
        raise UsageError("NAME has lower case letters, digits, '_' and '-', first a letter")
    folder = name.replace("-", "_")
    path = Path(session.arguments.out or f"{folder}.yaml")
    template = session.places.root / "templates" / "docs" / "skeleton.yaml.j2"
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    prefix = "".join(part.capitalize() for part in re.split("[_-]", name) if part)
    text = env.from_string(template.read_text(encoding="utf-8")).render(
        name=name, folder=folder, prefix=prefix, page=name
    )
    try:
        with open(path, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
    session.result["path"] = str(path)
    session.say(f"{session.out(str(path), 'bold')} written. Next:")
    session.say(f"  triptych check {path}\n  triptych generate {path} --out my_models")
    return OK
