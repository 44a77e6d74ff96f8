"""What the language offers beyond the published specs, run in three frameworks side by side."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from triptych import checkpoint
from triptych.errors import ConfigError
from triptych.generator.checking import check_spec
from triptych.generator.render import render_program
from triptych.generator.spec import load_spec

SPECS = Path(__file__).resolve().parents[1] / "specs"
LIBRARY = Path(__file__).resolve().parents[2] / "specs" / "library"
PREFIXES = {"pytorch": ("", ""), "tensorflow": ("tf_", "TF"), "flax": ("flax_", "Flax")}
FRAMEWORKS = list(PREFIXES)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The specs of these tests, generated as a package called `generated_in_tests`."""
    root = tmp_path_factory.mktemp("generated")
    package = root / "generated_in_tests"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in (
        "features",
        "summary",
        "two_towers",
        "ordering",
        "pyramid",
        "reading",
        "reassigned",
    ):
        program = check_spec(load_spec(SPECS / f"{name}.yaml", [LIBRARY]))
        for path, text in render_program(program, "generated_in_tests").items():
            (package / path).parent.mkdir(exist_ok=True)
            (package / path).write_text(text)
    sys.path.insert(0, str(root))
    yield "generated_in_tests"
    sys.path.remove(str(root))


def model_class(packages, folder, name, framework):
    infix, prefix = PREFIXES[framework]
    module = importlib.import_module(f"{packages}.{folder}.modeling_{infix}{folder}")
    return getattr(module, f"{prefix}{name}")


def configuration(packages, folder, name):
    module = importlib.import_module(f"{packages}.{folder}.configuration_{folder}")
    return getattr(module, name)


