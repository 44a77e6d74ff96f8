"""Known gaps are stated in data, and only those that there are."""

from fnmatch import fnmatchcase

import pytest
from references import case as cases

from parity import gaps


def test_every_stated_gap_is_met_by_a_recorded_probe():
    recorded = {
        (loaded.class_name, name)
        for loaded in map(cases.load, cases.find() if gaps.stated() else ())
        for probe in loaded.probes.values()
        for call in probe.calls
        for name in (*call.inputs(), *call.kwargs)
    }
    for row in gaps.stated():
        assert row["reason"]
        if "probe" in row:
            (place,) = cases.find(class_name=row["class"], name=row["case"])
            assert row["probe"] in cases.load(place).probes
            continue
        met = [c for c, name in recorded if fnmatchcase(c, row["class"]) and name == row["input"]]
        assert met, row


@pytest.mark.parametrize(("error", "left"), [(1.0, []), (0.0, ["gap"])])
def test_a_stated_excess_is_no_failure_but_nothing_else(error, left, monkeypatch):
    from types import SimpleNamespace

    from references.case import Result

    from parity.harness import _take_stated
    from parity.report import Report

    row = {"class": "Toy", "case": "one", "probe": "bf16", "reason": "why", "frameworks": ["flax"]}
    monkeypatch.setattr(gaps, "stated", lambda: [row])
    report = Report()
    report.add("bf16", [Result("logits", error, 0.5)])
    report.add("main", [Result("logits", 1.0, 0.5)])
    case = SimpleNamespace(class_name="Toy", name="one", probes=["bf16", "main"])
    session = SimpleNamespace(case=case, report=report, form=SimpleNamespace(name="jit"))
    session.adapter = SimpleNamespace(name="flax")
    _take_stated(session)
    assert report.gaps == (["why"] if error else [])
    failed = [(check.probe, check.name) for check in report.failures]
    assert failed == [("main", "logits"), *(("bf16", name) for name in left)]
    assert gaps.exceeded("pytorch", "jit", "Toy", "one") == {}
    assert gaps.exceeded("flax", "eager", "Toy", "one") == {"bf16": "why"}
    assert gaps.wavering("flax", "eager", "Toy", "one") == set()
    monkeypatch.setattr(gaps, "stated", lambda: [{**row, "wavers": True}])
    assert gaps.wavering("flax", "eager", "Toy", "one") == {"bf16"}


def test_reasons(monkeypatch):
    rows = [{"class": "Bert*", "input": "x", "reason": "why", "frameworks": ["flax"]}]
    monkeypatch.setattr(gaps, "stated", lambda: rows)
    assert gaps.reason("flax", "BertModel", "x") == "why"
    assert gaps.reason("flax", "BertModel", "y") is None
    assert gaps.reason("pytorch", "BertModel", "x") is None
    assert gaps.reason("flax", "LlamaModel", "x") is None


@pytest.mark.parametrize("declared", [True, False])
def test_a_missing_input_fails_unless_it_is_stated(declared, monkeypatch):
    from types import SimpleNamespace

    from parity.harness import Session
    from parity.report import Report

    rows = [{"class": "Toy", "input": "x", "reason": "why"}] if declared else []
    monkeypatch.setattr(gaps, "stated", lambda: rows)
    session = Session.__new__(Session)
    session.report, session.model_class = Report(), None
    session.adapter = SimpleNamespace(name="flax", parameters_of_call=lambda c: ["ids"])
    session.case = SimpleNamespace(class_name="Toy")
    call = SimpleNamespace(inputs=lambda: {"ids": 0, "x": 0}, kwargs={})
    assert not session.takes(SimpleNamespace(name="p", kind="call", calls=[call]))
    assert session.report.gaps == (["why"] if declared else [])
    assert bool(session.report.failures) is not declared
    known = SimpleNamespace(inputs=lambda: {"ids": 0}, kwargs={})
    assert session.takes(SimpleNamespace(name="p", kind="call", calls=[known]))
