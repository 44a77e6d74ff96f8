"""A process for each framework, as parity has them: requests and reports are lines of JSON."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from parity import worker  # noqa: E402
from parity.report import Report  # noqa: E402


class Worker(worker.Worker):
    """Starts the process when it is first needed, and again after a crash."""

    def run(self, task):
        """(Report, {call: seconds}) of a selecting.Task."""
        if self._process is None:
            self._start()
        request = [task.model_type, task.class_name, task.case, task.calls, task.options]
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            return Report.broken("process", self._last_words()), {}
        report, seconds = json.loads(answer)
        return Report.from_json(report), seconds

    def _start(self):
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **worker.QUIET},
        )


def serve(framework):
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    from parity import adapters

    from generation import running

    adapter = adapters.adapter(framework)
    for line in sys.stdin:
        report, seconds = running.run(adapter, *json.loads(line))
        adapter.reset()
        answers.write(json.dumps([report.to_json(), seconds]) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
