"""Evidence files: keys that notice every change, deterministic text, what a class's status is."""

import json

import pytest
from triptych.generator import evidence


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository in small: one generated model, its runtime, one recorded case."""
    files = {
        "generated/toy/configuration_toy.py": "from triptych.configuration import Base",
        "generated/toy/modeling_toy.py": "from triptych.pytorch import layer\n"
        "from .configuration_toy import ToyConfig",
        "generated/toy/modeling_flax_toy.py": "import triptych.flax",
        "generated/other/modeling_other.py": "",
        "runtime/configuration.py": "",
        "runtime/unused.py": "",
        "runtime/pytorch/__init__.py": "from .layers import layer",
        "runtime/pytorch/layers.py": "def layer():\n    from ..shared import x",
        "runtime/flax/__init__.py": "",
        "runtime/shared.py": "x = 1",
        "tests/references/toy/ToyModel/default/case.json": "{}",
        "tests/references/toy/ToyModel/default/config.json": '{"part": {"model_type": "other"}}',
    }
    references = [f"tests/references/{name}.py" for name in ("case", "compare", "fill")]
    harness = ["probes", "generation", "forms", "adapters/base"]
    harness += [f"adapters/{name}" for name in evidence.INFIX]
    for name in references + [f"tests/parity/{name}.py" for name in harness]:
        files[name] = ""
    for name, text in files.items():
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


def key(tree, framework="pytorch"):
    return evidence.evidence_key("toy", framework, tree / "tests/references/toy/ToyModel/default")


def entry(tree, **changes):
    return {
        "class": "ToyModel",
        "framework": "pytorch",
        "form": "eager",
        "case": "default",
        "key": key(tree),
        "passed": True,
        "error": 1.23456e-7,
        "tolerance": 1e-5,
        **changes,
    }


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("generated/toy/modeling_toy.py", {"pytorch"}),
        ("generated/toy/modeling_flax_toy.py", {"flax"}),
        ("generated/toy/configuration_toy.py", {"pytorch", "flax"}),
        ("generated/other/modeling_other.py", {"pytorch"}),
        ("runtime/pytorch/layers.py", {"pytorch"}),
        ("runtime/shared.py", {"pytorch"}),
        ("runtime/configuration.py", {"pytorch", "flax"}),
        ("runtime/unused.py", set()),
        ("tests/references/toy/ToyModel/default/case.json", {"pytorch", "flax"}),
        ("tests/references/compare.py", {"pytorch", "flax"}),
        ("tests/parity/probes.py", {"pytorch", "flax"}),
        ("tests/parity/adapters/flax.py", {"flax"}),
    ],
)
def test_the_key_notices_what_matters(tree, name, changes):
    before = {framework: key(tree, framework) for framework in ("pytorch", "flax")}
    assert before == {framework: key(tree, framework) for framework in before}
    path = tree / name
    path.write_text(path.read_text() + ("\nprint(1)\n" if path.suffix == ".py" else "\n"))
    assert {f for f in before if key(tree, f) != before[f]} == changes


def test_files_are_deterministic(tree):
    two = [entry(tree, form="compile"), entry(tree)]
    evidence.record("toy", two)
    first = evidence.path_of("toy").read_bytes()
    evidence.record("toy", two[::-1])
    assert evidence.path_of("toy").read_bytes() == first
    rows = json.loads(first)["entries"]
    assert [row["form"] for row in rows] == ["compile", "eager"]
    assert rows[0]["error"] == 1.2e-7
    evidence.record("toy", [entry(tree, error=float("inf"), passed=False)])
    assert evidence.load("toy")[1]["error"] is None


def test_classes_that_are_gone_are_dropped(tree):
    evidence.record("toy", [entry(tree), entry(tree, case="gone")])
    assert [row["case"] for row in evidence.load("toy")] == ["default"]


def test_status(tree):
    def status():
        return evidence.status("toy", "ToyModel", "pytorch")

    assert status() == "not yet"
    evidence.record("toy", [entry(tree)])
    assert status() == "proven"
    assert evidence.status("toy", "ToyModel", "flax") == "not yet"
    assert evidence.status("toy", "ToyOther", "pytorch") == "not yet"
    evidence.record("toy", [entry(tree, reason="no input x")])
    assert status() == "known gap: no input x"
    evidence.record("toy", [entry(tree), entry(tree, form="compile", passed=False)])
    assert status() == "not yet"
    evidence.record("toy", [entry(tree, form="compile")])
    assert status() == "proven"
    (tree / "runtime/shared.py").write_text("x = 2")
    assert status() == "not yet"
    evidence.record("toy", [entry(tree)])
    assert status() == "proven"
    second = tree / "tests/references/toy/ToyModel/second"
    second.mkdir()
    (second / "case.json").write_text("{}")
    evidence._cases.cache_clear()
    assert status() == "not yet"


def test_a_file_of_another_format_speaks_for_nothing(tree):
    path = evidence.path_of("toy")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 0, "entries": [entry(tree)]}))
    assert evidence.load("toy") == []
