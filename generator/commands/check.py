"""`triptych check`: every fault of some specs, or a merged spec as text."""

from __future__ import annotations

from .common import OK, Session, add_specs, counted

HELP = "check specs and print every error as file:line:column"


def add_arguments(parser) -> None:
    add_specs(parser)
    parser.add_argument(
        "--flat", action="store_true", help="print the specs, 'extends' written out"
    )
    parser.add_argument("--no-cache", action="store_true", help="check everything anew")


def run(session: Session) -> int:
    from .compile import compile_specs, make_tasks

    specs = session.places.find_specs(session.arguments.specs)
    if session.arguments.flat:
        return _flat(session, specs)
    outcome = compile_specs(make_tasks(specs, session.places, None), session.cache, "checking")
    session.result["specs"] = len(specs)
    if len(outcome.errors):
        return session.fail(outcome.errors)
    models = sum(len(item.facts["models"]) for item in outcome.compiled)
    text = f"{counted(len(specs), 'spec')} with {counted(models, 'model')}: no errors"
    session.say(session.out(text, "green"))
    return OK


def _flat(session: Session, specs) -> int:
    from ..diagnostics import Diagnostics, SpecError
    from ..flat import flat
    from ..spec import load_spec

    errors, texts = Diagnostics(), {}
    for path in specs:
        try:
            texts[path.stem] = flat(load_spec(path, session.places.library_dirs(path)))
        except SpecError as error:
            errors.extend(error.diagnostics)
    session.result["specs"] = texts
    session.say("\n---\n".join(text.rstrip("\n") for text in texts.values()))
    return session.fail(errors) if len(errors) else OK
