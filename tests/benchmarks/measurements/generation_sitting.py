"""All processes that one case of generation compares, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from generation_cases import TOKENS, Case, weights
from options import LABELS, Options
from workers import Times, Worker, WorkerError, take_turns

OURS = {
    "pytorch": ("dynamic", "static", "optimized", "compiled"),
    "tensorflow": ("graph", "xla"),
    "flax": ("jit",),
}
# "jit": the reference's `generate` called within jax.jit.
THEIRS = {"pytorch": ("eager", "compiled"), "tensorflow": ("xla",), "flax": ("jit",)}
SLOW = {"tensorflow": ("eager",), "flax": ("as it is",)}  # shown once
BYTES = {"float32": 4, "bfloat16": 2}
FIRST = "first token"


class Subject(NamedTuple):
    """Whose generation, or whose limit, in which framework and form."""

    side: str
    framework: str
    form: str

    def __str__(self) -> str:
        side = "" if self.side == "ours" else f"{self.side} "
        return f"{side}{LABELS[self.framework]}, {self.form}"


READ = Subject("limit", "flax", "read")
EAGER = Subject("reference", "pytorch", "eager")
XLA = Subject("reference", "tensorflow", "xla")  # cannot make a single token


@dataclass
class Sitting:
    """What was found: seconds of whole calls and of one token, and what the first calls gave."""

    case: Case
    bytes_a_step: int
    times: Times
    firsts: Times
    results: dict[Subject, dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    @property
    def subjects(self) -> list[Subject]:
        """Ours and the reference's."""
        return [subject for subject in self.times.rounds if subject.side != "limit"]

    @property
    def best(self) -> Subject | None:
        """The reference's fastest form."""
        found = (subject for subject in self.subjects if subject.side == "reference")
        return min(found, key=self.times.seconds, default=None)

    def limit(self, subject: Subject) -> Subject:
        """What bounds it: reading weights, or the products of several rows."""
        return READ if self.case.rows == 1 else Subject("limit", subject.framework, "products")

    @property
    def bandwidth(self) -> float:
        """Bytes a second that were read from memory."""
        return self.bytes_a_step * TOKENS / self.times.seconds(READ)

    def compiling(self, subject: Subject) -> float:
        """Seconds of the first call less those of a later one."""
        return self.results[subject]["first call"] - self.times.seconds(subject)


def sit(options: Options, task: dict[str, Any], case: Case, everything: bool) -> Sitting:
    """Measures a case; `everything` includes the forms that are shown once.

    The processes of a large case do not fit into memory together: one framework's at a time.
    """
    size = weights(task["fields"]) * BYTES[case.dtype]
    sitting = Sitting(case, size, Times({}), Times({}), {})
    frameworks = options.frameworks
    if case.is_large and len(frameworks) > 1:
        sitting.notes.append("one framework after another, to save memory")
        for framework in frameworks:
            _sit(sitting, replace(options, frameworks=(framework,)), task, everything)
    else:
        _sit(sitting, options, task, everything)
    return sitting


def _sit(sitting: Sitting, options: Options, task: dict[str, Any], everything: bool) -> None:
    """Adds to a sitting what some frameworks' processes take."""
    case, rounds = sitting.case, options.count(5)
    generating = {"model": task["model"], "folder": task["folder"], "case": asdict(case)}
    workers: dict[Subject, Worker] = {}

    def failed(subject: Subject, error: WorkerError) -> None:
        workers.pop(subject, None)
        sitting.results.pop(subject, None)
        sitting.notes.append(f"failed: {subject}: {str(error).splitlines()[-1]}")

    with ExitStack() as stack:

        def start(subject: Subject, what: str, arguments: dict[str, Any]) -> Any:
            name = f"{subject.framework}_{subject.side}"
            worker = Worker(_python(options, subject), name, what, **arguments)
            workers[subject] = stack.enter_context(worker)
            return worker.answer()

        def turns(subjects: Iterator[Subject], *arguments: Any, **named: Any) -> dict:
            chosen = {subject: workers[subject] for subject in subjects if subject in workers}
            return take_turns(chosen, *arguments, failed=failed, **named).rounds

        def generate(subjects: Iterator[Subject]) -> list[Subject]:
            subjects = list(subjects)
            for subject in subjects:
                try:
                    found = start(subject, "generate", {"form": subject.form, **generating})
                except WorkerError as error:  # the others go on
                    failed(subject, error)
                else:
                    sitting.results[subject] = found
            return subjects

        for subject, what, arguments in _limits(
            options, task["fields"], case, sitting.bytes_a_step
        ):
            if subject not in sitting.times:
                start(subject, what, arguments)
        limits = list(workers)
        subjects = generate(_forms(options, case, "ours", OURS))
        subjects += generate(_forms(options, case, "reference", THEIRS))
        sitting.times.rounds |= turns(limits + subjects, rounds, 1)
        if case.beams == 1:
            able = [subject for subject in subjects if subject != XLA]
            sitting.firsts.rounds |= turns(able, rounds, 2, FIRST)
        if everything:
            slow = generate(_forms(options, case, "reference", SLOW))
            sitting.times.rounds |= turns(slow, 1, 1, spare=0)


def _python(options: Options, subject: Subject) -> str | None:
    if subject.side != "reference":
        return options.product
    return options.reference_for(subject.framework)


def _forms(options: Options, case: Case, side: str, forms: dict) -> Iterator[Subject]:
    """Those that can run."""
    for framework in options.frameworks:
        for form in forms.get(framework, ()):
            subject = Subject(side, framework, form)
            narrow = case.dtype != "float32" and subject == XLA  # float32 is all it has
            compiled = form == "compiled" and not options.compiled
            if _python(options, subject) and not narrow and not compiled:
                yield subject


def _limits(
    options: Options, fields: dict[str, Any], case: Case, size: int
) -> Iterator[tuple[Subject, str, dict[str, Any]]]:
    """(subject, task, its arguments)"""
    yield READ, "read", {"size": size, "times": TOKENS}
    if case.rows > 1:
        arguments = {"fields": fields, "case": asdict(case)}
        for framework in options.frameworks:
            form = {"form": OURS[framework][-1]}
            yield Subject("limit", framework, "products"), "generate", arguments | form
