"""Which stored tensors fill which tensors of a model."""

from __future__ import annotations

import numpy as np
import pytest
from triptych.checkpoint import (
    Slot,
    Split,
    Stack,
    WeightNorm,
    match,
    open_checkpoint,
    save_safetensors,
)
from triptych.errors import CheckpointError

BASE = {"embed.weight": (5, 2), "layer.0.weight": (2, 2), "layer.0.bias": (2,)}
HEAD = {"cls.weight": (3, 2)}


@pytest.fixture
def stored(tmp_path):
    """Writes a checkpoint of the given shapes or arrays, and opens it."""

    def write(tensors):
        path = tmp_path / "model.safetensors"
        random = np.random.default_rng(0)
        arrays = {
            name: value if isinstance(value, np.ndarray) else random.normal(size=value)
            for name, value in tensors.items()
        }
        save_safetensors(path, arrays)
        return open_checkpoint(path)

    return write


def slots(shapes, prefix=""):
    return [Slot(prefix + name, shape) for name, shape in shapes.items()]


def prefixed(shapes):
    return {f"bert.{name}": shape for name, shape in shapes.items()}


def test_everything_fits(stored):
    file = stored(prefixed(BASE) | HEAD)
    plan = match(slots(prefixed(BASE) | HEAD), file, base_prefix="bert")
    assert plan.report() == "" and not plan.unfilled
    for name in prefixed(BASE) | HEAD:
        assert np.array_equal(plan.load(name), file.read(name))


@pytest.mark.parametrize("model_has", [True, False])
@pytest.mark.parametrize("file_has", [True, False])
def test_the_base_prefix_may_differ(model_has, file_has, stored):
    file = stored((prefixed(BASE) if file_has else BASE) | HEAD)
    model = slots(prefixed(BASE) | HEAD if model_has else BASE)
    plan = match(model, file, base_prefix="bert")
    assert not plan.missing and not plan.unfilled
    assert plan.unexpected == ([] if model_has else ["cls.weight"])
    source = plan.sources["bert.embed.weight" if model_has else "embed.weight"]
    assert list(source.values()) == ["bert.embed.weight" if file_has else "embed.weight"]


def test_a_base_checkpoint_in_a_model_with_a_head(stored):
    plan = match(slots(prefixed(BASE) | HEAD), stored(BASE), base_prefix="bert")
    assert (plan.missing, plan.unexpected, plan.unfilled) == (["cls.weight"], [], ["cls.weight"])


def test_the_prefix_is_decided_once_for_the_file(stored):
    """A name that fits only under the other reading stays unexpected."""
    file = stored(
        prefixed({k: v for k, v in BASE.items() if "bias" not in k}) | {"layer.0.bias": (2,)}
    )
    plan = match(slots(prefixed(BASE)), file, base_prefix="bert")
    assert plan.missing == ["bert.layer.0.bias"] and plan.unexpected == ["layer.0.bias"]


def test_missing_unexpected_and_optional(stored):
    model = [*slots(BASE), Slot("layer.1.bias", (2,)), Slot("inv_freq", (4,), required=False)]
    plan = match(
        model, stored(BASE | {"extra": (1,), "position_ids": (1,)}), ignores=["position_ids$"]
    )
    assert (plan.missing, plan.unexpected) == (["layer.1.bias"], ["extra"])
    assert plan.unfilled == ["layer.1.bias", "inv_freq"]
    text = plan.report()
    assert "1 missing in the file, so newly initialised:\n  layer.1.bias" in text
    assert "1 in the file, but not used:\n  extra" in text
    assert text.startswith(str(plan.checkpoint.path))
    with pytest.warns(UserWarning, match="newly initialised"):
        plan.warn()


def test_long_reports_are_cut(stored):
    model = slots(BASE | {f"new.{i}": (1,) for i in range(25)})
    lines = match(model, stored(BASE)).report().splitlines()
    assert len(lines) == 23 and lines[-1] == "  ... and 5 more"


def test_other_shapes_are_refused(stored):
    file = stored(BASE | {"embed.weight": (6, 2)})
    message = r"shapes differ: embed.weight: expected \[5, 2\], found \[6, 2\]. Pass ignore_mis"
    with pytest.raises(CheckpointError, match=message):
        match(slots(BASE), file)
    with pytest.raises(CheckpointError, match="shapes differ"):
        match(slots({"embed.weight": (9, 9)}), file)
    plan = match(slots(BASE), file, ignore_mismatched_sizes=True)
    assert plan.unfilled == ["embed.weight"] and not plan.missing and not plan.unexpected
    assert "of another shape, so newly initialised" in plan.report()


