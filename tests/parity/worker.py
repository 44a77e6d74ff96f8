"""A process for each framework: they do not get along in one, and one may crash.

Requests and reports are lines of JSON on the worker's standard streams.

    with Worker("pytorch") as worker:
        report = worker.run(task)
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(TESTS)

from parity.report import Report  # noqa: E402

LIFETIME = 80  # cases after which a worker is replaced, whose compiled code piles up
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


class Worker:
    """Starts the process when it is first needed, and again after a crash."""

    def __init__(self, framework):
        self.framework = framework
        self._process = self._log = None
        self._served = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, task):
        """The Report of a Task."""
        if self._process is None:
            self._start()
        request = [task.folder, str(task.case_dir), task.form]
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            return Report.broken("process", self._last_words())
        self._served += 1
        if self._served >= LIFETIME:
            self.close()
        return Report.from_json(answer)

    def close(self):
        """End the process."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._log.close()
            self._process = None

    def _start(self):
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._served = 0
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **QUIET},
        )

    def _last_words(self):
        code, log = self._process.wait(), self._log
        log.seek(0)
        text = " | ".join(log.read().splitlines()[-3:])
        self.close()
        return f"the process ended with {code}: {text}"


def serve(framework):
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    from parity import adapters, harness

    adapter = adapters.adapter(framework)
    for line in sys.stdin:
        report = harness.run_case(adapter, *json.loads(line))
        adapter.reset()
        answers.write(report.to_json() + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
