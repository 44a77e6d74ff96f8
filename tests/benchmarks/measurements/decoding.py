"""Greedy decoding with a preallocated cache: a plain loop around the model's call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from options import LABELS, Options
from report import Row, Section
from settings import MODELS
from workers import Times, Worker, WorkerError, alternate

FORMS = {
    "pytorch": ("static", "growing", "compiled"),
    "tensorflow": ("function", "xla"),
    "flax": ("jit",),
}
EAGER, COMPILED = 1.3, 1.0  # times the reference's tokens a second: its eager, its best form
PROMPT = 16


def measure(options: Options) -> Iterator[Section]:
    tokens = 16 if options.quick else 128
    fields = MODELS["small-llama"].fields(options.quick)
    task = {"fields": fields, "prompt": PROMPT, "tokens": tokens}
    notes = []

    def start(name: str, python: str, subject: str, form: str) -> None:
        worker = Worker(python, subject, "decode", form=form, **task)
        workers[name] = stack.enter_context(worker)

    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        start("limit", options.product, "pytorch_limit", "")
        for framework in options.frameworks:
            for form in FORMS[framework]:
                if form != "compiled" or options.compiled:
                    start(f"{framework} {form}", options.product, f"{framework}_ours", form)
        if options.reference:
            start("reference eager", options.reference, "pytorch_reference", "eager")
        if options.reference and options.compiled:
            start("reference compiled", options.reference, "pytorch_reference", "compiled")
        if options.reference_tf and "flax" in options.frameworks:
            start("reference flax", options.reference_tf, "flax_reference", "")
        try:
            times = alternate(workers, options.count(10), 1)
        except WorkerError as error:
            failed = [name for name, w in workers.items() if w.process.poll() is not None]
            raise WorkerError(f"{error}\n{', '.join(failed)}") from None
    references = [name for name in workers if name.startswith("reference") and name in times]
    best = min(references, key=times.seconds, default=None)
    rows = []
    for framework in options.frameworks:
        for form in FORMS[framework]:
            name = f"{framework} {form}"
            if name in times:
                eager = form in ("static", "growing")
                other = "reference eager" if eager else best
                label = f"{LABELS[framework]}, {form}, against {other}"
                rows.append(_row(label, times, name, other, tokens, EAGER if eager else COMPILED))
    for name in references:
        rows.append(_row(name, times, name, None, tokens, None))
    rate = f"{PROMPT} tokens of prompt, {tokens} new ones; the limit reads as many bytes as the "
    notes.append(f"{rate}weights have, once for each new token")
    yield Section("Greedy decoding, LLaMA of 4 layers, 256 wide, tokens a second", rows, notes)


def _row(
    label: str, times: Times, name: str, other: str | None, tokens: int, required: float | None
) -> Row:
    """Ratios of speed: the inverse of those of time."""
    other = other if other in times else ""
    return Row(
        label,
        "tok/s",
        tokens / times.seconds(name),
        tokens / times.seconds(other) if other else None,
        times.ratios(other, name),
        tokens / times.seconds("limit"),
        times.ratios("limit", name),
        required=required if other else None,
        at_least=True,
    )
