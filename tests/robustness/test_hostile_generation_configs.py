"""Every hostile generation_config.json gives one ConfigError that names the file."""

from __future__ import annotations

import os

import pytest
from triptych.errors import ConfigError, InputError
from triptych.generation import GenerationConfig

HOSTILE = {
    "empty": (b"", "not valid JSON"),
    "cut": (b'{"max_length": 8', "not valid JSON"),
    "array": (b"[1]", "expected a JSON object, found"),
    "null": (b"null", "expected a JSON object, found None"),
    "latin-1": (b'{"a": "\xe9"}', "not UTF-8"),
    "html": (b"<!DOCTYPE html>", "not valid JSON"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "not valid JSON"),
    "duplicate": (b'{"top_k": 1, "top_k": 2}', "'top_k' stands twice"),
    "deep object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "at most 64 levels"),
    "a little too deep": (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "at most 64 levels"),
    "large": (b'{"a": "' + b"x" * 10_000_000 + b'"}', "at most 10,000,000 bytes"),
    "long integer": (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
    "NaN": (b'{"temperature": NaN}', "temperature: expected a number, found NaN"),
    "infinity": (b'{"temperature": Infinity}', "temperature: expected a finite number"),
    "infinity in unknown": (b'{"a": [1e999]}', "a: expected finite numbers"),
    "text": (b'{"max_length": "20"}', "max_length: expected an integer or null, found '20'"),
    "float": (b'{"max_length": 20.0}', "max_length: expected an integer or null, found 20.0"),
    "bool": (b'{"num_beams": true}', "num_beams: expected an integer, found True"),
    "null for a number": (b'{"num_beams": null}', "num_beams: expected an integer, found None"),
    "huge": (b'{"max_new_tokens": 4294967296}', "max_new_tokens: expected at most 2147483648"),
    "none": (b'{"num_beams": 0}', "num_beams: expected at least 1, found 0"),
    "negative": (b'{"max_new_tokens": -3}', "max_new_tokens: expected at least 1"),
    "beyond": (b'{"top_p": 2}', "top_p: expected at most 1"),
    "choice": (b'{"cache_implementation": "os.system"}', "cache_implementation: expected one of"),
    "early": (b'{"early_stopping": "now"}', "early_stopping: expected true, false or 'never'"),
    "ids": (b'{"eos_token_id": [1, "2"]}', "eos_token_id: expected an integer or a list"),
    "nested ids": (b'{"eos_token_id": [[1]]}', "eos_token_id: expected an integer or a list"),
    "words": (b'{"bad_words_ids": [[]]}', "bad_words_ids: expected one token or more"),
    "bias": (b'{"sequence_bias": {"(1,)": 2.0}}', "sequence_bias: expected tuples"),
    "pair": (b'{"sequence_bias": [[[1]]]}', "sequence_bias: expected a list"),
    "sequences": (b'{"num_return_sequences": 3}', "num_return_sequences: expected 1"),
    "groups": (b'{"num_beams": 4, "num_beam_groups": 3}', "num_beam_groups: expected a divisor"),
    "unsupported": (b'{"watermarking_config": {"bias": 2}}', "not supported"),
    "languages": (b'{"lang_to_id": {"en": "x"}}', "lang_to_id: expected an object"),
    "heads": (b'{"alignment_heads": [1]}', "alignment_heads: expected a list"),
    "task": (b'{"task": "__import__"}', "task: expected one of"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name, tmp_path):
    data, message = HOSTILE[name]
    path = tmp_path / "generation_config.json"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        GenerationConfig.from_pretrained(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert len(text) < 700 and "\n" not in text
    with pytest.raises(ConfigError, match=message):
        GenerationConfig.of_checkpoint(tmp_path, {})


def test_not_a_regular_file(tmp_path):
    (tmp_path / "a" / "generation_config.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match="expected a regular file, found a folder"):
        GenerationConfig.from_pretrained(tmp_path / "a")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "generation_config.json")
    with pytest.raises(ConfigError, match="expected a regular file, found a named pipe"):
        GenerationConfig.from_pretrained(tmp_path / "b")


def test_no_file(tmp_path):
    (tmp_path / "generation_cfg.json").write_text("{}")
    with pytest.raises(InputError, match="no such file. Did you mean 'generation_cfg.json'"):
        GenerationConfig.from_pretrained(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        GenerationConfig.from_pretrained(tmp_path / "none")


@pytest.mark.parametrize("key", ["__class__", "_fields", "_extra", "to_dict", "knows", "__init__"])
def test_keys_cannot_replace_the_classs_own(key, tmp_path):
    (tmp_path / "generation_config.json").write_text(f'{{"{key}": "changed"}}')
    config = GenerationConfig.from_pretrained(tmp_path)
    assert type(config) is GenerationConfig and config.to_dict()[key] == "changed"
    assert config.copy() == config
