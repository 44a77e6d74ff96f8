"""`generate`, beside the reference's and beside what reading the weights alone takes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import product

from generation_cases import TOKENS, Case
from options import Options
from report import Row, Section
from settings import MODELS
from workers import Times, once

from measurements.generation_sitting import EAGER, Sitting, Subject, sit

NAMES = {"gpt2": "GPT-2", "small-gpt2": "a GPT-2 of 4 layers, 256 wide"}
CASES = [Case(p, batch, beams) for beams, p, batch in product((1, 4), (32, 256), (1, 8))]
CASES.append(Case(dtype="bfloat16"))
# Times the reference's tokens a second, in greedy search: of its eager form, of its best one.
FASTER, AS_FAST = 1.3, 1.0


def measure(options: Options) -> Iterator[Section]:
    for model, name in NAMES.items():
        if not options.models or model in options.models:
            yield from _model(options, model, f"Generation, {name}")


def _model(options: Options, model: str, title: str) -> Iterator[Section]:
    firsts, compiling = [], []
    task = {"model": model, "fields": MODELS[model].fields(options.quick)}
    with tempfile.TemporaryDirectory() as folder:
        task["folder"] = folder
        saved = (options.product, "pytorch_ours")
        if options.reference:
            saved = (options.reference, "pytorch_reference")
        once(*saved, "save", head="LMHeadModel", **task)
        for case in CASES:
            if _wanted(case, options):
                # Some forms are so slow that one case has to be enough.
                sitting = sit(options, task, case, everything=case == CASES[0])
                yield _speed(title, sitting)
                firsts += _first_tokens(sitting)
                compiling += _first_calls(sitting)
    yield Section(f"{title}: time to the first token", firsts)
    yield Section(f"{title}: the first call in a process less a later one", compiling)


def _wanted(case: Case, options: Options) -> bool:
    if options.quick and (case.prompt, case.batch) != (32, 1):
        return False
    return not options.cases or any(part in str(case) for part in options.cases)


def _speed(title: str, sitting: Sitting) -> Section:
    case, times = sitting.case, sitting.times
    rows = []
    for subject in sitting.subjects:
        other, required = None, None
        if subject.side == "ours":
            eager = subject.framework == "pytorch" and subject.form != "compiled"
            other = EAGER if eager else sitting.best
            other = other if other in times else None
            required = FASTER if eager else AS_FAST
        judged = other is not None and case.beams == 1
        label = f"{subject}, against {other}" if other else str(subject)
        rows.append(_rate(label, sitting, subject, other, required if judged else None))
    notes = [_limit(sitting), _tokens(sitting), *sitting.notes]
    return Section(f"{title}: {case}, {TOKENS} new tokens", rows, notes)


def _rate(
    label: str, sitting: Sitting, subject: Subject, other: Subject | None, required: float | None
) -> Row:
    """Tokens a second; ratios of speed are the inverse of those of time."""
    times, tokens = sitting.times, sitting.case.batch * TOKENS
    limit = sitting.limit(subject)
    return Row(
        label,
        "tok/s",
        tokens / times.seconds(subject),
        tokens / times.seconds(other) if other else None,
        times.ratios(other, subject) if other else (),
        tokens / times.seconds(limit),
        times.ratios(limit, subject),
        required=required,
        at_least=True,
    )


def _limit(sitting: Sitting) -> str:
    rate = f"{sitting.bandwidth / 1e9:.1f} GB/s of memory were read in the same run"
    if sitting.case.rows > 1:
        return f"limit: the matrix products of all steps alone, in the same framework; {rate}"
    megabytes = sitting.bytes_a_step / 1e6
    return f"limit: reading the weights once a token, {megabytes:,.0f} MB; {rate}"


def _tokens(sitting: Sitting) -> str:
    """Whose tokens differ from those of the reference in PyTorch, or else of the first one."""
    expected = sitting.results.get(EAGER) or next(iter(sitting.results.values()))
    differing = [
        str(subject)
        for subject, result in sitting.results.items()
        if result["tokens"] != expected["tokens"]
    ]
    return f"other tokens: {'; '.join(differing)}" if differing else "all have the same tokens"


def _first_tokens(sitting: Sitting) -> Iterator[Row]:
    return _beside_reference(sitting.case, sitting.firsts, "ms", 1000)


def _first_calls(sitting: Sitting) -> Iterator[Row]:
    less = {subject: [sitting.compiling(subject)] for subject in sitting.results}
    return _beside_reference(sitting.case, Times(less), "s", 1)


def _beside_reference(case: Case, times: Times, unit: str, scale: int) -> Iterator[Row]:
    """Ours beside the reference's same form, or else beside its eager one."""
    for subject in times.rounds:
        if subject.side == "ours":
            same = Subject("reference", subject.framework, subject.form)
            other = next((other for other in (same, EAGER) if other in times), None)
            yield Row(
                f"{case}: {subject}, against {other}" if other else f"{case}: {subject}",
                unit,
                scale * times.seconds(subject),
                scale * times.seconds(other) if other else None,
                times.ratios(subject, other) if other else (),
            )
