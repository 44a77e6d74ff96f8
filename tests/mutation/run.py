"""Flips one thing at a time in generated PyTorch code and counts what the parity suite notices.

    python tests/mutation/run.py --mutants 200 --seed 0 [--folders bert] [--json]

A mutant is killed when a recorded case of a class that uses the flipped code fails, as the suite
would run it after a change (all cases, primary form). Survivors are printed. equivalent.json lists
mutants that change nothing that can be seen, each with its reason; they are printed too, and count
neither way.
"""

import argparse
import contextlib
import json
import random
import signal
import sys
import time
import warnings
from fnmatch import fnmatchcase
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(TESTS)

from parity import adapters, harness, selection  # noqa: E402

from mutation.mutants import Source  # noqa: E402

GOAL = 0.95
LIMIT = 120  # seconds of this process's own time, so that a busy machine changes nothing


class OutOfTime(BaseException):
    """A mutant has not come to an end; not an Exception, which the harness would report."""


@contextlib.contextmanager
def time_limit(seconds):
    """Raises OutOfTime inside, after so many seconds."""

    def stop(*_):
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def chosen(sources, count, seed):
    """Mutants drawn evenly over operators, so that rare ones have their share."""
    groups = {}
    for source in sources:
        for mutant in source.mutants():
            groups.setdefault(mutant.operator, []).append(mutant)
    draw = random.Random(seed)
    for group in groups.values():
        draw.shuffle(group)
    order = sorted(groups)
    picked = []
    while len(picked) < count and any(groups.values()):
        picked += [groups[name].pop() for name in order if groups[name]]
    return picked[:count]


def reason(mutant, rows):
    """Why a mutant changes nothing, if equivalent.json says so."""
    for row in rows:
        names = ("folder", "place", "operator", "before", "after")
        if all(_like(getattr(mutant, name), row.get(name, "*")) for name in names):
            return row["reason"]
    return None


def _like(text, pattern):
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def attempt(adapter, source, mutant=None):
    """How a mutant dies: the case and check that failed; None if it survives.

    Without a mutant: what is wrong with the code as it is.
    """
    module = None
    if mutant is not None:
        try:
            module = source.module(mutant)
        except Exception as error:
            return f"import: {type(error).__name__}"
    for class_name, case_dirs in selection.classes()[source.folder].items():
        if mutant and not source.reaches(class_name, mutant.owner or mutant.function):
            continue
        model_class = module and getattr(module, class_name)
        for case_dir in case_dirs:
            report = harness.run_case(
                adapter, source.folder, case_dir, "eager", model_class, stop=True
            )
            if not report.passed:
                return f"{class_name}/{case_dir.name}: {report.failures[0]}"
    return None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folders", nargs="+", help="under generated/; all with recorded cases")
    parser.add_argument("--json", action="store_true", help="the result, for programs")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    sources = {name: Source(name) for name in given.folders or selection.classes()}
    rows = json.loads(Path(__file__).with_name("equivalent.json").read_text(encoding="utf-8"))
    adapter = adapters.adapter("pytorch")
    for folder, source in sources.items():
        if why := attempt(adapter, source):
            raise SystemExit(f"{folder} fails as it is, so mutants would prove nothing: {why}")
    mutants = chosen(sources.values(), given.mutants, given.seed)
    outcome = {"killed": [], "survived": [], "equivalent": [], "undecided": []}
    started = time.monotonic()
    for number, mutant in enumerate(mutants, start=1):
        why = reason(mutant, rows)
        kind, death = "equivalent", None
        if not why:
            try:
                with time_limit(LIMIT):
                    death = attempt(adapter, sources[mutant.folder], mutant)
                kind = "killed" if death else "survived"
            except OutOfTime:
                kind = "undecided"
        outcome[kind].append([str(mutant), why or death or ""])
        seconds = time.monotonic() - started
        if kind != "killed" or number % 20 == 0:
            line = f"{number}/{len(mutants)} {seconds:.0f} s {kind}: {mutant}"
            print(line, file=sys.stderr, flush=True)
    return show(outcome, given.json)


def show(outcome, as_json):
    """Print the share and the survivors; 0 if the goal is met."""
    killed = len(outcome["killed"])
    survived = len(outcome["survived"]) + len(outcome["undecided"])  # not seen to be noticed
    errors = sum("error: inf" in how or how.startswith("import") for _, how in outcome["killed"])
    share = killed / max(killed + survived, 1)
    if as_json:
        print(json.dumps({**outcome, "share": share}, indent=1))
        return 0 if share >= GOAL else 1
    print(f"{killed} of {killed + survived} mutants killed: {share:.1%} (goal {GOAL:.0%})")
    print(f"  {killed - errors} by numbers, {errors} by an error")
    for kind in ("survived", "undecided"):
        for text, _ in outcome[kind]:
            print(f"{kind}: {text}")
    for text, why in outcome["equivalent"]:
        print(f"equivalent: {text} ({why})")
    return 0 if share >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
