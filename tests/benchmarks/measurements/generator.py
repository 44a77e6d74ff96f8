"""How long the generator takes: `triptych generate --check`, which does all but the writing."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from options import Options
from report import Row, Section
from workers import environment

ROOT = Path(__file__).resolve().parents[3]
SPEC = "bert"
PLANNED = 245  # specs
ONE, UNCHANGED, ALL = 1.0, 3.0, 240.0  # seconds: one spec; nothing changed; all specs, cold


def measure(options: Options) -> Iterator[Section]:
    specs = len(list((ROOT / "specs" / "models").glob("*.yaml")))
    rounds = options.count(5, 1)
    start = _median(rounds, lambda: _seconds(options, "generate", "--help"))
    one_cold = _median(rounds, lambda: _cold(options, SPEC))
    all_cold = _median(1 if options.quick else 3, lambda: _cold(options))
    with tempfile.TemporaryDirectory() as cache:
        _generate(options, cache)
        one_warm = _median(rounds, lambda: _generate(options, cache, SPEC))
        all_warm = _median(rounds, lambda: _generate(options, cache))
    rows = [
        Row(f"one spec ({SPEC}), cold", "s", one_cold, required=ONE, judged="ours"),
        Row(f"one spec ({SPEC}), cached", "s", one_warm, required=ONE, judged="ours"),
        Row(f"all {specs} specs, cold", "s", all_cold, required=ALL, judged="ours"),
        Row(
            f"all {specs} specs, nothing changed", "s", all_warm, required=UNCHANGED, judged="ours"
        ),
    ]
    notes = [f"starting Python and the command alone takes {start:.2f} s"]
    if specs > 1:
        per_spec = (all_cold - one_cold) / (specs - 1)
        more = one_cold + per_spec * (PLANNED - 1)
        unchanged = one_warm + (all_warm - one_warm) / (specs - 1) * (PLANNED - 1)
        notes.append(
            f"at this rate {PLANNED} specs would take {more:.0f} s cold, "
            f"{unchanged:.1f} s with nothing changed"
        )
    yield Section("Generator, from the command line", rows, notes)


def _median(rounds: int, action: Callable[[], float]) -> float:
    return statistics.median(action() for _ in range(rounds))


def _cold(options: Options, *specs: str) -> float:
    with tempfile.TemporaryDirectory() as cache:
        return _generate(options, cache, *specs)


def _generate(options: Options, cache: str, *specs: str) -> float:
    return _seconds(options, "generate", "--check", *specs, TRIPTYCH_CACHE=cache)


def _seconds(options: Options, *arguments: str, **variables: str) -> float:
    start = perf_counter()
    subprocess.run(
        [options.product, "-m", "triptych.generator.cli", *arguments],
        capture_output=True,
        env=environment(**variables),
        check=False,  # files that are out of date take as long
    )
    return perf_counter() - start
