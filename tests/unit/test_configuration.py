"""The configuration base; the reference values were printed by transformers 4.57.6."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
import re

import pytest
from triptych.activations import ACTIVATIONS
from triptych.configuration import (
    MAX_SIZE,
    BackboneConfig,
    Kinds,
    PretrainedConfig,
    field,
    find_config_class,
)
from triptych.errors import ConfigError
from triptych.generator.configs import TAKEN


class BertConfig(PretrainedConfig):
    model_type = "bert"

    vocab_size: int = field(30522, min=1)
    hidden_size: int = 768
    num_hidden_layers: int = field(12, min=0, max=10_000)
    num_attention_heads: int = field(12, min=1)
    intermediate_size: int = 3072
    hidden_act: str = field("gelu", choices=ACTIVATIONS)
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    position_embedding_type: str = field("absolute", choices=("absolute", "relative_key"))
    use_cache: bool = True
    classifier_dropout: float | None = None

    def validate(self):
        self.require_divisible("hidden_size", "num_attention_heads")


class LlamaConfig(PretrainedConfig):
    model_type = "llama"

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    use_cache: bool = True
    pretraining_tp: int = 1
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None
    attention_bias: bool = False
    attention_dropout: float = 0.0
    mlp_bias: bool = False
    head_dim: int | None = None
    bos_token_id: int | None = 1
    eos_token_id: int | None = 2
    tie_word_embeddings: bool = False

    def complete(self):
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        if self.head_dim is None:
            self.head_dim = self.hidden_size // self.num_attention_heads


class SwinConfig(BackboneConfig):
    model_type = "swin"
    attribute_map = {"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"}

    image_size: int = 224
    patch_size: int = 4
    num_channels: int = 3
    embed_dim: int = 96
    depths: list[int] = field([2, 2, 6, 2], min=1)
    num_heads: list[int] = [3, 6, 12, 24]
    window_size: int = 7
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    drop_path_rate: float = 0.1
    hidden_act: str = "gelu"
    use_absolute_embeddings: bool = False
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-5
    encoder_stride: int = 32
    num_layers: int | None = None
    hidden_size: int | None = None

    def complete(self):
        self.num_layers = len(self.depths)
        self.hidden_size = self.embed_dim * 2 ** (len(self.depths) - 1)
        self.stage_names = ["stem"] + [f"stage{i}" for i in range(1, len(self.depths) + 1)]


class ClipTextConfig(PretrainedConfig):
    model_type = "clip_text_model"
    base_config_key = "text_config"

    vocab_size: int = 49408
    hidden_size: int = 512
    intermediate_size: int = 2048
    projection_dim: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    max_position_embeddings: int = 77
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    attention_dropout: float = 0.0
    initializer_range: float = 0.02
    initializer_factor: float = 1.0
    pad_token_id: int | None = 1
    bos_token_id: int | None = 49406
    eos_token_id: int | None = 49407


class ClipVisionConfig(PretrainedConfig):
    model_type = "clip_vision_model"

    hidden_size: int = 768
    intermediate_size: int = 3072
    projection_dim: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    num_channels: int = 3
    image_size: int = 224
    patch_size: int = 32
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    attention_dropout: float = 0.0
    initializer_range: float = 0.02
    initializer_factor: float = 1.0


class ClipConfig(PretrainedConfig):
    model_type = "clip"

    text_config: ClipTextConfig = field(None)
    vision_config: ClipVisionConfig = field(None)
    projection_dim: int = 512
    logit_scale_init_value: float = 2.6592
    initializer_factor: float = 1.0


class CompositeConfig(PretrainedConfig):
    model_type = "composite_for_tests"

    decoder: PretrainedConfig = field()
    limits: list[float] = field([0.0, math.inf], finite=False)


class DetectorConfig(PretrainedConfig):
    model_type = "detector_for_tests"

    backbone_config: SwinConfig | None = None


SHARED = {
    "return_dict": True,
    "output_hidden_states": False,
    "output_attentions": False,
    "torchscript": False,
    "dtype": None,
    "pruned_heads": {},
    "tie_word_embeddings": True,
    "chunk_size_feed_forward": 0,
    "is_encoder_decoder": False,
    "is_decoder": False,
    "cross_attention_hidden_size": None,
    "add_cross_attention": False,
    "tie_encoder_decoder": False,
    "architectures": None,
    "finetuning_task": None,
    "id2label": {0: "LABEL_0", 1: "LABEL_1"},
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
    "task_specific_params": None,
    "problem_type": None,
    "tokenizer_class": None,
    "prefix": None,
    "bos_token_id": None,
    "pad_token_id": None,
    "eos_token_id": None,
    "sep_token_id": None,
    "decoder_start_token_id": None,
    "max_length": 20,
    "min_length": 0,
    "do_sample": False,
    "early_stopping": False,
    "num_beams": 1,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "num_return_sequences": 1,
    "output_scores": False,
    "return_dict_in_generate": False,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "remove_invalid_values": False,
    "exponential_decay_length_penalty": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "_name_or_path": "",
    "tf_legacy_loss": False,
    "use_bfloat16": False,
    "model_type": "",
}
BERT = {
    "pad_token_id": 0,
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "gelu",
    "intermediate_size": 3072,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "use_cache": True,
    "classifier_dropout": None,
    "model_type": "bert",
}
LLAMA = {
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-06,
    "pretraining_tp": 1,
    "use_cache": True,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "mlp_bias": False,
    "head_dim": 128,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "model_type": "llama",
}
SWIN = {
    "image_size": 224,
    "patch_size": 4,
    "num_channels": 3,
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_layers": 4,
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
    "mlp_ratio": 4.0,
    "qkv_bias": True,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "drop_path_rate": 0.1,
    "hidden_act": "gelu",
    "use_absolute_embeddings": False,
    "layer_norm_eps": 1e-05,
    "initializer_range": 0.02,
    "encoder_stride": 32,
    "hidden_size": 768,
    "stage_names": ["stem", "stage1", "stage2", "stage3", "stage4"],
    "model_type": "swin",
    "out_features": ["stage4"],
    "out_indices": [4],
}


@pytest.mark.parametrize(
    ("cls", "own"),
    [(PretrainedConfig, {}), (BertConfig, BERT), (LlamaConfig, LLAMA), (SwinConfig, SWIN)],
)
def test_defaults_are_the_references(cls, own):
    assert cls().to_dict() == SHARED | own


@pytest.mark.parametrize(("cls", "own"), [(BertConfig, BERT), (LlamaConfig, LLAMA)])
def test_a_default_configuration_is_written_without_the_shared_defaults(cls, own):
    assert json.loads(cls().to_json_string()) == own


def test_the_diff_of_changed_values_is_the_references():
    config = BertConfig(
        num_labels=3, dtype="float16", pad_token_id=None, architectures=["X"], foo=[1]
    )
    expected = BERT | {
        "architectures": ["X"],
        "dtype": "float16",
        "foo": [1],
        "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
        "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},
        "pad_token_id": None,
    }
    assert json.loads(config.to_json_string()) == expected


def test_the_diff_of_sub_configurations_is_the_references():
    config = ClipConfig(
        text_config={"hidden_size": 64, "eos_token_id": 7}, vision_config={"num_labels": 1}
    )
    written = json.loads(config.to_json_string())
    shared = {
        "attention_dropout": 0.0,
        "hidden_act": "quick_gelu",
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-05,
        "num_hidden_layers": 12,
        "projection_dim": 512,
    }
    assert written.pop("text_config") == shared | {
        "eos_token_id": 7,
        "hidden_size": 64,
        "intermediate_size": 2048,
        "max_position_embeddings": 77,
        "model_type": "clip_text_model",
        "num_attention_heads": 8,
        "vocab_size": 49408,
    }
    assert written.pop("vision_config") == shared | {
        "hidden_size": 768,
        "id2label": {"0": "LABEL_0"},
        "image_size": 224,
        "intermediate_size": 3072,
        "label2id": {"LABEL_0": 0},
        "model_type": "clip_vision_model",
        "num_attention_heads": 12,
        "num_channels": 3,
        "patch_size": 32,
    }
    assert written == {
        "initializer_factor": 1.0,
        "logit_scale_init_value": 2.6592,
        "model_type": "clip",
        "projection_dim": 512,
    }
    assert ClipConfig.from_dict(json.loads(config.to_json_string())) == config


def test_the_text_of_the_file_is_sorted_and_indented():
    lines = BertConfig().to_json_string().splitlines(keepends=True)
    assert lines[:2] == ["{\n", '  "attention_probs_dropout_prob": 0.1,\n']
    assert lines[-1] == "}\n"


def test_save_and_load(tmp_path):
    config = SwinConfig(depths=[1, 1], num_heads=[2, 4], label2id={"a": 0}, id2label={0: "a"})
    config.save_pretrained(tmp_path / "new" / "folder")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["config.json"]
    for path in (tmp_path / "new" / "folder", tmp_path / "new" / "folder" / "config.json"):
        assert SwinConfig.from_pretrained(path) == config


def test_a_failed_save_leaves_the_older_file(tmp_path):
    BertConfig().save_pretrained(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        BertConfig(foo=object()).save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_bytes() == before
    with pytest.raises(ConfigError, match="cannot be written"):
        BertConfig().save_pretrained(tmp_path / "config.json")


def test_a_missing_folder_is_one_clear_error(tmp_path):
    (tmp_path / "conifg.json").write_text("{}")
    with pytest.raises(Exception, match="no such file. Did you mean 'conifg.json'"):
        BertConfig.from_pretrained(tmp_path)


def test_overrides_win():
    values = {"vocab_size": 10, "id2label": {"0": "a", "1": "b", "2": "c"}, "custom": 1}
    config = BertConfig.from_dict(values, vocab_size=11, num_labels=2, custom=2)
    assert (config.vocab_size, config.num_labels, config.custom) == (11, 2, 2)
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"}
    assert BertConfig.from_dict(values, num_labels=3).id2label[0] == "a"
    clip = ClipConfig.from_dict({"text_config": {"hidden_size": 64}}, text_config={"vocab_size": 9})
    assert (clip.text_config.hidden_size, clip.text_config.vocab_size) == (64, 9)


def test_unused_overrides():
    with pytest.raises(ConfigError, match="hiden_size.*Did you mean 'hidden_size'"):
        BertConfig.from_dict({}, hiden_size=3)
    config, unused = BertConfig.from_dict({}, foo=3, vocab_size=5, return_unused_kwargs=True)
    assert (config.vocab_size, unused) == (5, {"foo": 3})


def test_labels():
    config = BertConfig(id2label={"0": "a", "1": "b", "2": "c"})
    assert (config.num_labels, config.id2label[2], config.label2id) == (3, "c", None)
    config.num_labels = 3
    assert config.id2label[2] == "c"
    config.num_labels = 1
    assert (config.id2label, config.label2id) == ({0: "LABEL_0"}, {"LABEL_0": 0})
    assert BertConfig(num_labels=0).id2label == {}


@pytest.mark.parametrize("dtype", ["bfloat16", "torch.bfloat16"])
def test_dtype_is_a_name(dtype):
    assert BertConfig(torch_dtype=dtype).dtype == BertConfig(dtype=dtype).torch_dtype == "bfloat16"
    assert BertConfig.from_dict({"torch_dtype": "float32"}, dtype=dtype).dtype == "bfloat16"
    with pytest.raises(ConfigError, match="dtype: expected one of"):
        BertConfig(dtype="__import__")


def test_common_values():
    config = BertConfig(torchscript=True, name_or_path="x", pruned_heads={"1": [2]})
    assert not config.use_return_dict and BertConfig().use_return_dict
    assert config.name_or_path == config._name_or_path == "x"
    assert config.pruned_heads == {1: [2]}
    assert "_name_or_path" not in config.to_diff_dict()
    assert BertConfig(eos_token_id=[1, 2], pad_token_id=[0]).eos_token_id == [1, 2]


def test_attention_implementation_is_never_a_files_choice():
    config = ClipConfig(attn_implementation="eager")
    assert config.text_config.attn_implementation == "eager"
    assert "eager" not in config.to_json_string(use_diff=False)
    loaded = ClipConfig.from_dict({"attn_implementation": "x", "_attn_implementation": "y"})
    assert loaded.attn_implementation is None and loaded == ClipConfig()
    assert ClipConfig.from_dict({}, attn_implementation="z").attn_implementation == "z"


def test_aliases_read_and_write_the_field_itself():
    config = SwinConfig(num_attention_heads=[1, 2], depths=[1, 1])
    assert config.num_heads == [1, 2] and config.num_hidden_layers == 2
    config.num_attention_heads = [4, 4]
    assert config.num_heads == [4, 4]
    assert "num_attention_heads" not in config.to_dict()


@pytest.mark.parametrize(
    ("given", "features", "indices"),
    [
        ({}, ["stage4"], [4]),
        ({"out_features": ["stage2", "stage4"]}, ["stage2", "stage4"], [2, 4]),
        ({"out_indices": [0, -1]}, ["stem", "stage4"], [0, -1]),
        ({"out_indices": [2], "out_features": ["stage2"]}, ["stage2"], [2]),
    ],
)
def test_backbone_stages_follow_from_each_other(given, features, indices):
    config = SwinConfig(**given)
    assert (config.out_features, config.out_indices) == (features, indices)
    config.out_indices = [1]
    assert config.out_features == ["stage1"]
    config.out_features = ["stem"]
    assert config.out_indices == [0]
    config.out_features = None
    assert config.out_features == ["stage4"]


@pytest.mark.parametrize(
    "given",
    [
        {"out_features": ["stage9"]},
        {"out_features": ["stage2", "stage1"]},
        {"out_features": ["stage1", "stage1"]},
        {"out_features": ["stage1"], "out_indices": [2]},
        {"out_indices": [5]},
        {"out_indices": [4, -1]},
        {"out_indices": ["stage1"]},
    ],
)
def test_impossible_backbone_stages(given):
    with pytest.raises(ConfigError, match="out_(features|indices)"):
        SwinConfig(**given)


def test_sub_configurations():
    config = ClipConfig(text_config=ClipTextConfig(hidden_size=8), vision_config=None)
    assert config.text_config.hidden_size == 8
    assert config.vision_config == ClipVisionConfig()
    config.vision_config = {"image_size": 32}
    assert config.vision_config.image_size == 32
    with pytest.raises(ConfigError, match=r"text_config\.hidden_size: expected an integer"):
        ClipConfig(text_config={"hidden_size": "8"})
    with pytest.raises(ConfigError, match="text_config: expected ClipTextConfig, found 5"):
        ClipConfig(text_config=5)
    with pytest.raises(ConfigError, match="text_config: expected ClipTextConfig"):
        ClipConfig(text_config=BertConfig())


def test_a_part_of_a_composites_file(tmp_path):
    ClipConfig(text_config={"hidden_size": 8}).save_pretrained(tmp_path)
    assert ClipTextConfig.from_pretrained(tmp_path).hidden_size == 8
    with pytest.warns(UserWarning, match="this file is of type 'clip'"):
        BertConfig.from_pretrained(tmp_path)


def test_a_configuration_of_any_registered_type():
    config = CompositeConfig(decoder={"model_type": "bert", "vocab_size": 7})
    assert config.decoder.model_type == BertConfig.model_type and config.decoder.vocab_size == 7
    text = config.to_json_string()
    assert CompositeConfig.from_dict(json.loads(text)) == config
    assert config.limits == [0.0, math.inf]
    with pytest.raises(ConfigError, match="decoder: expected a value, found none"):
        CompositeConfig()
    with pytest.raises(ConfigError, match=r"decoder\.model_type.*Did you mean 'bert'"):
        CompositeConfig(decoder={"model_type": "berd"})
    assert find_config_class("detector_for_tests") is DetectorConfig


def test_a_sub_configuration_that_may_be_missing_is_written_in_full():
    config = DetectorConfig()
    assert config.to_diff_dict()["backbone_config"] is None
    config.backbone_config = {}
    assert config.to_diff_dict()["backbone_config"] == SwinConfig().to_dict()


def test_every_value_is_checked_whenever_it_is_set():
    config = BertConfig()
    with pytest.raises(ConfigError, match="hidden_size: expected an integer, found True"):
        config.hidden_size = True
    with pytest.raises(ConfigError, match="vocab_size: expected at least 1, found 0"):
        BertConfig(vocab_size=0)
    with pytest.raises(ConfigError, match="hidden_size: expected a multiple of num_att"):
        BertConfig(hidden_size=770)
    with pytest.raises(ConfigError, match="hidden_act.*found 'gelo'. Did you mean 'gelu'"):
        BertConfig(hidden_act="gelo")
    assert BertConfig(hidden_dropout_prob=0).hidden_dropout_prob == 0
    with pytest.raises(ConfigError, match=f"at most {MAX_SIZE}"):
        BertConfig(hidden_size=12 * 2**30)


def test_unknown_keys_are_kept_but_hide_nothing():
    values = {"to_dict": 1, "_fields": 2, "_extra": 3, "__class__": 4, "plain": 5, "num_labels": 4}
    config = BertConfig.from_dict(values)
    assert config.plain == 5 and config.num_labels == 4
    written = config.to_dict()
    assert {name: written[name] for name in list(values)[:5]} == dict(list(values.items())[:5])
    assert type(config) is BertConfig and isinstance(config._fields, dict)
    config.later = 6
    assert config.to_dict()["later"] == 6
    del config.later
    assert not hasattr(config, "later")
    with pytest.raises(AttributeError):
        del config.vocab_size


def test_a_field_may_not_hide_a_method():
    with pytest.raises(TypeError, match="would hide"):
        type("Bad", (PretrainedConfig,), {"__annotations__": {"copy": int}, "copy": 1})


def test_copies_share_nothing():
    config = SwinConfig(extra=[1])
    for twin in (config.copy(), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert twin == config and twin is not config
        twin.depths.append(1)
        twin.extra.append(2)
        assert twin != config
    assert SwinConfig().depths == [2, 2, 6, 2]
    given = [1, 1, 1, 1]
    assert SwinConfig(depths=given).depths is not given


def test_equality_hash_and_repr():
    assert BertConfig() == BertConfig(transformers_version="4") != BertConfig(vocab_size=1)
    assert BertConfig() != LlamaConfig()
    assert len({BertConfig(), BertConfig()}) == 2
    assert repr(BertConfig(vocab_size=1, foo="x")) == "BertConfig(vocab_size=1, foo='x')"
    text = repr(ClipConfig(text_config={"hidden_size": 8}))
    assert text == "ClipConfig(text_config=ClipTextConfig(hidden_size=8))"


def test_specs_may_not_hide_what_classes_offer():
    offered = {name for name in dir(PretrainedConfig) if not name.startswith("_")}
    assert set(TAKEN) == offered - {"model_type"}


def test_the_signature_lists_the_fields():
    parameters = inspect.signature(BertConfig).parameters
    assert list(parameters)[:2] == ["vocab_size", "hidden_size"]
    assert parameters["pad_token_id"].default == 0
    assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in parameters.values())
    with pytest.raises(TypeError):
        BertConfig(5)


class ScaledConfig(PretrainedConfig):
    model_type = "scaled_for_tests"

    scaling: dict | None = field(
        None,
        kinds=Kinds(
            ("kind", "type"),
            {"plain": {}, "linear": {"factor": float, "length": int | None}},
        ),
    )


@pytest.mark.parametrize(
    "scaling",
    [
        None,
        {"kind": "plain"},
        {"type": "linear", "factor": 2},
        {"kind": "linear", "factor": 0.5, "length": 3, "more": "kept"},
    ],
)
def test_a_dictionary_of_a_known_kind(scaling):
    assert ScaledConfig(scaling=scaling).scaling == scaling


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({}, "scaling: expected the key 'kind', found an empty object"),
        ({"factor": 2.0}, "scaling: expected the key 'kind', found only 'factor'"),
        (
            {"type": "liner", "factor": 2.0},
            "scaling.type: expected one of 'plain', 'linear', found 'liner'. "
            "Did you mean 'linear'?",
        ),
        ({"kind": ["plain"]}, "scaling.kind: expected one of 'plain', 'linear', found ['plain']"),
        (
            {"kind": "linear"},
            "scaling.factor: kind 'linear': expected a number, found none",
        ),
        (
            {"kind": "linear", "factor": "2"},
            "scaling.factor: kind 'linear': expected a number, found '2'",
        ),
        (
            {"kind": "linear", "factor": 2, "length": 2.5},
            "scaling.length: kind 'linear': expected an integer or null, found 2.5",
        ),
    ],
)
def test_a_dictionary_of_no_known_kind(scaling, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        ScaledConfig(scaling=scaling)
