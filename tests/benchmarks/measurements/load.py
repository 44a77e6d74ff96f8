"""Seconds and memory of `from_pretrained`, beside one pass over the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from options import LABELS, Options
from report import Row, Section
from settings import MODELS
from workers import Times, WorkerError, alternate_once, once

CASES = {"bert": "BERT base", "large-llama": "a LLaMA of 3.1 GB"}
# (framework of the reference, share of its seconds and memory that is allowed)
AGAINST = {"pytorch": ("pytorch", 1.0), "tensorflow": ("pytorch", 1.0), "flax": ("flax", 0.1)}


def measure(options: Options) -> Iterator[Section]:
    for model, name in CASES.items():
        if options.models and model not in options.models:
            continue
        if model == "bert" or not options.quick:
            with tempfile.TemporaryDirectory() as folder:
                yield _section(options, model, name, folder)


def _section(options: Options, model: str, name: str, folder: str) -> Section:
    fields = MODELS[model].fields(options.quick)
    once(options.product, "pytorch_ours", "save", model=model, fields=fields, folder=folder)
    file = max(Path(folder).glob("*.safetensors"), key=lambda file: file.stat().st_size)
    size = file.stat().st_size / 2**20
    task = {"model": model, "folder": folder}
    tasks = {
        "copied": (options.product, "files", "copied", {"file": str(file)}),
        "mapped": (options.product, "files", "mapped", {"file": str(file)}),
    }
    for framework in options.frameworks:
        tasks[framework] = (options.product, f"{framework}_ours", "load", task)
    notes = []
    for framework in ("pytorch", "flax"):
        python = options.reference_for(framework)
        if not python:
            continue
        subject = f"{framework}_reference"
        try:
            once(python, subject, "load", **task)
        except WorkerError as error:
            notes.append(f"reference, {LABELS[framework]}: {str(error).strip().splitlines()[-1]}")
        else:
            tasks[subject] = (python, subject, "load", task)
    rounds = options.count(5 if model == "bert" else 2, 1)
    times = alternate_once(tasks, rounds, ("seconds", "peak", "own"))
    rows = [row for f in options.frameworks for row in _rows(f, times, size)]
    mapped = times["seconds"].seconds("mapped")
    notes += [
        f"the file has {size:,.0f} MiB and was in memory before; mapping it and reading a byte of "
        f"each page takes {1000 * mapped:,.0f} ms",
        "memory: the peak of the process over what it had before, mapped pages of the file too",
    ]
    return Section(f"from_pretrained, {name}, every page touched", rows, notes)


def _rows(framework: str, times: dict[str, Times], size: float) -> Iterator[Row]:
    other, allowed = AGAINST[framework]
    other = f"{other}_reference"
    name = LABELS[framework]
    seconds, peak, own = times["seconds"], times["peak"], times["own"]
    yield Row(
        f"{name}, seconds against the reference's {LABELS[AGAINST[framework][0]]}",
        "s",
        seconds.seconds(framework),
        seconds.seconds(other),
        seconds.ratios(framework, other),
        seconds.seconds("copied"),
        seconds.ratios(framework, "copied"),
        required=allowed if other in seconds else None,
    )
    yield Row(
        f"{name}, peak memory",
        "MiB",
        peak.seconds(framework),
        peak.seconds(other),
        peak.ratios(framework, other),
        size,
        [x / size for x in peak.rounds[framework]],
        required=allowed if other in peak else None,
        note=f"of its own at the end: {own.seconds(framework):,.0f} MiB",
    )
