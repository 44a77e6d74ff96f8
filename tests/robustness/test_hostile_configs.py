"""Every hostile config.json gives one ConfigError that names the file; nothing is executed."""

from __future__ import annotations

import os

import pytest
from triptych.activations import ACTIVATIONS
from triptych.configuration import PretrainedConfig, field
from triptych.errors import ConfigError


class SmallConfig(PretrainedConfig):
    model_type = "small_for_tests"

    hidden_size: int = field(8, min=1)
    num_hidden_layers: int = field(2, min=0, max=10_000)
    num_attention_heads: int = field(2, min=1)
    hidden_act: str = field("gelu", choices=ACTIVATIONS)
    epsilon: float = 1e-5
    depths: list[int] = field([1, 2], min=1)
    use_cache: bool = True

    def validate(self):
        self.require_divisible("hidden_size", "num_attention_heads")


HOSTILE = {
    "empty": (b"", "not valid JSON"),
    "cut": (b'{"hidden_size": 8', "not valid JSON"),
    "array": (b"[1]", "expected a JSON object, found"),
    "string": (b'"x"', "expected a JSON object, found 'x'"),
    "null": (b"null", "expected a JSON object, found None"),
    "latin-1": (b'{"a": "\xe9"}', "not UTF-8"),
    "html": (b"<!DOCTYPE html>", "not valid JSON"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "not valid JSON"),
    "duplicate": (b'{"a": 1, "a": 2}', "'a' stands twice"),
    "deep object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "at most 64 levels"),
    "deep array": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "at most 64 levels"),
    "a little too deep": (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "at most 64 levels"),
    "large": (b'{"a": "' + b"x" * 10_000_000 + b'"}', "at most 10,000,000 bytes"),
    "long integer": (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
    "NaN": (b'{"epsilon": NaN}', "epsilon: expected a number, found NaN"),
    "NaN in unknown": (b'{"a": {"b": [NaN]}}', "a: expected a number, found NaN"),
    "infinity": (b'{"epsilon": -Infinity}', "epsilon: expected a finite number"),
    "infinity in unknown": (b'{"a": [1e999]}', "a: expected finite numbers"),
    "bool for int": (b'{"hidden_size": true}', "hidden_size: expected an integer, found True"),
    "int for bool": (b'{"use_cache": 1}', "use_cache: expected true or false, found 1"),
    "float for int": (b'{"hidden_size": 8.0}', "hidden_size: expected an integer, found 8.0"),
    "string for int": (b'{"hidden_size": "8"}', "hidden_size: expected an integer, found '8'"),
    "null for int": (b'{"hidden_size": null}', "hidden_size: expected an integer, found None"),
    "1e308": (b'{"hidden_size": 1e308}', "hidden_size: expected an integer, found 1e"),
    "zero": (b'{"hidden_size": 0}', "hidden_size: expected at least 1, found 0"),
    "negative": (b'{"num_attention_heads": -2}', "num_attention_heads: expected at least 1"),
    "huge": (b'{"hidden_size": 4294967296}', "hidden_size: expected at most 2147483648"),
    "very negative": (b'{"max_length": -4294967296}', "max_length: expected at least -2147483648"),
    "layers": (b'{"num_hidden_layers": 1000000000}', "num_hidden_layers: expected at most 10000"),
    "not divisible": (b'{"hidden_size": 9}', r"hidden_size: expected a multiple of .* \(2\)"),
    "item": (b'{"depths": [1, "2"]}', "depths: expected a list .an integer."),
    "zero in list": (b'{"depths": [1, 0]}', "depths: expected at least 1"),
    "activation": (b'{"hidden_act": "__import__"}', "hidden_act: expected one of"),
    "activation list": (b'{"hidden_act": ["gelu"]}', "hidden_act: expected a string"),
    "labels": (b'{"id2label": {"x": "a"}}', "id2label: expected integers as keys"),
    "many labels": (b'{"num_labels": 1000000000}', "num_labels: expected an integer from 0 to"),
    "labels as text": (b'{"num_labels": "3"}', "num_labels: expected an integer from 0 to"),
    "dtype": (b'{"torch_dtype": "__import__"}', "dtype: expected one of"),
    "problem type": (b'{"problem_type": "x"}', "problem_type: expected one of"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name, tmp_path):
    data, message = HOSTILE[name]
    path = tmp_path / "config.json"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        SmallConfig.from_pretrained(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert len(text) < 700 and "\n" not in text


def test_data_that_others_act_on_is_only_kept(tmp_path):
    text = '{"auto_map": {"AutoConfig": "os.system"}, "trust_remote_code": true, "_x": 1}'
    (tmp_path / "config.json").write_text(text)
    config = SmallConfig.from_pretrained(tmp_path)
    written = config.to_diff_dict()
    assert written["auto_map"] == {"AutoConfig": "os.system"}
    assert written["trust_remote_code"] is True and written["_x"] == 1


def test_keys_that_look_like_attributes_change_nothing(tmp_path):
    cls = SmallConfig
    names = [name for name in dir(cls) if not isinstance(getattr(cls, name), property)]
    names = sorted(set(names) - {"model_type", "_attn_implementation"})
    entries = ", ".join(f'"{name}": "evil"' for name in names)
    (tmp_path / "config.json").write_text("{" + entries + "}")
    config = SmallConfig.from_pretrained(tmp_path)
    for name in names:
        assert getattr(config, name) != "evil"
    config.save_pretrained(tmp_path)
    assert SmallConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_other_things_in_its_place(tmp_path):
    path = tmp_path / "config.json"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="expected a regular file, found a named pipe"):
        SmallConfig.from_pretrained(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="expected a regular file, found a folder"):
        SmallConfig.from_pretrained(tmp_path)


def test_deep_data_from_python():
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ConfigError, match="at most 64 levels"):
        SmallConfig.from_dict({"a": value})
