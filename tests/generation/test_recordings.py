"""The recordings themselves: every class that generates has one, and it shows something."""

import json

import pytest
from references import case as cases
from references import generation

EVERY = ("greedy", "greedy_plain", "beams", "single")  # which no class is without
LARGEST = 40_000  # bytes of a file


def generating():
    """(model type, class) of all cases with a generate probe."""
    found = set()
    for folder in cases.find():
        text = (folder / "case.json").read_text(encoding="utf-8")
        if any(probe["kind"] == "generate" for probe in json.loads(text)["probes"]):
            found.add(folder.parts[-3:-1])
    return sorted(found)


@pytest.mark.parametrize("model_type, class_name", generating(), ids="/".join)
def test_every_class_that_generates_is_recorded(model_type, class_name):
    recordings = generation.load(model_type, class_name)
    for recording in recordings:
        found = {call.name: call for call in recording.calls}
        assert all(not found[name].refused for name in EVERY)
        refused = [call.refused for call in recording.calls if call.refused]
        assert not any("UnsettledError" in reason for reason in refused)
    file = generation.ROOT / model_type / f"{class_name}.json"
    assert file.stat().st_size < LARGEST


def test_no_recording_is_left_over():
    others = {("xlnet", "XLNetLMHeadModel")}  # its cases have no such probe
    assert set(generation.find()) == set(generating()) | others


def test_a_recorded_call_accepts_its_own_answer_alone():
    recording = generation.load("gpt2", "GPT2LMHeadModel")[0]
    call = next(call for call in recording.calls if call.name == "greedy")
    assert all(result.ok for result in call.check({"sequences": call.sequences}))
    other = call.sequences.copy()
    other[0, -1] += 1
    assert not any(result.ok for result in call.check({"sequences": other}))
    assert not any(result.ok for result in call.check({"sequences": call.sequences[:, :-1]}))
