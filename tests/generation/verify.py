"""Runs recorded generations: python -m tests.generation.verify [MODEL_TYPE ...]

    --frameworks pytorch,tensorflow,flax  --json SUMMARY  --failures TEXT  --calls greedy,beams
    --options '{"jit_compile": true}'  (more arguments of each call)

The summary has, for each framework and recording, the numbers of calls that passed, what failed
and the seconds of each call; the text lists each failure with what was expected and found.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

from parity.adapters import FRAMEWORKS  # noqa: E402

from generation import selecting  # noqa: E402
from generation.worker import Worker  # noqa: E402


def verify(frameworks, model_types=(), calls=None, options=None, show=print):
    """{framework: {recording: {calls, passed, failed: {call: [text]}, gaps, seconds: {call: ..}}}}.

    `calls`: their names, all if None; `options`: more arguments; `show` takes progress lines.
    """
    summary = {}
    for framework in frameworks:
        found = summary[framework] = {}
        with Worker(framework) as worker:
            for task in selecting.tasks(model_types):
                task = dataclasses.replace(task, calls=calls, options=options)
                entry = found[f"{task.model_type}/{task.class_name}/{task.case}"] = _run(
                    worker, task
                )
                took = sum(entry["seconds"].values())
                show(f"{framework} {task}: {entry['passed']} of {entry['calls']}, {took:.1f} s")
                for line in [*entry["failed"], *entry["gaps"]]:
                    show(f"    {line}")
    return summary


def _run(worker, task):
    """What a summary says of a recording."""
    report, seconds = worker.run(task)
    failed = {}
    for check in report.failures:
        failed.setdefault(check.probe, []).append(str(check))
    return {
        "calls": len(seconds),
        "passed": len(set(seconds) - set(failed)) - len(report.gaps),
        "failed": failed,
        "gaps": [f"known gap: {gap}" for gap in report.gaps],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }


def failures(summary):
    """The failures of a summary, to be read."""
    lines = []
    for framework, found in summary.items():
        ran = sum(entry["calls"] for entry in found.values())
        passed = sum(entry["passed"] for entry in found.values())
        lines += [f"# {framework}: {passed} of {ran} calls passed", ""]
        for name, entry in found.items():
            lines += [f"- {name}: {gap}" for gap in entry["gaps"]]
            for call, texts in entry["failed"].items():
                lines += [f"- {name} `{call}`", *(f"    - {text}" for text in texts)]
        lines.append("")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_types", nargs="*", metavar="MODEL_TYPE")
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS))
    parser.add_argument("--calls", help="only these, with commas between")
    parser.add_argument("--options", type=json.loads, help="more arguments, as JSON")
    parser.add_argument("--json", help="where the summary goes")
    parser.add_argument("--failures", help="where the text goes")
    given = parser.parse_args(arguments)
    frameworks = given.frameworks.split(",")
    if unknown := set(frameworks) - set(FRAMEWORKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(FRAMEWORKS)}")
    calls = tuple(given.calls.split(",")) if given.calls else None

    def show(line):
        print(line, flush=True)

    summary = verify(frameworks, given.model_types, calls, given.options, show)
    if given.json:
        Path(given.json).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    if given.failures:
        Path(given.failures).write_text(failures(summary), encoding="utf-8")
    return 1 if any(e["failed"] for found in summary.values() for e in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
