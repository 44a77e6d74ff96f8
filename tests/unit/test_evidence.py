"""A snapshot of the evidence: right, and quick however often it is asked."""

import json

import pytest
from triptych.generator import dependencies, evidence

FRAMEWORK = "pytorch"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository in small: a generated model that imports from a runtime, and two cases."""
    harness = ["probes", "generation", "forms", "adapters/base", f"adapters/{FRAMEWORK}"]
    files = [f"tests/parity/{name}.py" for name in harness]
    files += [f"tests/references/{name}.py" for name in ("case", "compare", "fill")]
    texts = dict.fromkeys(files, "")
    texts["generated/toy/modeling_toy.py"] = "from triptych.shared import x"
    texts["runtime/shared.py"] = "x = 1"
    for case in ("default", "second"):
        texts |= {
            f"tests/references/toy/ToyModel/{case}/{n}.json": "{}" for n in ("case", "config")
        }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    monkeypatch.setattr(evidence, "REFERENCES", tmp_path / "tests/references")
    monkeypatch.setattr(evidence, "HARNESS", tmp_path / "tests/parity")
    folders = {"": tmp_path / "runtime", "models": tmp_path / "generated"}
    monkeypatch.setattr(evidence, "FOLDERS", folders)
    evidence._cases.cache_clear()
    yield tmp_path
    evidence._cases.cache_clear()


def record_all():
    entries = [
        {
            "class": "ToyModel",
            "framework": FRAMEWORK,
            "form": "eager",
            "case": case,
            "key": evidence.evidence_key("toy", FRAMEWORK, evidence.case_folder("ToyModel", case)),
            "passed": True,
            "error": 0.0,
            "tolerance": 1e-5,
        }
        for case in ("default", "second")
    ]
    evidence.record("toy", entries)


def state(now):
    return now.status("toy", "ToyModel", FRAMEWORK), [e["case"] for e in now.fresh("toy")]


def test_a_snapshot_holds_for_one_moment(tree):
    record_all()
    before = evidence.Snapshot()
    assert state(before) == ("proven", ["default", "second"])
    (tree / "tests/references/toy/ToyModel/second/case.json").write_text("{ }")
    assert state(before) == ("proven", ["default", "second"])
    assert state(evidence.Snapshot()) == ("not yet", ["default"])
    assert evidence.status("toy", "ToyModel", FRAMEWORK) == "not yet"
    (tree / "runtime/shared.py").write_text("x = 2")
    assert state(evidence.Snapshot()) == ("not yet", [])
    record_all()
    assert state(evidence.Snapshot()) == ("proven", ["default", "second"])


def test_every_file_is_looked_at_once(tree, monkeypatch):
    record_all()
    looked_at, loaded = [], []
    stamp, read = dependencies.stamp, json.loads
    monkeypatch.setattr(dependencies, "stamp", lambda path: looked_at.append(path) or stamp(path))
    monkeypatch.setattr(json, "loads", lambda text: loaded.append(text) or read(text))
    now = evidence.Snapshot()
    state(now)
    first = len(looked_at), len(loaded)
    assert len(set(looked_at)) == len(looked_at) == 10
    assert first[1] == 3  # the evidence, two configurations
    for _ in range(3):
        assert state(now)[0] == "proven"
    assert (len(looked_at), len(loaded)) == first
