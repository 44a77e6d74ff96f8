"""Auto classes, the registry that they read, packages of one's own, tokenizers."""

import json
import sys

import numpy as np
import pytest
import tokenizers
import triptych
from tokenizers import models, pre_tokenizers, processors
from triptych.auto import registry
from triptych.auto.tokenizer import Tokenizer
from triptych.configuration import find_config_class
from triptych.generator import cli
from triptych.generator import registry as writing

SMALL = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SPEC = """
triptych: 1
name: Own
model_type: own-kind
prefix: Own
base: model
summary: A table.
paper: {title: None, year: 2025}
rows: []
uses: [heads]
config: {vocab_size: 9, hidden_size: 4}
init: {linear: normal(0.02), embedding: normal(0.02), bias: zeros}
models:
  Model:
    layers: {tokens: "embedding(vocab_size, hidden_size)"}
    inputs: {input_ids: "int[b, s]"}
    forward: |
      return record(last_hidden_state=tokens(input_ids))
    returns: {last_hidden_state: "float[b, s, hidden_size]"}
  ForTokenClassification: {use: heads.TokenClassification, args: {rate: 0.1}}
presets: {}
"""


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    """A package generated from a spec of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own.yaml").write_text(SPEC, encoding="utf-8")
    assert cli.main(["generate", "own.yaml", "--out", "own_models"]) == 0
    monkeypatch.setattr(registry, "_packages", {})
    yield "own_models"
    for name in [name for name in sys.modules if name.split(".")[0] == "own_models"]:
        del sys.modules[name]


# --- models ------------------------------------------------------------------------------------


def test_classes_of_tasks():
    config = triptych.AutoConfig.for_model("bert")
    expected = {
        "AutoModel": "BertModel",
        "AutoModelForMaskedLM": "BertForMaskedLM",
        "AutoModelForCausalLM": "BertLMHeadModel",
        "AutoModelForPreTraining": "BertForPreTraining",
        "AutoModelForMultipleChoice": "BertForMultipleChoice",
    }
    for auto, name in expected.items():
        assert getattr(triptych, auto).class_for(config).__name__ == name
    swin = triptych.AutoConfig.for_model("swin")
    assert triptych.AutoBackbone.class_for(swin).__name__ == "SwinBackbone"
    with pytest.raises(triptych.InputError, match="swin has no class for this task.*SwinModel"):
        triptych.AutoModelForMaskedLM.class_for(swin)
    with pytest.raises(triptych.ConfigError, match="expected a configuration, found dict"):
        triptych.AutoModel.from_config({})


def test_auto_classes_have_no_instances():
    for auto in (triptych.AutoModel, triptych.AutoConfig, triptych.AutoTokenizer):
        with pytest.raises(TypeError, match="from_pretrained"):
            auto()


@pytest.mark.filterwarnings("ignore::UserWarning")  # heads that a file lacks
def test_from_pretrained(tmp_path):
    config = triptych.AutoConfig.for_model("bert", intermediate_size=24, **SMALL)
    triptych.AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path)
    model = triptych.AutoModelForMaskedLM.from_pretrained(tmp_path, hidden_dropout_prob=0.5)
    assert type(model).__name__ == "BertForMaskedLM"
    assert model.config.hidden_dropout_prob == 0.5
    found = triptych.AutoConfig.from_pretrained(tmp_path, num_labels=7)
    assert type(found).__name__ == "BertConfig" and found.num_labels == 7
    model = triptych.AutoModelForTokenClassification.from_pretrained(tmp_path, config=found)
    assert model.config.num_labels == 7
    base = triptych.AutoModel.from_pretrained(tmp_path, config=tmp_path, dtype="bfloat16")
    assert type(base).__name__ == "BertModel" and str(base.dtype) == "torch.bfloat16"


def test_unknown_model_types(tmp_path):
    with pytest.raises(triptych.ConfigError, match="'bret'. Did you mean 'bert'"):
        triptych.AutoConfig.for_model("bret")
    (tmp_path / "config.json").write_text('{"model_type": "lama"}')
    for auto in (triptych.AutoConfig, triptych.AutoModel):
        with pytest.raises(triptych.ConfigError, match="config.json.*Did you mean 'llama'"):
            auto.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(triptych.ConfigError, match="does not say what it is for"):
        triptych.AutoConfig.from_pretrained(tmp_path)


# --- registry ----------------------------------------------------------------------------------


def test_everything_in_the_registry_exists():
    """Without importing the frameworks: packages list what they export."""
    import importlib

    assert {"bert", "llama", "swin"} <= set(registry.entries())
    for entry in registry.entries().values():
        assert entry.config_class.model_type == entry.model_type
        exported = set(importlib.import_module(entry.module).__all__)
        for prefix in triptych.auto.PREFIXES.values():
            assert {f"{prefix}{entry.prefix}{name}" for name in entry.names} <= exported


def test_names_of_classes():
    entry, name = registry.entry_of_class("FlaxBertForMaskedLM")
    assert (entry.model_type, name) == ("bert", "ForMaskedLM")
    assert registry.entry_of_class("TFSwinModel")[0].model_type == "swin"
    assert registry.entry_of_class("BertForEverything") is None
    assert [registry.plain(n) for n in ("TFXModel", "FlaxXModel", "Flaxen", "TF")] == [
        "XModel",
        "XModel",
        "Flaxen",
        "TF",
    ]


def facts(package, *model_types):
    entry = {"package": package, "config": "C", "prefix": "P", "models": [], "aliases": {}}
    return {"registry": dict.fromkeys(model_types, entry)}


def test_text_of_the_registry():
    text = writing.registry([facts("b", "b", "a"), facts("c", "c")])
    assert list(writing.read(text)) == ["a", "b", "c"]
    assert text.startswith('{"": "Generated by Triptych from ')
    assert len(text.splitlines()) == 5
    assert writing.registry([facts("c", "c"), facts("b", "a", "b")]) == text
    # what is not given stays, and a package that is given is replaced as a whole
    other = writing.read(writing.registry([facts("b", "z")], previous=text))
    assert list(other) == ["c", "z"]
    for broken in ("", "no JSON", "[]", '{"a": 3}', '{"a": {}}'):
        assert writing.read(broken) == {}


def test_a_package_of_ones_own(own_package, tmp_path):
    with pytest.raises(triptych.ConfigError):
        triptych.AutoConfig.for_model("own-kind")
    assert triptych.register(own_package) == ["own-kind"]
    assert triptych.register(own_package) == ["own-kind"]
    config = triptych.AutoConfig.for_model("own-kind", num_labels=3)
    assert find_config_class("own-kind") is type(config)
    model = triptych.AutoModelForTokenClassification.from_config(config)
    assert type(model).__module__ == "own_models.own_kind.modeling_own_kind"
    model.save_pretrained(tmp_path / "saved")
    assert type(triptych.load(tmp_path / "saved")) is type(model)
    assert len(triptych.state_dict(model)) == 3


def test_a_model_type_that_is_taken(own_package, tmp_path):
    path = tmp_path / own_package / "registry.json"
    path.write_text(path.read_text().replace("own-kind", "bert"))
    with pytest.raises(triptych.InputError, match="bert.*triptych.models has a model.*replace"):
        triptych.register(own_package)
    assert registry.entries()["bert"].module == "triptych.models.bert"
    assert triptych.register(own_package, replace=True) == ["bert"]
    assert registry.entries()["bert"].module == "own_models.own_kind"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 3}', '{"a": {"package": "a"}}', '{"a": 1, "a": 2}']
)
def test_broken_registries(own_package, tmp_path, text):
    (tmp_path / own_package / "registry.json").write_text(text)
    with pytest.raises(triptych.InputError, match="registry.json"):
        triptych.register(own_package)


def test_packages_that_are_none():
    with pytest.raises(triptych.InputError, match="'nowhere.at_all': no such package"):
        triptych.register("nowhere.at_all")
    with pytest.raises(triptych.InputError, match="has no registry.json.*triptych generate"):
        triptych.register("json")


# --- tokenizers --------------------------------------------------------------------------------

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d"]


@pytest.fixture
def vocabulary(tmp_path):
    """A folder with a tokenizer of single words, and settings that have to be overridden."""
    backend = tokenizers.Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    backend.add_special_tokens(WORDS[:4])
    backend.enable_padding(length=64, pad_token="[PAD]", pad_id=0)
    backend.enable_truncation(4)
    backend.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 6}')
    return tmp_path


def test_batches(vocabulary):
    tokenizer = triptych.AutoTokenizer.from_pretrained(vocabulary)
    batch = tokenizer(["a b c d", "a"])
    assert list(batch) == ["input_ids", "token_type_ids", "attention_mask"]
    assert batch.input_ids.tolist() == [[2, 4, 5, 6, 7, 3], [2, 4, 3, 0, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1] * 6, [1, 1, 1, 0, 0, 0]]
    assert batch.input_ids.dtype == np.int64
    pair = tokenizer("a", "b c")
    assert pair.input_ids.tolist() == [[2, 4, 3, 5, 6, 3]]
    assert pair.token_type_ids.tolist() == [[0, 0, 0, 1, 1, 1]]
    assert tokenizer(["a b c d x"], truncation=True).input_ids.shape == (1, 6)
    assert tokenizer(["a b c d x"], truncation=True, max_length=3).input_ids.shape == (1, 3)
    assert tokenizer(["a"], padding="max_length", max_length=5).input_ids.shape == (1, 5)
    assert tokenizer([]).input_ids.shape == (0, 0)
    assert tokenizer.encode("a x") == [2, 4, 1, 3]
    assert tokenizer.tokenize("a b") == ["a", "b"]
    assert tokenizer.decode(np.array([2, 4, 5, 3]), skip_special_tokens=True) == "a b"
    assert tokenizer.batch_decode([[4], [5]]) == ["a", "b"]
    assert (tokenizer.pad_token_id, len(tokenizer), tokenizer.vocab_size) == (0, 8, 8)


def test_settings_of_a_folder(vocabulary):
    (vocabulary / "tokenizer_config.json").write_text(
        '{"padding_side": "left", "pad_token": {"content": "d"}, "model_max_length": 1e30,'
        ' "model_input_names": ["input_ids", "attention_mask"]}'
    )
    tokenizer = triptych.AutoTokenizer.from_pretrained(vocabulary)
    assert tokenizer.model_max_length is None
    batch = tokenizer(["a b", "c"], add_special_tokens=False)
    assert batch.input_ids.tolist() == [[4, 5], [7, 6]]
    assert list(batch) == ["input_ids", "attention_mask"]
    with pytest.raises(triptych.InputError, match="max_length"):
        tokenizer("a", truncation=True)


def test_tensors(vocabulary):
    tokenizer = Tokenizer.from_pretrained(vocabulary)
    assert type(tokenizer("a", return_tensors="pt").input_ids).__module__ == "torch"
    with pytest.raises(triptych.InputError, match="expected np, pt, tf, jax"):
        tokenizer("a", return_tensors="torch")


def test_what_tokenizers_refuse(vocabulary, tmp_path_factory):
    tokenizer = Tokenizer.from_pretrained(vocabulary)
    with pytest.raises(triptych.InputError, match="different lengths"):
        tokenizer(["a", "a b"], padding=False)
    with pytest.raises(triptych.InputError, match="text: expected a text"):
        tokenizer([3])
    with pytest.raises(triptych.InputError, match="text_pair: expected 1 texts, found 2"):
        tokenizer(["a"], ["b", "c"])
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(triptych.InputError, match="there is no tokenizer.json"):
        triptych.AutoTokenizer.from_pretrained(empty)
    for text in ("", "{}", json.dumps({"version": "1.0", "model": {"type": "Nothing"}})):
        (empty / "tokenizer.json").write_text(text)
        with pytest.raises(triptych.InputError, match="not a tokenizer"):
            triptych.AutoTokenizer.from_pretrained(empty)


def test_no_token_to_fill_rows_with():
    backend = tokenizers.Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="b"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = Tokenizer(backend)
    assert tokenizer.pad_token is None and tokenizer.model_input_names[0] == "input_ids"
    assert tokenizer("a b").input_ids.tolist() == [[0, 1]]
    with pytest.raises(triptych.InputError, match="no token to fill rows with"):
        tokenizer(["a b", "a"])
    assert Tokenizer(backend, pad_token="b")(["a b", "a"]).input_ids.tolist() == [[0, 1], [0, 1]]
