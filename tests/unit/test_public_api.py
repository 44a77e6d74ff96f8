"""What `import triptych` gives, what it costs, and what works on models of any framework."""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import triptych

HEAVY = ("torch", "tensorflow", "keras", "jax", "flax", "numpy", "tokenizers", "huggingface_hub")
FRAMEWORKS = ("pytorch", "tensorflow", "flax")
TASKS = (
    "PreTraining",
    "MaskedLM",
    "CausalLM",
    "NextSentencePrediction",
    "SequenceClassification",
    "TokenClassification",
    "QuestionAnswering",
    "MultipleChoice",
    "ImageClassification",
    "MaskedImageModeling",
)
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


def run(program, **environment):
    """What a program prints, as JSON, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | QUIET | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_names_are_there():
    for prefix in ("", "TF", "Flax"):
        names = ["AutoModel", "AutoBackbone", *(f"AutoModelFor{task}" for task in TASKS)]
        for name in names:
            auto = getattr(triptych, prefix + name)
            assert auto.__name__ == prefix + name and auto.__doc__
    for name in triptych.__all__:
        assert getattr(triptych, name).__module__.startswith("triptych")
    assert set(triptych.__all__) <= set(dir(triptych))
    with pytest.raises(AttributeError, match="AutoModelForEverything"):
        triptych.AutoModelForEverything  # noqa: B018


def test_importing_names_imports_no_framework():
    found = run(
        "import sys, json, triptych\n"
        f"heavy = {HEAVY}\n"
        "first = [name for name in heavy if name in sys.modules]\n"
        "from triptych import FlaxAutoModel, TFAutoModel, AutoModel, AutoConfig, load\n"
        "from triptych.models.bert import BertConfig\n"
        "AutoConfig.for_model('bert')\n"
        "print(json.dumps([first, [name for name in heavy[:5] if name in sys.modules]]))"
    )
    assert found == [[], []]


def test_importing_is_quick():
    """Less than 150 ms; the median of five, beside an empty program."""

    def seconds(program):
        times = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    assert seconds("import triptych") - seconds("pass") < 0.15


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_imports_no_other(framework):
    own = {"pytorch": "torch", "tensorflow": "tensorflow", "flax": "flax"}
    found = run(
        "import sys, json\n"
        "from triptych import AutoConfig, auto\n"
        "import triptych\n"
        "from triptych.auto import PREFIXES\n"
        "config = AutoConfig.for_model('bert', hidden_size=8, num_hidden_layers=1,"
        " num_attention_heads=2, intermediate_size=8, vocab_size=9)\n"
        f"auto_class = getattr(triptych, PREFIXES['{framework}'] + 'AutoModel')\n"
        "model = auto_class.from_config(config)\n"
        "count = len(triptych.parameters(model))\n"
        "assert count == len(triptych.state_dict(model))\n"
        f"print(json.dumps([n for n in {tuple(own.values())} if n in sys.modules]))"
    )
    assert found == [own[framework]]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_missing_framework_is_named(framework, tmp_path):
    """With a name that stops the import, as if the package were not installed."""
    extra = {"pytorch": "torch", "tensorflow": "tensorflow", "flax": "flax"}[framework]
    found = run(
        "import sys, json, triptych\n"
        f"sys.modules['{extra}'] = None\n"
        "from triptych.auto import PREFIXES\n"
        f"auto_class = getattr(triptych, PREFIXES['{framework}'] + 'AutoModel')\n"
        "config = triptych.AutoConfig.for_model('bert')\n"
        "try:\n"
        "    auto_class.from_config(config)\n"
        "except triptych.MissingFrameworkError as error:\n"
        "    print(json.dumps(str(error)))"
    )
    assert f"pip install triptych[{extra}]" in found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint of a small model."""
    folder = tmp_path_factory.mktemp("small")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = triptych.AutoConfig.for_model("bert", vocab_size=20, intermediate_size=24, **sizes)
    triptych.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    return folder


def test_load_parameters_state_dict(folder):
    model = triptych.load(folder)
    assert type(model).__name__ == "BertForMaskedLM"
    arrays = triptych.state_dict(model)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    assert arrays.keys() >= triptych.parameters(model).keys()
    shape = arrays["cls.predictions.transform.dense.weight"].shape
    assert shape == (16, 16)


@pytest.mark.parametrize("framework", ("tensorflow", "flax"))
def test_load_in_other_frameworks(folder, framework):
    """In a process of its own: the frameworks need not get along in one."""
    found = run(
        "import json, triptych\n"
        f"model = triptych.load({str(folder)!r}, framework={framework!r})\n"
        "arrays = triptych.state_dict(model)\n"
        "sums = {name: float(array.sum()) for name, array in arrays.items()}\n"
        "print(json.dumps([type(model).__name__, sums]))"
    )
    prefix = {"tensorflow": "TF", "flax": "Flax"}[framework]
    assert found[0] == f"{prefix}BertForMaskedLM"
    expected = {n: float(a.sum()) for n, a in triptych.state_dict(triptych.load(folder)).items()}
    assert found[1] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_load_refuses(folder, tmp_path):
    with pytest.raises(triptych.InputError, match="Did you mean 'pytorch'"):
        triptych.load(folder, framework="pytroch")
    with pytest.raises(triptych.InputError, match="no such folder"):
        triptych.load("./nowhere")
    config = json.loads((folder / "config.json").read_text())
    cases = [
        ({"architectures": ["BertForMaskedML"]}, "Did you mean 'BertForMaskedLM'"),
        ({"model_type": "bret"}, "Did you mean 'bert'"),
        ({"model_type": ["bert"]}, "expected a known model type"),
        ({"model_type": None}, "expected a known model type"),
    ]
    for changes, message in cases:
        (tmp_path / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(triptych.ConfigError, match=message) as error:
            triptych.load(tmp_path)
        assert "config.json" in str(error.value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # heads that a file lacks
def test_load_without_a_class_or_a_type(folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert type(triptych.load(tmp_path)).__name__ == "BertForMaskedLM"
    for architectures in ([], None):
        other = {"model_type": "bert", "architectures": architectures}
        (tmp_path / "config.json").write_text(json.dumps(config | other))
        assert type(triptych.load(tmp_path)).__name__ == "BertModel"
    (tmp_path / "config.json").write_text(json.dumps(config | {"architectures": [3]}))
    with pytest.raises(triptych.ConfigError, match="does not say what it is for"):
        triptych.load(tmp_path)


def test_only_models_have_parameters():
    for call in (triptych.parameters, triptych.state_dict):
        with pytest.raises(triptych.InputError, match="expected a model of Triptych, found int"):
            call(3)


def test_every_class_has_its_name_in_the_package():
    from triptych import BertConfig, BertForCausalLM, FlaxBertModel, TFBertModel
    from triptych.models import bert

    names = BertConfig, BertForCausalLM, FlaxBertModel, TFBertModel
    assert names == (bert.BertConfig, bert.BertLMHeadModel, bert.FlaxBertModel, bert.TFBertModel)
    assert {"AutoConfig", "BertConfig", "TFBertModel"} <= set(dir(triptych))


def test_a_name_that_is_none():
    with pytest.raises(AttributeError, match="'BertModle'. Did you mean 'BertModel'"):
        _ = triptych.BertModle
