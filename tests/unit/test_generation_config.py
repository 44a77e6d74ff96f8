"""GenerationConfig: its fields and defaults, what it accepts, and what files hold."""

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import triptych
from triptych.errors import ConfigError
from triptych.generation import CompileConfig, GenerationConfig, GenerationMode

FACTS = json.loads(
    (Path(__file__).parents[1] / "references" / "generation_config.json").read_text("utf-8")
)
QUIET = pytest.mark.filterwarnings("ignore:these settings")


def ident(case):
    if not isinstance(case, dict):
        return str(case)[:30]
    return ",".join(f"{name}={value}" for name, value in case.items()) or "default"


def test_defaults_are_the_references():
    ours = GenerationConfig().to_dict()
    assert ours == FACTS["defaults"]
    assert {name: type(x) for name, x in ours.items()} == {
        name: type(x) for name, x in FACTS["defaults"].items()
    }
    assert GenerationConfig().to_diff_dict() == {}
    assert repr(GenerationConfig()) == "GenerationConfig()"


@QUIET
@pytest.mark.parametrize("settings, mode", FACTS["modes"], ids=ident)
def test_modes(settings, mode):
    found = GenerationConfig(**settings).get_generation_mode()
    assert found == mode and found is GenerationMode(mode)


def test_an_assistant_is_for_greedy_decoding_and_sampling():
    assistant = object()
    for settings, mode in FACTS["modes"]:
        with warnings.catch_warnings(action="ignore"):
            found = GenerationConfig(**settings).get_generation_mode(assistant)
        assert found == (mode if mode not in ("greedy_search", "sample") else "assisted_generation")
    assert [mode for mode in GenerationMode if mode.beams] == [
        "beam_search",
        "beam_sample",
        "group_beam_search",
    ]


@pytest.mark.parametrize("settings, outcome", FACTS["outcomes"], ids=ident)
def test_what_the_reference_accepts(settings, outcome):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            config = GenerationConfig(**settings)
        except ConfigError as error:
            assert outcome == "error" and "\n" not in str(error)
            return
    assert outcome == ("warning" if said else "accepted")
    assert len(said) <= 1
    if said:
        assert any(name in str(said[0].message) for name in settings)
        with pytest.raises(ConfigError, match="no effect"), warnings.catch_warnings():
            config.validate(strict=True)
    else:
        config.validate(strict=True)


@QUIET
@pytest.mark.parametrize("name, values, expected", FACTS["from_model_config"])
def test_what_comes_from_the_models_configuration(name, values, expected):
    config = GenerationConfig.from_model_config(getattr(triptych, name)(**values))
    assert config.to_diff_dict() == expected


