"""How long tracing and compiling takes, beside the reference's own functions."""

from __future__ import annotations

from collections.abc import Iterator

from options import LABELS, Options
from report import Row, Section
from settings import MODELS
from workers import alternate_once

FORMS = (
    ("pytorch", "compiled"),
    ("tensorflow", "function"),
    ("tensorflow", "xla"),
    ("flax", "jit"),
)
STEPS = {"trace": "trace", "compile": "compile"}


def measure(options: Options) -> Iterator[Section]:
    rows = []
    fields = MODELS["bert"].fields(options.quick)
    for framework, form in FORMS:
        if framework not in options.frameworks or (form == "compiled" and not options.compiled):
            continue
        task = {"model": "bert", "fields": fields, "batch": 1, "form": form}
        tasks = {"ours": (options.product, f"{framework}_ours", "compilation", task)}
        if python := options.reference_for(framework):
            tasks["theirs"] = (python, f"{framework}_reference", "compilation", task)
        found = alternate_once(tasks, options.count(3, 1), tuple(STEPS))
        for step, times in found.items():
            if "ours" in times:
                rows.append(
                    Row(
                        f"{LABELS[framework]}, {form}: {step}",
                        "s",
                        times.seconds("ours"),
                        times.seconds("theirs"),
                        times.ratios("ours", "theirs"),
                    )
                )
    notes = ["compile: the first call less the second one, where a framework has no other way"]
    yield Section("Tracing and compiling BERT base, batch 1", rows, notes)
