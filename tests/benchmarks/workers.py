"""Processes that are timed in turn.

Product and reference never share a process. Times of two processes are compared by letting them
work alternately, a few calls each, so that whatever else the machine does falls on both: each
round gives one ratio of medians, and the median of those counts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_USE_LEGACY_KERAS": "",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


class WorkerError(RuntimeError):
    """A worker ended without an answer; the end of what it printed."""


def environment(**more: str) -> dict[str, str]:
    """The variables of a worker: quiet, offline, on the CPU."""
    variables = {**os.environ, **QUIET, **more}
    return {name: text for name, text in variables.items() if text or name.startswith("CUDA")}


class Worker(AbstractContextManager):
    """One process running one subject."""

    def __init__(self, python: str, subject: str, task: str, /, **options: Any):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        legacy = {"TF_USE_LEGACY_KERAS": "1"} if subject == "tensorflow_reference" else {}
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), subject, task, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment(**legacy),
            text=True,
        )

    def answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.errors.seek(0)
            printed = self.errors.read()[-2000:].strip()
            raise WorkerError(printed if status > 0 and printed else f"ended with status {status}")
        return json.loads(line)

    def run(self, calls: int, what: str = "", spare: int = 1) -> list[float]:
        """Seconds of each of some calls; spare ones warm caches that another process cooled."""
        with suppress(BrokenPipeError):  # then there is no answer either
            self.process.stdin.write(f"{calls + spare} {what}\n")
            self.process.stdin.flush()
        return self.answer()[spare:]

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def once(python: str, subject: str, task: str, /, **options: Any) -> Any:
    """The result of a task in a process of its own."""
    with Worker(python, subject, task, **options) as worker:
        return worker.answer()


class Times:
    """Medians of subjects, round by round."""

    def __init__(self, rounds: dict[str, list[float]]):
        self.rounds = rounds

    def __contains__(self, name: str) -> bool:
        return bool(self.rounds.get(name))

    def add(self, other: Times) -> None:
        """Takes the rounds of another sitting too."""
        for name, medians in other.rounds.items():
            self.rounds[name] += medians

    def seconds(self, name: str) -> float | None:
        return statistics.median(self.rounds[name]) if name in self else None

    def ratios(self, name: str, other: str) -> list[float]:
        """How many times as long `name` took as `other`, in each round that both have."""
        if name not in self or other not in self:
            return []
        return [a / b for a, b in zip(self.rounds[name], self.rounds[other], strict=False)]


def alternate(workers: dict[str, Worker], rounds: int, calls: int, warm_up: int = 2) -> Times:
    """Lets workers run in turn, in every other round in reverse order."""
    for worker in workers.values():
        worker.answer()
        worker.run(warm_up)
    return take_turns(workers, rounds, calls)


def take_turns(
    workers: dict[str, Worker],
    rounds: int,
    calls: int,
    what: str = "",
    spare: int = 1,
    failed: Callable[[str, WorkerError], None] | None = None,
) -> Times:
    """The rounds of `alternate`, with workers that have answered.

    `failed` is told of a worker that ends, and the others go on; without it that is an error.
    """
    medians: dict[str, list[float]] = {name: [] for name in workers}
    for turn in range(rounds):
        for name in list(medians)[:: 1 if turn % 2 == 0 else -1]:
            try:
                seconds = workers[name].run(calls, what, spare)
            except WorkerError as error:
                if failed is None:
                    raise
                failed(name, error)
                del medians[name]
            else:
                medians[name].append(statistics.median(seconds))
    return Times(medians)


def alternate_once(
    tasks: dict[str, tuple[str, str, str, dict]], rounds: int, keys: Sequence[str]
) -> dict[str, Times]:
    """Runs one-shot tasks in turn; one `Times` for each key of their results."""
    found: dict[str, dict[str, list[float]]] = {key: {n: [] for n in tasks} for key in keys}
    for turn in range(rounds):
        for name in list(tasks)[:: 1 if turn % 2 == 0 else -1]:
            python, subject, task, options = tasks[name]
            result = once(python, subject, task, **options)
            for key in keys:
                if key in result:
                    found[key][name].append(result[key])
    return {key: Times(rounds) for key, rounds in found.items()}
