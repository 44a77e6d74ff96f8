"""`triptych docs`: pages and the support table, without the code."""

from __future__ import annotations

import time

from ..diagnostics import SpecError
from ..write import apply, make_plan
from .common import Session, UsageError
from .generate import report_differences, report_written

HELP = "write generated/docs anew"


def add_arguments(parser) -> None:
    parser.add_argument("--check", action="store_true", help="change nothing; list what differs")
    parser.add_argument("--no-cache", action="store_true", help="read all specs anew")


def run(session: Session) -> int:
    from .compile import compile_specs, make_tasks
    from .documents import document_files

    places = session.places
    if places.generated is None:
        raise UsageError("docs are written in the repository only")
    started = time.monotonic()
    specs = places.all_specs()
    outcome = compile_specs(make_tasks(specs, places, None), session.cache, "checking")
    if len(outcome.errors):
        return session.fail(outcome.errors)
    try:
        files = document_files(session, [item.facts for item in outcome.compiled], True)
    except SpecError as error:
        return session.fail(error.diagnostics)
    plan = make_plan(
        places.generated,
        files,
        scope=lambda path: path.startswith("docs/"),
        foreign=lambda path: path.startswith("docs/"),
    )
    if session.arguments.check:
        return report_differences(session, plan)
    apply(plan)
    return report_written(session, plan, len(specs), time.monotonic() - started)
