"""What the default suite runs: first what is not proven, then a sample of what is."""

from parity import forms, selection


def _suppose(monkeypatch, measured, fresh):
    """Makes evidence say so."""
    for name, tasks in {"measured_tasks": measured, "fresh_tasks": fresh}.items():
        of = lambda folder, now, tasks=tasks: {t for t in tasks if t.folder == folder}  # noqa: E731
        monkeypatch.setattr(selection, name, of)


def test_the_suite_takes_a_sample_of_what_is_proven(monkeypatch):
    every = selection.tasks("flax", all_cases=True, all_forms=True)
    _suppose(monkeypatch, measured=every, fresh=every)
    drawn, primary = selection.suite("flax"), forms.primary("flax").name
    counts = [sum((t.form == primary) is main for t in drawn) for main in (True, False)]
    assert counts == [selection.SAMPLE, selection.SAMPLE_OF_OTHERS]
    assert drawn == selection.suite("flax")
    assert drawn == [task for task in selection.tasks("flax") if task in set(drawn)]


def test_what_is_not_proven_comes_first(monkeypatch):
    every = selection.tasks("flax", all_cases=True, all_forms=True)
    stale = {task for task in every if task.folder == "bert"}
    fresh = set(every) - stale
    _suppose(monkeypatch, measured=every, fresh=fresh)
    first = {t for t in stale if t.form == forms.primary("flax").name}
    assert 0 < len(first) < selection.SAMPLE
    assert first <= set(selection.suite("flax"))


def test_what_was_never_measured_is_left_to_verify(monkeypatch):
    every = selection.tasks("flax", all_cases=True, all_forms=True)
    measured = [task for task in every if task.folder != "bert"]
    _suppose(monkeypatch, measured=measured, fresh=())
    assert not [task for task in selection.suite("flax") if task.folder == "bert"]


def test_what_is_asked_for_is_run_whole():
    for asked in ({"folders": ["bert"]}, {"all_cases": True}):
        assert selection.suite("flax", **asked) == selection.tasks("flax", **asked)