def arrays(framework, values):
    if framework != "pytorch":
        return values
    import torch

    return {name: torch.from_numpy(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def saved(packages, tmp_path_factory):
    """A checkpoint of Features, written by PyTorch."""
    import torch

    torch.manual_seed(0)
    config = configuration(packages, "features", "FeaturesConfig")()
    model = model_class(packages, "features", "FeaturesModel", "pytorch")(config)
    folder = tmp_path_factory.mktemp("features")
    model.save_pretrained(folder)
    return folder


NOISE = [np.full((2, length, 16), 0.1 * i, np.float32) for i, length in enumerate((5, 5, 4, 4))]
INPUTS = {
    "input_ids": np.arange(10).reshape(2, 5),
    "decoder_input_ids": np.arange(8).reshape(2, 4),
}


def run(packages, saved, framework):
    model = model_class(packages, "features", "FeaturesModel", framework).from_pretrained(saved)
    inputs = arrays(framework, INPUTS)
    return model(
        **inputs, draws={"noise": NOISE}, output_hidden_states=True, output_attentions=True
    )


def test_checkpoint_names_of_transforms(saved):
    """Three layers share a stored tensor, one is stored turned, one parameter is many tensors."""
    with checkpoint.open_checkpoint(saved) as file:
        prefix = "encoder.layers.0.attention."
        own = {name.removeprefix(prefix) for name in file.names if name.startswith(prefix)}
        assert own == {
            "qkv.weight", "qkv.bias", "out_proj.weight", "out_proj.bias",
            "experts.0.scale", "experts.1.scale", "experts.2.scale",
        }  # fmt: skip
        assert file.info(f"{prefix}qkv.weight").shape == (48, 16)
        assert "head.weight" not in file.names


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks_agree(packages, saved, framework):
    """Given draws, scoped taps and transforms of names: the same in every framework."""
    expected, found = run(packages, saved, "pytorch"), run(packages, saved, framework)
    assert [len(found[f"{side}_hidden_states"]) for side in ("encoder", "decoder")] == [3, 3]
    assert found["decoder_attentions"][0].shape == (2, 2, 4, 4)
    want = expected["logits"].detach().numpy()
    np.testing.assert_allclose(
        np.asarray(found["logits"] if framework != "pytorch" else want), want, atol=1e-5
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_saved_alike(packages, saved, framework, tmp_path):
    model = model_class(packages, "features", "FeaturesModel", framework).from_pretrained(saved)
    model.save_pretrained(tmp_path)
    original = (saved / "model.safetensors").read_bytes()
    assert (tmp_path / "model.safetensors").read_bytes() == original


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_towers(packages, framework):
    """Several configurations in one model, and a part of any architecture through `auto`."""
    judge = {"model_type": "bert", "vocab_size": 99, "hidden_size": 8, "num_hidden_layers": 1,
             "num_attention_heads": 2, "intermediate_size": 8}  # fmt: skip
    config = configuration(packages, "two_towers", "TwoTowersConfig")(judge_config=judge)
    model = model_class(packages, "two_towers", "TwoTowersModel", framework)(config)
    inputs = {
        "input_ids": np.arange(6).reshape(2, 3),
        "pixel_values": np.ones((2, 3, 16, 16), np.float32),
    }
    output = model(**arrays(framework, inputs), return_loss=True)
    assert output["logits_per_text"].shape == (2, 2)
    assert np.isfinite(float(output["loss"]))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_backbone(packages, framework):
    """Feature maps of any architecture's backbone, whose widths the parent reads."""
    swin = {"model_type": "swin", "image_size": 16, "patch_size": 2, "embed_dim": 4,
            "depths": [1, 1], "num_heads": [1, 2], "window_size": 2,
            "out_indices": [0, 2]}  # fmt: skip
    config = configuration(packages, "pyramid", "PyramidConfig")(backbone_config=swin)
    assert config.backbone_config.channels == [4, 8]
    assert "stage_channels" not in config.to_dict()["backbone_config"]
    model = model_class(packages, "pyramid", "PyramidModel", framework)(config)
    pixels = np.ones((1, 3, 16, 12), np.float32)
    maps = model(**arrays(framework, {"pixel_values": pixels}))["maps"]
    assert [tuple(map.shape) for map in maps] == [(1, 6, 8, 6), (1, 6, 4, 3)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_head_reads_the_layers_of_its_base(packages, framework, tmp_path):
    config = configuration(packages, "reading", "ReadingConfig")(read=[0, 2])
    head = model_class(packages, "reading", "ReadingForStates", framework)(config)
    x = arrays(framework, {"inputs_embeds": np.ones((2, 4, 8), np.float32)})
    output = head(**x, output_hidden_states=True)
    states = [np.asarray(to_numpy(state)) for state in output["hidden_states"]]
    assert len(states) == 4
    np.testing.assert_allclose(to_numpy(output["mean"]), (states[1] + states[3]) / 2, atol=1e-5)
    np.testing.assert_allclose(
        to_numpy(output["all"]), np.concatenate([states[1], states[3]], axis=-1), atol=1e-6
    )
    # the base: names of its own for what its layer emits; a tensor that is kept and not trained
    base = model_class(packages, "reading", "ReadingModel", framework)(config)
    output = base(**x, output_hidden_states=True)
    assert len(output["inner_hidden_states"]) == 4
    np.testing.assert_allclose(to_numpy(output["inner_hidden_states"][0]), 2.0)
    base.save_pretrained(tmp_path)
    with checkpoint.open_checkpoint(tmp_path) as file:
        assert file.info("scales.fixed").shape == (8,)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["output_attentions"] is False
    assert written["left_out"] == [] and written["nothing"] is None


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_base_that_is_called_in_one_branch(packages, framework):
    """Then what it emits is there in that branch alone; a null field that a call needs is named."""
    make = configuration(packages, "reading", "ReadingConfig")
    head = model_class(packages, "reading", "ReadingForSome", framework)(make(shift=3.0))
    x = arrays(framework, {"given": np.ones((2, 4, 8), np.float32)})
    output = head(**x, output_hidden_states=True, shifted=True)
    np.testing.assert_allclose(to_numpy(output["states"]), 4.0)
    assert output.inner_hidden_states is None
    output = head(**x, inputs_embeds=x["given"], output_hidden_states=True)
    np.testing.assert_allclose(to_numpy(output["inner_hidden_states"][0]), 2.0)
    head = model_class(packages, "reading", "ReadingForSome", framework)(make())
    with pytest.raises(ConfigError, match="^shift: this call needs the field"):
        head(**x, shifted=True)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_output_of_either_of_two_types(packages, framework):
    config = configuration(packages, "reading", "ReadingConfig")(read=[0, 2])
    head = model_class(packages, "reading", "ReadingForEach", framework)(config)
    x = arrays(framework, {"inputs_embeds": np.ones((2, 4, 8), np.float32)})
    whole, parts = head(**x)["states"], head(**x, apart=True)["states"]
    assert isinstance(parts, list)
    joined = np.concatenate([to_numpy(part) for part in parts], axis=-1)
    np.testing.assert_allclose(joined, to_numpy(whole), atol=1e-6)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_sizes_of_inputs_that_get_another_shape(packages, framework):
    make = configuration(packages, "reassigned", "ReassignedConfig")
    model = model_class(packages, "reassigned", "ReassignedModel", framework)(make())
    x = np.arange(40, dtype=np.float32).reshape(2, 5, 4)
    for twice in (True, False):
        output = model(**arrays(framework, {"x": x}), twice=twice)
        factor = 2 if twice else 1
        np.testing.assert_allclose(
            to_numpy(output["first"]), factor * x[:, 2:].sum(1) / 5, rtol=1e-6
        )
        np.testing.assert_allclose(to_numpy(output["second"]), factor * x[:, -1] / 5, rtol=1e-6)


def to_numpy(x):
    return np.asarray(x.detach() if hasattr(x, "detach") else x)
