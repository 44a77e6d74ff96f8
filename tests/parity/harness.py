"""Runs one recorded case of one class in one framework and form, and compares everything.

    report = run_case(adapter("pytorch"), "bert", "bert/BertModel/default", "eager")
    assert report.passed, report.text()

A class that cannot be made, an input the call lacks, a probe that raises: all of them fail, unless
gaps.json states the gap.
"""

import tempfile
import traceback
from pathlib import Path

from references import case as cases
from references.mappings import mappings

from . import forms, gaps, probes
from .report import Report

SHORT = 400  # characters of an exception that a report keeps


class Session:
    """One case being run: its checkpoint on disk, and models made from it."""

    def __init__(self, adapter, case, form, model_class, place):
        self.adapter, self.case, self.form = adapter, case, form
        self.model_class, self.place = model_class, Path(place)
        self.report = Report()
        self.whole = case.write_checkpoint(self.place / "whole")
        self._model = self._caller = None

    @property
    def primary(self):
        """Whether this is the form in which files and configurations are checked too."""
        return self.form == forms.primary(self.adapter.name)

    def load(self, folder=None, **options):
        """A model of its own, from a checkpoint's folder."""
        options = {**self.case.init, **options}
        return self.adapter.load(self.model_class, folder or self.whole, **options)

    @property
    def model(self):
        """The model that all evaluation probes share, as a user's would be."""
        if self._model is None:
            self._model, _ = self.load()
        return self._model

    @property
    def caller(self):
        """The shared model's call in this form."""
        if self._caller is None:
            self._caller = self.adapter.caller(self.model, self.form)
        return self._caller

    def fresh_caller(self):
        """The shared model's call, with nothing compiled yet."""
        return self.adapter.caller(self.model, self.form)

    def takes(self, probe):
        """Whether the call has all inputs of a probe; if not, a stated gap or a failure."""
        known = self.adapter.parameters_of_call(self.model_class)
        given = {n.split(".")[0] for call in probe.calls for n in (*call.inputs(), *call.kwargs)}
        if probe.kind == "generate":
            given = set(probe.calls[0].inputs())
        for name in sorted(given):
            why = gaps.reason(self.adapter.name, self.case.class_name, name)
            if name in known:
                if why:
                    self.report.add_flag(probe.name, name, False, "is no gap, as gaps.json says")
            elif why is None:
                self.report.add_flag(probe.name, name, False, "the call has no such input")
            elif why not in self.report.gaps:
                self.report.gaps.append(why)
        return given <= set(known)


class Grouping:
    """An adapter whose inputs called `name.key` are one mapping, as calls take them."""

    def __init__(self, adapter):
        self._adapter = adapter

    def __getattr__(self, name):
        return getattr(self._adapter, name)

    def inputs(self, arrays, dtype="float32"):
        """Tensors of a probe's inputs."""
        return mappings(self._adapter.inputs(arrays, dtype))


def run_case(adapter, folder, case_dir, form_name, model_class=None, stop=False):
    """The Report of a case. `model_class` replaces the generated class; `stop`: at a failure."""
    form = forms.form(adapter.name, form_name)
    case = cases.load(case_dir)
    if model_class is None:
        try:
            model_class = adapter.model_class(folder, case.class_name)
        except (ImportError, AttributeError) as error:
            return Report.broken("class", _short(error))
    with tempfile.TemporaryDirectory(prefix="parity-") as place:
        session = Session(Grouping(adapter), case, form, model_class, place)
        for name, step in _steps(session):
            try:
                step()
            except Exception as error:  # whatever it is, it is this probe's failure
                session.report.add_flag(name, "error", False, _short(error))
            if stop and session.report.failures:
                break
    _take_stated(session)
    return session.report


def _take_stated(session):
    """Turns failures of probes that gaps.json states into known gaps."""
    case, report = session.case, session.report
    here = session.adapter.name, session.form.name, case.class_name, case.name
    for probe, why in gaps.exceeded(*here).items():
        # of its outputs, of its gradients ("train gradient"), of buffers
        failed = [check for check in report.failures if _probe_of(check, case) == probe]
        if failed or probe in gaps.wavering(*here):
            report.checks = [check for check in report.checks if check not in failed]
            if why not in report.gaps:
                report.gaps.append(why)
        elif probe in case.probes:
            report.add_flag(probe, "gap", False, "is no gap, as gaps.json says")


def _probe_of(check, case):
    """The probe that a check is of; what `minimal_config` runs is the first one again."""
    name = check.probe.split()[0]
    again = name == "minimal_config" and check.name != "config"
    return next(iter(case.probes)) if again else name


def _steps(session):
    """(name, function) of all that the form covers; files and configurations come first."""
    if session.primary:
        yield "checkpoint", lambda: probes.checkpoint(session)
        yield "refusals", lambda: probes.refusals(session)
        if session.case.minimal_config:
            yield "minimal_config", lambda: probes.minimal_config(session)
    for probe in session.case.probes.values():
        for kind, run in probes.runs(probe):
            if kind in session.form.probes:
                yield probe.name, lambda run=run, probe=probe: run(session, probe)


def _short(error):
    """An exception in one line: its kind, its message, and where in our code it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/generated/" in f.filename or "/runtime/" in f.filename]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:SHORT]}{place}"
