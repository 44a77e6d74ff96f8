"""Which cases are run, in which forms.

`tasks`: every class in the primary form on its main case, further cases whose evidence is out of
date, and all forms for one class a model type. `all_cases` and `all_forms` lift these limits.

`suite`: so many of these as the default suite has time for, however many architectures there are.
What was measured before something changed comes first. What is proven need not be proven again: of
it a sample is taken, another one whenever anything changes that it depends on. What was never
measured is no claim of the table's, and left to `make verify`.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from references import case as cases
from triptych.generator import evidence

from . import forms

SAMPLE = 100  # Tasks of the default suite in the primary form
SAMPLE_OF_OTHERS = 10  # and in each other form, most of which compile


@dataclass(frozen=True)
class Task:
    """One case of one class in one framework and form."""

    framework: str
    folder: str
    class_name: str
    case_dir: Path
    form: str

    @property
    def case(self):
        return self.case_dir.name

    def __str__(self):
        return f"{self.class_name}-{self.case}-{self.form}"


@cache
def folder_of(model_type):
    """The generated folder of a model type: its own, or that of the composite it belongs to."""
    own = model_type.replace("-", "_")
    if (evidence.ROOT / "generated" / own).is_dir():
        return own
    for path in sorted((evidence.ROOT / "generated").glob("*/configuration_*.py")):
        if f'model_type = "{model_type}"' in path.read_text(encoding="utf-8"):
            return path.parent.name
    return own


@cache
def classes(root=cases.ROOT):
    """{folder: {class: case folders, main case first}} of all that is recorded."""
    found = {}
    for folder in cases.find(root=root):
        model_type, class_name, _ = folder.parts[-3:]
        of_type = found.setdefault(folder_of(model_type), {})
        of_type.setdefault(class_name, []).append(folder)
    for of_type in found.values():
        for folders in of_type.values():
            folders.sort(key=lambda folder: (not _data(folder)["minimal_config"], folder.name))
    return found


@cache
def _data(folder):
    return json.loads((folder / "case.json").read_text(encoding="utf-8"))


def _kinds(folder):
    """The kinds of a form's list that the probes of a case ask for."""
    kinds = set()
    for probe in _data(folder)["probes"]:
        trains = "gradients" in probe or probe.get("mode") == "train"
        kinds.add("train" if probe["kind"] == "call" and trains else probe["kind"])
    return kinds | ({"static_cache"} if "cache" in kinds else set())


def representative(of_type):
    """The class whose main case has most kinds of probes, and most probes: it shows most."""

    def weight(name):
        probes = _data(of_type[name][0])["probes"]
        return len({probe["kind"] for probe in probes}), len(probes)

    return max(sorted(of_type), key=weight)


def tasks(framework, folders=None, all_cases=False, all_forms=False):
    """The Tasks of a framework, by folder and class."""
    primary = forms.primary(framework)
    now, result = evidence.Snapshot(), []
    for folder, of_type in classes().items():
        if folders and folder not in folders:
            continue
        fresh = set() if all_cases else fresh_tasks(folder, now)
        for class_name, case_dirs in of_type.items():
            every_form = all_forms or class_name == representative(of_type)
            for form in forms.FORMS[framework] if every_form else (primary,):
                for case_dir in case_dirs:
                    if form != primary and not form.probes & _kinds(case_dir):
                        continue  # a case of training passes has nothing to export
                    task = Task(framework, folder, class_name, case_dir, form.name)
                    main = case_dir == case_dirs[0]
                    stale = form == primary and task not in fresh
                    if main or all_cases or stale:
                        result.append(task)
    return result


def suite(framework, folders=None, all_cases=False, all_forms=False):
    """The Tasks of a framework that the default suite runs; all of them if any are asked for."""
    found = tasks(framework, folders, all_cases, all_forms)
    if folders or all_cases or all_forms:
        return found
    now = evidence.Snapshot()
    proven = {task for folder in classes() for task in fresh_tasks(folder, now)}
    measured = {task for folder in classes() for task in measured_tasks(folder, now)}

    def turn(task):
        key = now.key(task.folder, framework, task.case_dir)
        return task in proven, hashlib.sha256(f"{task} {key}".encode()).hexdigest()

    drawn = set()
    for form in forms.FORMS[framework]:
        of_form = [task for task in found if task in measured and task.form == form.name]
        drawn.update(
            sorted(of_form, key=turn)[
                : SAMPLE if form == forms.primary(framework) else SAMPLE_OF_OTHERS
            ]
        )
    return [task for task in found if task in drawn]


def fresh_tasks(folder, now):
    """The Tasks of a folder that passed on what is here, as a `Snapshot` has it."""
    return measured_tasks(folder, now, lambda e: e["passed"] and now.is_fresh(folder, e))


def measured_tasks(folder, now, holds=lambda entry: True):
    """The Tasks of a folder that have an entry, up to date or not."""
    return {
        Task(e["framework"], folder, e["class"], place, e["form"])
        for e in now.load(folder)
        if holds(e) and (place := evidence.case_folder(e["class"], e["case"]))
    }
