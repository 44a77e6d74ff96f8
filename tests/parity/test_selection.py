"""What the default suite runs: first what is not proven, then a sample of what is."""

from parity import forms, selection


def test_the_suite_takes_a_sample_of_what_is_proven(monkeypatch):
    every = selection.tasks("flax", all_cases=True, all_forms=True)
    monkeypatch.setattr(
        selection, "fresh_tasks", lambda folder, now: {t for t in every if t.folder == folder}
    )
    drawn, primary = selection.suite("flax"), forms.primary("flax").name
    counts = [sum((t.form == primary) is main for t in drawn) for main in (True, False)]
    assert counts == [selection.SAMPLE, selection.SAMPLE_OF_OTHERS]
    assert drawn == selection.suite("flax")
    assert drawn == [task for task in selection.tasks("flax") if task in set(drawn)]


def test_what_is_not_proven_comes_first(monkeypatch):
    every = selection.tasks("flax", all_cases=True, all_forms=True)
    stale = {task for task in every if task.folder == "bert"}
    fresh = set(every) - stale
    monkeypatch.setattr(
        selection, "fresh_tasks", lambda folder, now: {t for t in fresh if t.folder == folder}
    )
    first = {t for t in stale if t.form == forms.primary("flax").name}
    assert 0 < len(first) < selection.SAMPLE
    assert first <= set(selection.suite("flax"))


def test_what_is_asked_for_is_run_whole():
    for asked in ({"folders": ["bert"]}, {"all_cases": True}):
        assert selection.suite("flax", **asked) == selection.tasks("flax", **asked)
