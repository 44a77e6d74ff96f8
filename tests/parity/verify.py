"""Measures what is not proven yet, and writes it down in generated/evidence.

    python tests/parity/verify.py bert --frameworks pytorch tensorflow
    python tests/parity/verify.py --all               # every class, case and form

Resumable: what passed and has not changed since is not run again.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))
if __name__ == "__main__":
    sys.path.remove(str(TESTS / "parity"))

from triptych.generator import evidence  # noqa: E402

from parity import selection  # noqa: E402
from parity.adapters import FRAMEWORKS  # noqa: E402
from parity.worker import Worker  # noqa: E402


def verify(folders=(), frameworks=FRAMEWORKS, all_cases=True, all_forms=False, show=print):
    """Run what is out of date and record it; returns a summary.

    {"run": number, "fresh": number not run again, "passed": number, "gaps": [...],
    "failed": {task: text}, "status": {class: {framework: "proven" or ...}}}. `folders`: those
    under generated/, all if empty; `show` takes progress lines.
    """
    summary = {"run": 0, "fresh": 0, "passed": 0, "gaps": [], "failed": {}, "status": {}}
    _check(folders)
    for framework in frameworks:
        tasks = selection.tasks(framework, folders, all_cases, all_forms)
        known = {task.folder for task in tasks}
        now = evidence.Snapshot()
        fresh = {task for folder in known for task in selection.fresh_tasks(folder, now)}
        todo = [task for task in tasks if task not in fresh]
        summary["fresh"] += len(tasks) - len(todo)
        # Before the worker reads the code: what changes while it runs is not what it measured.
        keys = {task: now.key(task.folder, framework, task.case_dir) for task in todo}
        with Worker(framework) as worker:
            for number, task in enumerate(todo, start=1):
                started = time.monotonic()
                report = worker.run(task)
                _record(task, keys[task], report)
                _count(summary, task, report)
                seconds = time.monotonic() - started
                where = f"{framework} {number}/{len(todo)}"
                show(f"{where} {task}: {_verdict(report)}, {seconds:.1f} s")
    now = evidence.Snapshot()
    for folder, of_type in selection.classes().items():
        if not folders or folder in folders:
            for name in of_type:
                found = {f: now.status(folder, name, f) for f in frameworks}
                summary["status"][name] = found
    return summary


def _check(folders):
    unknown = sorted(set(folders) - set(selection.classes()))
    if unknown:
        raise SystemExit(f"no recorded cases of {', '.join(unknown)}")


def _check_generated(folders):
    """Code that is not what its spec gives would be proven in its place."""
    start = "from triptych.generator.cli import main; main()"
    command = [sys.executable, "-c", start, "generate", "--check", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        result = json.loads(done.stdout)
        stale = {item["path"].split("/")[0] for item in result["differences"]}
    except (ValueError, KeyError):
        raise SystemExit(f"the specs cannot be compiled: {done.stderr.strip()[-500:]}") from None
    known = set(selection.classes()) if not folders else set(folders)
    if stale & known:
        names = ", ".join(sorted(stale & known))
        raise SystemExit(f"generated/ is not what the specs give: {names}; run `triptych generate`")


def _record(task, key, report):
    error, tolerance = report.worst
    entry = {
        "class": task.class_name,
        "framework": task.framework,
        "form": task.form,
        "case": task.case,
        "key": key,
        "passed": report.passed,
        "error": error,
        "tolerance": tolerance,
    }
    if report.gaps:
        entry["reason"] = "; ".join(sorted(report.gaps))
    if not report.passed:
        failures = report.failures
        entry["failure"] = f"{len(failures)} of {len(report.checks)}, first {_first(failures)}"
    evidence.record(task.folder, [entry])


def _first(failures):
    return f"{failures[0].probe}: {failures[0].name}" if failures else "none"


def _verdict(report):
    if not report.passed:
        return f"FAILED\n{report.text()}"
    error, tolerance = report.worst
    text = f"passed, {error:.1e} of {tolerance:.0e}"
    return text + "".join(f", known gap: {gap}" for gap in report.gaps)


def _count(summary, task, report):
    summary["run"] += 1
    summary["passed"] += report.passed
    summary["gaps"] += [f"{task.framework} {task}: {gap}" for gap in report.gaps]
    if not report.passed:
        summary["failed"][f"{task.framework} {task}"] = report.text()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="under generated/")
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORKS, default=FRAMEWORKS)
    parser.add_argument("--all-forms", action="store_true", help="of every class")
    parser.add_argument("--main-case", action="store_true", help="further cases only if changed")
    parser.add_argument("--all", action="store_true", help="all cases, in all forms")
    parser.add_argument("--json", action="store_true", help="the summary, for programs")
    given = parser.parse_args(arguments)

    def show(line):
        print(line, file=sys.stderr if given.json else sys.stdout, flush=True)

    _check_generated(given.folders)
    cases, forms = given.all or not given.main_case, given.all or given.all_forms
    summary = verify(given.folders, given.frameworks, cases, forms, show)
    if given.json:
        print(json.dumps(summary, indent=1))
    else:
        show(f"{summary['run']} run, {summary['passed']} passed, {summary['fresh']} fresh")
        for name, found in summary["status"].items():
            show(f"  {name}: " + ", ".join(f"{f} {text}" for f, text in found.items()))
    return 1 if summary["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