@pytest.mark.parametrize("names", [{}, {"other": (1,)}])
def test_a_checkpoint_of_something_else(names, stored):
    with pytest.raises(CheckpointError, match="holds nothing that fits this model"):
        match(slots(BASE), stored(names))


def test_old_names(stored):
    file = stored({"norm.gamma": (2,), "norm.beta": (2,), "scale.gamma": (2,)})
    model = slots({"norm.weight": (2,), "norm.bias": (2,), "scale.gamma": (2,)})
    renames = [(r"gamma$", "weight"), (r"beta$", "bias"), (r"norm\.", "never.")]
    plan = match(model, file, renames=renames)
    assert plan.report() == ""
    assert plan.sources["norm.weight"] == {"norm.weight": "norm.gamma"}
    assert plan.sources["scale.gamma"] == {"scale.gamma": "scale.gamma"}


def test_a_current_name_comes_before_an_old_one(stored):
    file = stored({"gamma": (2,), "weight": (2,)})
    plan = match(slots({"weight": (2,)}), file, renames=[("gamma", "weight")])
    assert plan.sources["weight"] == {"weight": "weight"} and plan.unexpected == ["gamma"]


def test_transformed_slots(stored):
    file = stored({"qkv.weight": (6, 4), "e.0.w": (2,), "e.1.w": (2,)})
    model = [Slot(n, (2, 4), Split("qkv.weight", 3, i)) for i, n in enumerate("qkv")]
    model += [Slot("experts", (2, 2), Stack("e.{}.w", 2))]
    plan = match(model, file)
    assert plan.report() == ""
    assert np.array_equal(plan.load("k"), file.read("qkv.weight")[2:4])
    assert np.array_equal(plan.load("experts")[1], file.read("e.1.w"))


def test_missing_parts_are_reported_once_and_by_their_stored_names(stored):
    file = stored({"e.0.w": (2,), "x": (1,)})
    model = [Slot(n, (2, 4), Split("qkv.weight", 3, i)) for i, n in enumerate("qkv")]
    model += [Slot("experts", (2, 2), Stack("e.{}.w", 2)), Slot("x", (1,))]
    plan = match(model, file)
    assert plan.missing == ["qkv.weight", "e.1.w"] and not plan.unexpected
    assert plan.unfilled == ["q", "k", "v", "experts"]


def test_mismatched_parts_are_reported_once(stored):
    file = stored({"qkv.weight": (9, 4), "x": (1,)})
    model = [Slot(n, (2, 4), Split("qkv.weight", 3, i)) for i, n in enumerate("qkv")]
    plan = match([*model, Slot("x", (1,))], file, ignore_mismatched_sizes=True)
    assert [str(item) for item in plan.mismatched] == ["qkv.weight: expected [6, 4], found [9, 4]"]


@pytest.mark.parametrize("names", [WeightNorm.OLD, WeightNorm.NEW])
@pytest.mark.parametrize("prefix", ["", "base."])
def test_both_names_of_weight_norm(names, prefix, stored):
    g, v = (f"{prefix}conv.{name}" for name in names)
    file = stored({g: (3, 1), v: (3, 2)})
    transform = WeightNorm("base.conv.weight_g", "base.conv.weight_v")
    model = [Slot("base.conv.weight", (3, 2), transform)]
    plan = match(model, file, base_prefix="base")
    assert plan.report() == "" and plan.load("base.conv.weight").shape == (3, 2)


TIED = [Slot("embed", (3, 2)), Slot("head", (3, 2), tied_to="embed"), Slot("x", (1,))]


@pytest.mark.parametrize("names", [["embed"], ["embed", "head"], ["head"]])
def test_tied_tensors_stored_once_or_twice(names, stored):
    table = np.arange(6.0).reshape(3, 2)
    table[0, 0] = np.nan
    file = stored(dict.fromkeys(names, table) | {"x": (1,)})
    plan = match(TIED, file)
    assert plan.report() == "" and not plan.unfilled
    assert np.array_equal(plan.load("embed"), table, equal_nan=True)
    assert list(plan.sources) == ["embed", "x"]


def test_tied_tensors_that_differ_are_reported(stored):
    plan = match(TIED, stored({"embed": (3, 2), "head": (3, 2), "x": (1,)}))
    assert plan.tied_differs == ["head"] and not plan.unexpected
    assert "1 tied, but different in the file; the shared tensor is used:\n  head" in plan.report()
    assert match(TIED, stored({"embed": (3, 2), "head": (4, 2), "x": (1,)})).tied_differs == [
        "head"
    ]


def test_a_missing_shared_tensor_is_missing_once(stored):
    plan = match(TIED, stored({"x": (1,)}))
    assert plan.missing == plan.unfilled == ["embed"]