def test_the_decoders_configuration_fills_what_is_unset():
    class Config:
        def __init__(self, **values):
            vars(self).update(values)

        def to_dict(self):
            return {name: x for name, x in vars(self).items() if not isinstance(x, Config)}

    decoder = Config(bos_token_id=7, num_beams=3, hidden_size=8, eos_token_id=None)
    config = GenerationConfig.from_model_config(Config(bos_token_id=4, decoder=decoder))
    assert (config.bos_token_id, config.num_beams, config.eos_token_id) == (4, 3, None)
    assert GenerationConfig.from_model_config({"eos_token_id": 3}).eos_token_id == 3


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"temprature": 1.0}, "temprature: .*no such key. Did you mean 'temperature'"),
        ({"return_timestamp": True}, "Did you mean 'return_timestamps'"),
        ({"num_beams": True}, "num_beams: expected an integer, found True"),
        ({"num_beams": 0}, "num_beams: expected at least 1, found 0"),
        ({"num_beams": None}, "num_beams: expected an integer, found None"),
        ({"do_sample": 1}, "do_sample: expected true or false, found 1"),
        ({"temperature": "hot"}, "temperature: expected a number or null, found 'hot'"),
        ({"temperature": -1.0}, "temperature: expected at least 0"),
        ({"temperature": 0.0, "do_sample": True}, "temperature: expected a number above 0"),
        ({"temperature": float("nan")}, "temperature: expected a finite number"),
        ({"top_p": 1.5}, "top_p: expected at most 1"),
        ({"top_k": -1}, "top_k: expected at least 0"),
        ({"top_k": 2.5}, "top_k: expected an integer or null"),
        ({"repetition_penalty": 0.0}, "repetition_penalty: expected a number above 0"),
        ({"max_length": 2**40}, "max_length: expected at most 2147483648"),
        ({"cache_implementation": "statc"}, "Did you mean 'static'"),
        ({"num_assistant_tokens_schedule": "often"}, "expected one of 'constant'"),
        ({"num_beams": 4, "num_beam_groups": 3}, "num_beam_groups: expected a divisor"),
        ({"num_beams": 4, "num_beam_groups": 2, "do_sample": True}, "1 with do_sample=True"),
        ({"stop_strings": ["a", ""]}, "stop_strings: expected strings of one character"),
        ({"bad_words_ids": [[]]}, "bad_words_ids: expected one token or more"),
        ({"bad_words_ids": [3]}, "bad_words_ids: expected a list"),
        ({"sequence_bias": [[[-1], 1.0]]}, "sequence_bias: expected token ids of at least 0"),
        ({"sequence_bias": {3: 1.0}}, "sequence_bias: expected tuples"),
        ({"exponential_decay_length_penalty": [1, 2, 3]}, "expected a list"),
        ({"compile_config": {"mod": 1}}, "has no key 'mod'. Did you mean 'mode'"),
        ({"dola_layers": "low"}, "dola_layers: not supported: expected None, found 'low'"),
        ({"token_healing": True}, "token_healing: not supported: expected False, found True"),
        ({"watermarking_config": {}}, "watermarking_config: not supported"),
        ({"assistant_early_exit": 2}, "assistant_early_exit: not supported"),
        ({"constraints": []}, "constraints: not supported"),
        ({"force_words_ids": [[1]]}, "force_words_ids: not supported"),
        ({"low_memory": True}, "low_memory: not supported"),
        ({"return_legacy_cache": True}, "return_legacy_cache: not supported"),
        ({"task": "dance"}, "task: expected one of 'transcribe', 'translate'"),
    ],
    ids=ident,
)
def test_refused(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        GenerationConfig(**settings)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    if all(map(GenerationConfig.knows, settings)):
        config = GenerationConfig()
        with pytest.raises(ConfigError, match=message):
            config.update(**settings)
        assert config == GenerationConfig()


def test_attributes_are_checked():
    config = GenerationConfig()
    with pytest.raises(ConfigError, match="max_new_token: .*Did you mean 'max_new_tokens'"):
        config.max_new_token = 5
    with pytest.raises(ConfigError, match="num_beams: expected an integer"):
        config.num_beams = "2"
    config.max_new_tokens = np.int64(5)
    config.eos_token_id = np.array([1, 2])
    assert config.max_new_tokens == 5 and config.eos_token_id == [1, 2]
    assert type(config.max_new_tokens) is int
    assert not hasattr(config, "lang_to_id")
    config.lang_to_id = {"<|en|>": 3}
    assert config.to_diff_dict()["lang_to_id"] == {"<|en|>": 3}


def test_update_returns_what_it_has_no_use_for():
    config = GenerationConfig.from_dict({"chat_format": "plain"})
    given = {"max_new_tokens": 3, "attention_mask": [1], "chat_format": "raw"}
    assert config.update(**given) == {"attention_mask": [1]}
    assert config.max_new_tokens == 3 and config.chat_format == "raw"
    with pytest.raises(ConfigError, match="num_return_sequences"):
        config.update(max_new_tokens=4, num_return_sequences=2)
    assert config.max_new_tokens == 3


def test_comparison_is_by_value():
    one = GenerationConfig(eos_token_id=[1, 2], sequence_bias={(1, 2): 3.0}, stop_strings=["a"])
    two = one.copy()
    assert one == two and hash(one) == hash(two) and one.key() == two.key()
    assert copy.deepcopy(one) == one and one is not two
    two.eos_token_id.append(3)
    assert one != two and one.eos_token_id == [1, 2]
    assert one != 3
    assert GenerationConfig(compile_config={"mode": "default"}) != GenerationConfig()
    assert GenerationConfig(_from_model_config=True) == GenerationConfig()
    text = "GenerationConfig(max_new_tokens=3, do_sample=True)"
    assert repr(GenerationConfig(do_sample=True, max_new_tokens=3)) == text
    assert eval(text) == GenerationConfig(do_sample=True, max_new_tokens=3)


def test_compilation_is_never_in_a_file():
    config = GenerationConfig(compile_config={"backend": "eager"})
    assert config.compile_config == CompileConfig(backend="eager")
    assert GenerationConfig(compile_config=True).compile_config == CompileConfig()
    assert config.compile_config.to_dict()["mode"] == "reduce-overhead"
    assert "compile_config" in repr(config)
    assert "compile_config" not in config.to_dict()
    assert config.to_json_string() == "{}\n"


def test_files(tmp_path):
    settings, theirs = FACTS["saved"]
    GenerationConfig(**settings).save_pretrained(tmp_path / "a" / "b")
    path = tmp_path / "a" / "b" / "generation_config.json"
    theirs.pop("transformers_version")
    assert json.loads(path.read_text()) == theirs
    assert [x.name for x in path.parent.iterdir()] == [path.name]
    again = GenerationConfig.from_pretrained(path.parent, top_k=5)
    assert again.top_k == 5 and again.eos_token_id == [1, 2]
    assert GenerationConfig.from_pretrained(path).to_diff_dict() == theirs
    GenerationConfig(max_new_tokens=2).save_pretrained(tmp_path, "other.json")
    assert GenerationConfig.from_pretrained(tmp_path, "other.json").max_new_tokens == 2
    assert json.loads(GenerationConfig().to_json_string(use_diff=False)) == FACTS["defaults"]


def test_keys_of_a_file_are_kept(tmp_path):
    values = {
        "alignment_heads": [[0, 1], [1, 0]],
        "forced_decoder_ids": [[1, 5], [2, None]],
        "is_multilingual": True,
        "lang_to_id": {"<|de|>": 6},
        "max_initial_timestamp_index": 50,
        "no_timestamps_token_id": 9,
        "prev_sot_token_id": 8,
        "return_timestamps": False,
        "task_to_id": {"transcribe": 4},
        "validate": "a key that no method gives way to",
        "something_new": {"a": [1, None]},
    }
    file = tmp_path / "generation_config.json"
    file.write_text(json.dumps(values | {"transformers_version": "4.20.0", "max_length": 448}))
    config = GenerationConfig.from_pretrained(tmp_path)
    assert config.to_diff_dict() == values | {"max_length": 448}
    assert config.something_new == {"a": [1, None]} and callable(config.validate)
    assert config.lang_to_id["<|de|>"] == 6
    config.save_pretrained(tmp_path)
    assert json.loads(file.read_text()) == values | {"max_length": 448}
    other, unused = GenerationConfig.from_pretrained(
        tmp_path, something_new=3, unheard_of=4, return_unused_kwargs=True
    )
    assert other.something_new == 3 and unused == {"unheard_of": 4}
    with pytest.raises(ConfigError, match="unheard_of: .*no such key"):
        GenerationConfig.from_pretrained(tmp_path, unheard_of=4)


def test_a_checkpoint_without_a_file(tmp_path):
    model = triptych.GPT2Config(bos_token_id=3)
    assert GenerationConfig.of_checkpoint(tmp_path, model).bos_token_id == 3
    GenerationConfig(bos_token_id=4).save_pretrained(tmp_path)
    assert GenerationConfig.of_checkpoint(tmp_path, model).bos_token_id == 4
    assert GenerationConfig.of_checkpoint(tmp_path / "config.json", model).bos_token_id == 3
    (tmp_path / "config.json").write_text("{}")
    assert GenerationConfig.of_checkpoint(tmp_path / "config.json", model).bos_token_id == 4


def test_a_failed_write_keeps_the_older_file(tmp_path):
    GenerationConfig(max_new_tokens=2).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        GenerationConfig.from_dict({"a": {1, 2}}).save_pretrained(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path).max_new_tokens == 2
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        GenerationConfig().save_pretrained(tmp_path / "file")
