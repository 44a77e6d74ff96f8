"""Flips one thing at a time in generated PyTorch code and counts what the parity suite notices.

    python tests/mutation/run.py --mutants 200 --seed 0 [--folders bert] [--resume FILE] [--json]

A mutant is killed when a recorded case of a class that uses the flipped code fails, as the suite
would run it after a change (all cases, primary form), or when it crashes the process, which fails
the suite too. A mutant that was stopped for its time or memory is undecided, and counts as one
that nobody noticed. Survivors are printed. equivalent.json lists mutants that change nothing that
can be seen, each with its reason; they are printed too, and count neither way.

Every mutant lives in a process of its own. With --resume, verdicts are kept in FILE, a JSON line
each, and are not looked for again while what they depend on stays as it is.
"""

import argparse
import hashlib
import json
import random
import sys
import time
import warnings
from fnmatch import fnmatchcase
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(TESTS)

import torch  # noqa: E402
from parity import adapters, harness, selection  # noqa: E402
from triptych.generator import evidence  # noqa: E402

from mutation.isolation import Crashed, Stopped, isolated  # noqa: E402
from mutation.mutants import Source  # noqa: E402

EQUIVALENT = Path(__file__).with_name("equivalent.json")
GOAL = 0.95


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
        names = ("folder", "place", "operator", "before", "after", "statement")
        if all(_like(getattr(mutant, name), row.get(name, "*")) for name in names):
            return row["reason"]
    return None


def _like(text, pattern):
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def judge(adapter, source, mutant, limits=None):
    """("killed", "survived" or "undecided", how): what becomes of a mutant.

    Without a mutant: of the code as it is.
    """
    try:
        how = isolated(lambda: failure(adapter, source, mutant), limits)
    except Crashed as error:
        return "killed", f"crash: {error}"
    except Stopped as error:
        return "undecided", str(error)
    return ("killed", how) if how else ("survived", "")


def failure(adapter, source, mutant):
    """The first case and check that fail; None if none does."""
    try:
        module = source.module(mutant)
    except Exception as error:
        return f"import: {type(error).__name__}"
    for class_name, case_dirs in by_size(source):
        if mutant and not source.reaches(class_name, mutant.owner or mutant.function):
            continue
        model_class = getattr(module, class_name)
        for case_dir in case_dirs:
            report = harness.run_case(
                adapter, source.folder, case_dir, "eager", model_class, stop=True
            )
            if not report.passed:
                why = report.failures[0] if report.checks else "nothing was compared"
                return f"{class_name}/{case_dir.name}: {why}"
    return None


def by_size(source):
    """[(class, case folders)], the classes that use least first: they are the quickest."""
    items = selection.classes()[source.folder].items()
    return sorted(items, key=lambda item: len(source.closure(item[0])))


class Kept:
    """Verdicts in a file, each with a key of all that it depends on. Without a file: none."""

    def __init__(self, path):
        self.path, self.verdicts = path, {}
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:  # cut off, or empty
                continue
            self.verdicts[row["key"], *row["mutant"]] = row["kind"], row["how"]

    def find(self, key, mutant):
        """(kind, how), or None."""
        return self.verdicts.get((key, *_identity(mutant)))

    def add(self, key, mutant, kind, how):
        """Keep a verdict, unless another try may give another one."""
        if self.path and kind != "undecided":
            self.path.parent.mkdir(parents=True, exist_ok=True)
            row = {"key": key, "mutant": _identity(mutant), "kind": kind, "how": how}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"\n{json.dumps(row)}")


def _identity(mutant):
    return [str(mutant), mutant.node, mutant.variant]


def key_of(folder):
    """The hash of all that a verdict depends on, as it is now."""
    total = hashlib.sha256()
    for case_dirs in selection.classes()[folder].values():
        for case_dir in case_dirs:
            total.update(evidence.evidence_key(folder, adapters.FRAMEWORKS[0], case_dir).encode())
    for path in [Path(harness.__file__), *sorted(Path(__file__).parent.glob("*.py"))]:
        total.update(path.read_bytes())
    return total.hexdigest()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folders", nargs="+", help="under generated/; all with recorded cases")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep verdicts, and use them")
    parser.add_argument("--json", action="store_true", help="the result, for programs")
    given = parser.parse_args(arguments)
    return show(run(given), given.json)


def run(given):
    """{kind: [[mutant, how]]} of all that was drawn."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # a fork has one thread
    folders = given.folders or list(selection.classes())
    keys = {folder: key_of(folder) for folder in folders}
    sources = {folder: Source(folder) for folder in folders}
    adapter = adapters.adapter("pytorch")
    for folder, source in sources.items():
        for class_name in selection.classes()[folder]:
            adapter.model_class(folder, class_name)  # imported once, for all children
        kind, how = judge(adapter, source, None)
        if kind != "survived":
            raise SystemExit(f"{folder} fails as it is, so mutants would prove nothing: {how}")
    rows = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    mutants = chosen(sources.values(), given.mutants, given.seed)
    outcome = {"killed": [], "survived": [], "equivalent": [], "undecided": []}
    kept, started = Kept(given.resume), time.monotonic()
    for number, mutant in enumerate(mutants, start=1):
        key = keys[mutant.folder]
        if why := reason(mutant, rows):
            kind, how = "equivalent", why
        elif known := kept.find(key, mutant):
            kind, how = known
        else:
            kind, how = judge(adapter, sources[mutant.folder], mutant)
            if key_of(mutant.folder) != key:
                raise SystemExit("the code has changed while this ran: run it again")
            kept.add(key, mutant, kind, how)
        outcome[kind].append([str(mutant), how])
        if kind != "killed" or number % 20 == 0:
            seconds = time.monotonic() - started
            line = f"{number}/{len(mutants)} {seconds:.0f} s {kind}: {mutant}"
            print(line, file=sys.stderr, flush=True)
    return outcome


def show(outcome, as_json):
    """Print the share and the survivors; 0 if the goal is met."""
    killed = len(outcome["killed"])
    survived = len(outcome["survived"]) + len(outcome["undecided"])  # not seen to be noticed
    errors = sum(_is_error(how) for _, how in outcome["killed"])
    share = killed / max(killed + survived, 1)
    if as_json:
        print(json.dumps({**outcome, "share": share}, indent=1))
        return 0 if share >= GOAL else 1
    print(f"{killed} of {killed + survived} mutants killed: {share:.1%} (goal {GOAL:.0%})")
    print(f"  {killed - errors} by what was compared, {errors} by an error")
    for text, _ in outcome["survived"]:
        print(f"survived: {text}")
    for text, why in outcome["undecided"]:
        print(f"undecided: {text} ({why})")
    for text, why in outcome["equivalent"]:
        print(f"equivalent: {text} ({why})")
    return 0 if share >= GOAL else 1


def _is_error(how):
    return how.startswith(("import:", "crash:")) or " error: inf" in how


if __name__ == "__main__":
    sys.exit(main())
