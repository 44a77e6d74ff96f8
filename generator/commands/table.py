"""`triptych table`: the support table in a terminal."""

from __future__ import annotations

from ..brevity import markdown, measure
from ..diagnostics import SpecError
from ..table import FRAMEWORKS, NOT_YET, PROVEN, TITLES
from .common import OK, Session

HELP = "print what is supported, row by row, with counts"
HEADINGS = ("architecture", "PyTorch", "TensorFlow", "Flax", "slow", "fast")


def add_arguments(parser) -> None:
    parser.add_argument("--counts", action="store_true", help="print the counts only")
    parser.add_argument("--lines", action="store_true", help="print how long the specs are")


def run(session: Session) -> int:
    from .documents import make_table

    if session.arguments.lines:
        places = session.places
        session.say(markdown(measure(places.rows.parent, places.rows)))
        return OK
    try:
        table = make_table(session)
    except SpecError as error:
        return session.fail(error.diagnostics)
    counts = table.counts()
    session.result["counts"] = counts
    if not session.arguments.counts:
        session.result["table"] = [
            {
                "row": line.facts.row,
                "page": line.page,
                **{f: line.cells[f].text for f in FRAMEWORKS},
                **{f"{f}_classes": dict(line.cells[f].states) for f in FRAMEWORKS},
                **{f"{kind}_tokenizer": line.tokenizer(kind) for kind in ("slow", "fast")},
            }
            for line in table.lines
        ]
        _print_lines(session, table)
        session.say()
    _print_counts(session, counts)
    return OK


def _print_lines(session: Session, table) -> None:
    lines = [
        [line.facts.row]
        + [line.cells[f].text for f in FRAMEWORKS]
        + [line.tokenizer("slow"), line.tokenizer("fast")]
        for line in table.lines
    ]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lines, strict=True)]
    heading = "  ".join(text.ljust(width) for text, width in zip(HEADINGS, widths, strict=True))
    session.say(session.out(heading.rstrip(), "bold"))
    for cells in lines:
        padded = [text.ljust(width) for text, width in zip(cells, widths, strict=True)]
        session.say(
            "  ".join([padded[0], *(_coloured(session, text) for text in padded[1:])]).rstrip()
        )


def _coloured(session: Session, text: str) -> str:
    plain = text.strip()
    colour = {PROVEN: "green", NOT_YET: "dim", "-": "dim"}.get(plain, "yellow")
    return session.out(plain, colour) + text[len(plain) :]


def _print_counts(session: Session, counts) -> None:
    frameworks = counts["frameworks"]
    rows = [
        ("", *(TITLES[f] for f in FRAMEWORKS)),
        (f"rows proven, of {counts['rows']}", *(frameworks[f]["rows_proven"] for f in FRAMEWORKS)),
        ("  the reference ticks", *(frameworks[f]["rows_of_the_reference"] for f in FRAMEWORKS)),
        (
            f"classes proven, of {counts['classes']}",
            *(frameworks[f]["classes_proven"] for f in FRAMEWORKS),
        ),
        ("  the reference has", *(frameworks[f]["classes_of_the_reference"] for f in FRAMEWORKS)),
    ]
    for number, (name, *values) in enumerate(rows):
        text = f"{name:24}" + "".join(f"{value:>12}" for value in values)
        session.say(session.out(text, "bold") if number in (1, 3) else text)
    session.say(f"rows with a spec: {counts['rows_with_a_spec']} of {counts['rows']}")
