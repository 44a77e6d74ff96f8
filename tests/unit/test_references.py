"""The case format: counter hash, checkpoint rebuilding, comparison."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from references import case, compare, fill, safetensors_file  # noqa: E402

CASES = case.find()
CLASSES = sorted({folder.parent for folder in CASES})


def test_hash_golden_vector():
    words = fill.draws(7, "bert.pooler.dense.bias", 3)
    assert [int(w) for w in words] == [0x336FC91520FEFFAB, 0x96FEAEBFDE7987FD, 0x0EAE97221C78C8F1]
    values = fill.values(7, "bert.pooler.dense.bias", (3,), ["normal", 0.0, 1.0])
    golden = ["0x1.9461360000000p-3", "0x1.2a45760000000p+0", "-0x1.9480640000000p-1"]
    assert [float(v).hex() for v in values.astype(np.float32)] == golden
    assert fill.fnv1a64("") == 0xCBF29CE484222325
    assert fill.fnv1a64("a") == 0xAF63DC4C8601EC8C


def test_hash_is_independent_of_length_and_separates_names_and_seeds():
    assert np.array_equal(fill.draws(1, "x", 5), fill.draws(1, "x", 500)[:5])
    streams = [tuple(fill.draws(s, n, 4)) for s in (0, 1, 2) for n in ("x", "y")]
    assert len(set(streams)) == len(streams)


def test_fill_kinds():
    normal = fill.values(0, "n", (400, 500), ["normal", 1.0, 0.5])
    assert abs(normal.mean() - 1.0) < 0.01
    assert abs(normal.std() - 0.5) < 0.01
    uniform = fill.values(0, "u", (100000,), ["uniform", -2.0, 3.0])
    assert uniform.min() >= -2.0
    assert uniform.max() < 3.0
    assert abs(uniform.mean() - 0.5) < 0.02
    assert fill.values(0, "p", (1000,), ["positive", 0.5, 0.5]).min() >= 0.5
    assert np.all(fill.values(0, "c", (2, 3), ["constant", 4.0]) == 4.0)
    assert fill.values(0, "s", (), ["normal", 0.0, 1.0]).shape == ()
    with pytest.raises(ValueError, match="unknown fill kind"):
        fill.values(0, "x", (1,), ["nonsense"])
    whole = fill.integers(0, "i", (1000,), 5, 9)
    assert set(whole.tolist()) == {5, 6, 7, 8}


def test_projections_are_linear_and_keep_the_norm():
    x = fill.values(0, "x", (30, 40), ["normal", 0.0, 1.0])
    assert np.allclose(fill.project(3 * x), 3 * fill.project(x))
    table = fill.signs(5000)
    assert np.abs(table.T @ table / 5000 - np.eye(8)).max() < 0.06
    assert fill.project(np.zeros((0, 3))).tolist() == [0.0] * 8


def test_error_definition():
    reference = np.array([3.0, -4.0, 0.0, 5.0])
    level = math.sqrt(50 / 4)
    assert compare.error(reference, reference) == 0.0
    assert compare.error(reference + [0, 0, 0.1, 0], reference) == pytest.approx(0.1 / level)
    assert compare.error(reference[:3], reference) == math.inf
    assert compare.error(np.array([3.0, np.nan, 0.0, 5.0]), reference) == math.inf
    both = np.array([np.nan, 1.0])
    assert compare.error(both, both) == math.inf
    huge = np.array([1.0, -3.4e38, np.inf, 2.0])
    assert compare.error(huge, huge) == 0.0
    for index, wrong in ((1, 3.4e38), (1, -3.3e38), (2, -np.inf), (2, 1e30), (1, -np.inf)):
        other = huge.copy()
        other[index] = wrong
        assert compare.error(other, huge) == math.inf
    assert compare.error(np.array([1.0, -3.4e38, np.inf, 2.1]), huge) < 0.1
    assert compare.error(np.array([1, 2]), np.array([1, 2])) == 0.0
    assert compare.error(np.array([1, 2], np.int32), np.array([1, 2])) == 0.0
    assert compare.error(np.array([1, 3]), np.array([1, 2])) == math.inf
    assert compare.error(np.array([1.0, 2.0]), np.array([1, 2])) == math.inf
    assert compare.error(np.zeros(3), np.zeros(3)) == 0.0


def test_tolerance():
    assert compare.tolerance(1e-7) == 1e-5
    assert compare.tolerance(1e-4) == pytest.approx(4e-4)


@pytest.mark.parametrize("with_huge", [False, True])
def test_digest_sees_what_goes_wrong(with_huge):
    x = fill.values(0, "x", (20, 30), ["normal", 0.0, 2.0])
    if with_huge:
        x[3, 4], x[5, 6] = -1e30, np.inf
    huge = np.flatnonzero(compare.huge_mask(x))
    expected = compare.digest(x).astype(np.float32)

    def error(array, shape=(20, 30)):
        return compare.digest_error(array, shape, expected, huge, x.reshape(-1)[huge])

    assert error(x) < 1e-6
    assert error(x * 1.001) > 1e-4
    assert error(x[::-1]) > 0.1
    assert error(x.reshape(30, 20)) == math.inf
    for value in (np.nan, np.inf, 1e20):
        broken = x.copy()
        broken[0, 0] = value
        assert not error(broken) < 1.0
    moved = x.copy()
    moved[10, 10] += 0.01
    assert error(moved) > 1e-4


def test_gradient_errors():
    norms, views = np.array([1.0, 1e-6]), np.zeros((2, 8))
    assert compare.gradient_errors(norms, views, norms, views).max() == 0.0
    off = compare.gradient_errors(np.array([1.01, 2e-6]), views, norms, views)
    assert off == pytest.approx([0.01, 0.01])
    broken = np.array([np.nan, 1e-6])
    assert compare.gradient_errors(broken, views, norms, views)[0] == math.inf


def test_distributions_are_told_apart():
    size = 20000

    def numbers(name, kind, *rule, seed=0):
        return compare.distribution(fill.values(seed, name, (size,), [kind, *rule]))

    def worst(ours, theirs):
        return max(compare.distribution_errors(ours, theirs, size).values())

    normal = numbers("x", "normal", 0.0, 0.02)
    for seed in range(50):
        other = numbers("y", "normal", 0.0, 0.02, seed=seed)
        assert worst(other, normal) < compare.DEVIATIONS
        flat = [numbers(n, "uniform", -1.0, 3.0, seed=seed) for n in ("y", "z")]
        assert worst(*flat) < compare.DEVIATIONS
    width = 0.02 * math.sqrt(3)
    for rule in (
        ["normal", 0.0, 0.022],
        ["normal", 0.002, 0.02],
        ["uniform", -width, width],
        ["constant", 0.0],
    ):
        assert worst(numbers("y", *rule), normal) > compare.DEVIATIONS
        assert worst(normal, numbers("y", *rule)) > compare.DEVIATIONS
    assert worst([0.0], [0.0]) == 0.0
    assert worst([0.0], [1.0]) == math.inf


def test_padding_rows_stand_by_themselves():
    table = np.ones((3, 4))
    table[2] = 0
    assert case.fresh_values({"t": table, "u": table[:2]}, {"t": 2}) == {
        "t[2]": [4, 0.0],
        "t": [8, 1.0],
        "u": [8, 1.0],
    }


def test_safetensors_layout():
    tensors = {
        "b": ("F32", np.arange(6, dtype=np.float32).reshape(2, 3)),
        "a": ("F32", np.array(1, dtype=np.float32)),
        "flag": ("BOOL", np.array([True, False])),
        "half": ("BF16", safetensors_file.to_dtype(np.array([1.0, 1.00390625, -2.0]), "BF16")),
        "long": ("I64", np.array([7], dtype=np.int64)),
    }
    data = safetensors_file.serialize(tensors, {"format": "pt"})
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    assert list(header) == ["__metadata__", "long", "a", "b", "half", "flag"]
    assert header["half"]["data_offsets"] == [36, 42]
    assert tensors["half"][1].tolist() == [0x3F80, 0x3F80, 0xC000]  # a half rounds to even
    library = pytest.importorskip("safetensors.numpy")
    plain = {name: array for name, (dtype, array) in tensors.items() if dtype != "BF16"}
    ours = {name: pair for name, pair in tensors.items() if pair[0] != "BF16"}
    assert safetensors_file.serialize(ours, {"format": "pt"}) == library.save(
        plain, {"format": "pt"}
    )


def test_flatten():
    nested = {"logits": 1, "hidden_states": (2, 3), "none": None, "past": [{"key": 4}]}
    flat = {"logits": 1, "hidden_states.0": 2, "hidden_states.1": 3, "past.0.key": 4}
    assert case.flatten(nested) == flat


def test_every_class_has_its_cases():
    for folder in CLASSES:
        loaded = [case.load(f) for f in CASES if f.parent == folder]
        assert len(loaded) >= 2, folder
        assert any(c.minimal_config for c in loaded), folder
        assert any(p.gradients for c in loaded for p in c.probes.values()), folder
        assert any(p.mode == "train" for c in loaded for p in c.probes.values()), folder
        assert any(p.kind == "fresh" for c in loaded for p in c.probes.values()), folder


def test_what_is_wrong_with_first_values_is_found():
    loaded = case.load("swin/SwinModel/default")
    probe = loaded.probes["fresh"]
    wanted, rates = probe.data["values"], probe.data["rates"]
    zeros = {name: np.zeros(size) for name, size, *_ in wanted}
    wrong = {result.name for result in probe.check_fresh(zeros, rates) if not result.ok}
    assert wrong == {name for name, _, *numbers in wanted if numbers != [0.0]}
    others = {kind: [0.5, *numbers] for kind, numbers in rates.items()}
    wrong = {result.name for result in probe.check_fresh({"x": np.zeros(1)}, others)}
    assert wrong == {name for name, *_ in wanted} | set(rates) | {"x"}
    assert not any(result.ok for result in probe.check_fresh({"x": np.zeros(1)}, others))


@pytest.mark.parametrize("folder", CASES, ids=lambda f: "/".join(f.parts[-3:]))
def test_recorded_case(folder, tmp_path):
    loaded = case.load(folder)
    loaded.write_checkpoint(tmp_path / "whole")
    loaded.write_checkpoint(tmp_path / "minimal", minimal=True)
    written = json.loads((tmp_path / "minimal" / "config.json").read_text())
    assert written == loaded.minimal()
    assert written["model_type"] == loaded.config["model_type"]
    assert (tmp_path / "whole/model.safetensors").stat().st_size == loaded._weights["size"]
    for probe in loaded.probes.values():
        for call in probe.calls:
            assert call.inputs()
            assert call.expected
            for wanted in call.expected.values():
                assert np.isfinite(wanted.values).all()
                assert wanted.tolerance <= 1e-3
                if wanted.form != "digest":
                    assert wanted.error(wanted.values) == 0.0
        if probe.gradients:
            of = probe.gradients.of
            assert set(probe.objective_weights()) == set(() if of == "loss" else of)
        if probe.kind == "generate":
            assert probe.margin >= 1e-3


def test_missing_and_extra_outputs_fail():
    call = case.load(CASES[0]).probes[next(iter(case.load(CASES[0]).probes))].calls[0]
    assert not any(result.ok for result in call.check({}))
    assert [r.name for r in call.check({"strange": np.zeros(1)}) if "not in" in r.note]


def test_damage_is_noticed(tmp_path):
    source = CASES[0]
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = json.loads((tmp_path / "weights.json").read_text())
    weights["seed"] += 1
    (tmp_path / "weights.json").write_text(json.dumps(weights))
    with pytest.raises(case.CaseError, match="not the one"):
        case.Case(tmp_path).write_checkpoint(tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_the_product_side_needs_numpy_alone():
    code = (
        "import sys; from references import case; "
        "print(sorted(set(sys.modules) & {'torch','jax','tensorflow','transformers','yaml'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bert"], "TRIPTYCH_REFERENCE_PYTHON"),
        (["bert", "--python", "/no/such/python"], "cannot run"),
        (["bert", "--python", sys.executable, "--all"], "need --out"),
    ],
)
def test_record_explains_what_is_missing(arguments, message):
    environment = {k: v for k, v in os.environ.items() if k != "TRIPTYCH_REFERENCE_PYTHON"}
    run = subprocess.run(
        [sys.executable, str(TESTS / "references/record.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert message in run.stderr
