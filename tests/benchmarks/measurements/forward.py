"""Latency of a forward pass, beside the reference's and that of the matrix products alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from options import LABELS, Options
from products import COUNTED
from report import Row, Section
from settings import LENGTH, MODELS
from workers import Times, Worker, WorkerError, alternate

FORMS = {
    "pytorch": ("eager", "compiled"),
    "tensorflow": ("function", "xla"),
    "flax": ("jit",),
}
CASES = {
    "bert": (f"BERT base, {LENGTH} tokens", (1, 8)),
    "llama": (f"a LLaMA of GPT-2's size, {LENGTH} tokens", (1,)),
    "swin": ("Swin tiny, 224 pixels", (1,)),
    "roberta": (f"RoBERTa base, {LENGTH} tokens", (1,)),
    "gpt2": (f"GPT-2, {LENGTH} tokens", (1,)),
    "t5": (f"T5 small, {LENGTH} tokens to {LENGTH // 4}", (1,)),
    "vit": ("ViT base, 224 pixels", (1,)),
    "wav2vec2": ("Wav2Vec2 base, four seconds", (1,)),
    "clip": ("CLIP base with patches of 32", (1,)),
    "mamba": (f"Mamba of 130 million parameters, {LENGTH} tokens", (1,)),
}
ALLOWED = 1.0  # of the reference's time, each model
SITTINGS = 2  # new processes: where memory comes to lie is worth some percent


def measure(options: Options) -> Iterator[Section]:
    for framework in options.frameworks:
        forms = [form for form in FORMS[framework] if form != "compiled" or options.compiled]
        for model in options.models or CASES:
            name, batches = CASES[model]
            cases = ((batch, form) for batch in batches for form in forms)
            rows, notes = [], []
            for case in cases:
                try:
                    rows += _rows(options, framework, model, *case)
                except WorkerError as error:  # the other models go on
                    lines = str(error).strip().splitlines()
                    reason = next((x for x in reversed(lines) if "Error: " in x), lines[-1])
                    notes.append(f"failed: {reason}")
            yield Section(f"Forward pass, {LABELS[framework]}, float32: {name}", rows, notes)


def _rows(options: Options, framework: str, model: str, batch: int, form: str) -> list[Row]:
    fields = MODELS[model].fields(options.quick)
    fields |= {"use_cache": False} if MODELS[model].cached else {}
    name = f"batch {batch}, {form}"
    calls = 1 if options.quick else max(2, 6 // batch)
    reference = options.reference_for(framework, MODELS[model].folder)
    task = {"model": model, "fields": fields, "batch": batch}

    starts = {"ours": (options.product, "ours", form)}
    if model in COUNTED:
        starts["limit"] = (options.product, "limit", form)
    if reference:
        starts["theirs"] = (reference, "reference", form)
    if reference and form == "eager" and MODELS[model].fused:
        starts["explicit"] = (reference, "reference", "eager attention")
    times = Times({key: [] for key in starts})
    for _ in range(1 if options.quick else SITTINGS):
        with ExitStack() as stack:
            workers = {
                key: stack.enter_context(
                    Worker(python, f"{framework}_{subject}", "forward", form=form, **task)
                )
                for key, (python, subject, form) in starts.items()
            }
            times.add(alternate(workers, options.count(6), calls))
    rows = [_row(name, times, "theirs")]
    if "explicit" in times:
        rows.append(_row(f"{name}, against attn_implementation='eager'", times, "explicit"))
    return rows


def _row(name: str, times: Times, other: str) -> Row:
    milliseconds = {key: 1000 * times.seconds(key) for key in times.rounds}
    return Row(
        name,
        ours=milliseconds["ours"],
        reference=milliseconds.get(other),
        ratios=times.ratios("ours", other),
        limit=milliseconds.get("limit"),
        limit_ratios=times.ratios("ours", "limit"),
        required=ALLOWED if other in times else None,
    )
