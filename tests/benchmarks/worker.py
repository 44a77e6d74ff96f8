"""A process in which one subject runs: `worker.py SUBJECT TASK OPTIONS`, started by `workers.py`.

TASK is a function of `subjects/SUBJECT.py`, called with OPTIONS (JSON). What it returns is either
a result, which is reported, or a function without arguments, which is then called and timed as
often as the lines of standard input say, or both, as `Timed`.

BENCHMARK_THREADS limits the process to so many cores, and so the threads that libraries start;
with BENCHMARK_CLOCK=cpu its own processor time is counted instead of the time that passes.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

from timed import Timed, clock


def main() -> None:
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    subject, task, options = sys.argv[1:]
    if threads := os.environ.get("BENCHMARK_THREADS"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])

    def answer(value: object) -> None:
        channel.write(json.dumps(value) + "\n")
        channel.flush()

    work = getattr(import_module(f"subjects.{subject}"), task)(**json.loads(options))
    if callable(work):
        work = Timed("ready", {"": work})
    if not isinstance(work, Timed):
        answer(work)
        return
    answer(work.result)
    for line in sys.stdin:
        count, _, name = line.strip().partition(" ")
        seconds = []
        for _ in range(int(count)):
            start = clock()
            work.functions[name]()
            seconds.append(clock() - start)
        answer(seconds)


if __name__ == "__main__":
    main()
