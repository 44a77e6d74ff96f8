"""`triptych verify`: measures the generated code against the recorded reference."""

from __future__ import annotations

import json
import subprocess
import sys

from . import docs
from .common import ERRORS, OK, USAGE, Session, UsageError

HELP = "compare the generated code with the reference, then write the docs anew"
PASS_ON = True  # what the parser does not know is for the script


def add_arguments(parser) -> None:
    parser.usage = "triptych verify [--json] [FOLDER...] [OPTIONS of tests/parity/verify.py]"


def run(session: Session) -> int:
    script = session.places.root / "tests" / "parity" / "verify.py"
    if not script.is_file() or session.places.generated is None:
        raise UsageError("verify needs the repository with its tests, not an installed package")
    rest = [*session.arguments.rest, *(["--json"] if session.json else [])]
    command = [sys.executable, str(script), *rest]
    done = subprocess.run(command, stdout=subprocess.PIPE if session.json else None, text=True)
    if session.json:
        try:
            session.result["verify"] = json.loads(done.stdout)
        except ValueError:
            session.result["verify"] = done.stdout
    if done.returncode == USAGE or {"-h", "--help"} & set(rest):
        return done.returncode
    session.arguments.check, session.arguments.no_cache = False, False
    written = docs.run(session)
    return OK if done.returncode == 0 and written == OK else ERRORS
