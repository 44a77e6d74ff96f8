"""What a call of `generate` is checked for before any work, and the lengths that it gets."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from triptych.errors import InputError
from triptych.generation import GenerationConfig, checks
from triptych.generation.lengths import Lengths, plan_lengths

FACTS = json.loads(
    (Path(__file__).parents[1] / "references" / "generation_config.json").read_text("utf-8")
)
QUIET = pytest.mark.filterwarnings("ignore:these settings")


@pytest.mark.parametrize(
    "settings, options, expected",
    [
        ({}, {}, (4, 24, 0)),
        ({}, {"limit": 10}, (4, 10, 0)),
        ({"max_length": 9}, {"limit": 8}, (4, 9, 0)),
        ({"max_length": 20}, {"given": {"max_length": 20}}, (4, 20, 0)),
        ({"max_length": None}, {}, (4, 24, 0)),
        ({"max_new_tokens": 3, "max_length": 9}, {"given": {"max_new_tokens": 3}}, (4, 7, 0)),
        ({"max_new_tokens": 3, "min_new_tokens": 2, "min_length": 1}, {}, (4, 7, 6)),
        ({"min_length": 6}, {}, (4, 24, 6)),
        ({"max_length": 9, "min_length": 7}, {"embedded": 6}, (4, 3 + 0, 1)),
        ({"max_new_tokens": 7}, {"positions": 10}, (4, 11, 0)),
    ],
)
def test_lengths(settings, options, expected):
    prompt = 0 if "embedded" in options else 4
    found = plan_lengths(GenerationConfig(**settings), prompt, **options)
    assert found == Lengths(prompt, *expected[1:])
    assert found.new == expected[1] - prompt


@pytest.mark.parametrize(
    "settings, options, message",
    [
        ({}, {"given": {"max_length": 9, "max_new_tokens": 3}}, "found both, 9 and 3"),
        ({"max_length": 4}, {}, "more than the prompt's 4 tokens, found 4"),
        ({}, {"limit": 4}, "more than the prompt's 4 tokens, found 4"),
        ({"max_new_tokens": 8}, {"positions": 10}, "max_new_tokens: the model has 10 positions"),
        ({"max_length": 12}, {"positions": 10}, "expected at most 7 new tokens, found 8"),
    ],
)
def test_lengths_that_cannot_be(settings, options, message):
    with pytest.raises(InputError, match=message):
        plan_lengths(GenerationConfig(**settings), 4, **options)


@pytest.mark.parametrize("name", ["min_length", "min_new_tokens"])
def test_more_tokens_than_can_be_had(name):
    config = GenerationConfig(max_new_tokens=3, **{name: 9})
    with pytest.warns(UserWarning, match=f"{name}: asks for"):
        plan_lengths(config, 4)


def test_arguments():
    fields = GenerationConfig.names()
    checks.check_arguments(["attention_mask"], ["input_ids", "attention_mask"], fields)
    with pytest.raises(InputError, match="max_new_token: neither.*Did you mean 'max_new_tokens'"):
        checks.check_arguments(["max_new_token"], ["input_ids"], fields)
    with pytest.raises(InputError, match="Did you mean 'attention_mask'"):
        checks.check_arguments(["atention_mask"], ["attention_mask"], fields)


@pytest.mark.parametrize(
    "ids, message",
    [
        ([1, 2], r"expected \[b, s\], found 1 axes. A single sequence"),
        ([[[1]]], r"expected \[b, s\], found 3 axes"),
        ([[1.0]], "expected integers, found float64"),
        ([[True]], "expected integers, found bool"),
        (np.zeros((0, 3), int), "expected one sequence or more, found none"),
        ([[1, 10]], "expected ids from 0 to 9, found 10"),
        ([[1, -1]], "expected ids from 0 to 9, found -1"),
    ],
)
def test_ids(ids, message):
    ids = np.array(ids)
    with pytest.raises(InputError, match=f"input_ids: {message}"):
        checks.check_ids(ids.shape, ids.dtype, ids, 10)


def test_ids_that_can_be_used():
    for dtype in ("torch.int64", "int32", np.dtype("uint8")):
        checks.check_ids((2, 3), dtype)
    checks.check_ids((1, 0), "int32", np.zeros((1, 0), int), 10)
    checks.check_ids((1, 2), "int32", np.array([[0, 9]]), 10)
    checks.check_prompt(0, 3)
    checks.check_prompt(1, None)
    with pytest.raises(InputError, match="nothing to begin with"):
        checks.check_prompt(0, None)


def test_masks():
    checks.check_mask((2, 3), 2, 3)
    with pytest.raises(InputError, match=r"expected \[2, 3\], like the prompt, found \[2, 4\]"):
        checks.check_mask((2, 4), 2, 3)


def test_padding_on_the_right():
    ids = np.array([[1, 2], [3, 0]])
    with pytest.warns(UserWarning, match="pad on the left"):
        checks.warn_right_padding(ids, pad_token_id=0)
    with pytest.warns(UserWarning, match="pad on the left"):
        checks.warn_right_padding(ids, np.array([[1, 1], [1, 0]]))
    with warnings.catch_warnings(action="error"):
        checks.warn_right_padding(ids, np.ones((2, 2)), 0)
        checks.warn_right_padding(ids[:, ::-1], pad_token_id=0)
        checks.warn_right_padding(ids[1:], pad_token_id=0)
        checks.warn_right_padding(ids[:, :0], pad_token_id=0)


@pytest.mark.parametrize(
    "settings",
    [
        {"sequence_bias": [[[10], 1.0]]},
        {"bad_words_ids": [[1], [2, 10]]},
        {"forced_bos_token_id": 10},
        {"forced_eos_token_id": [3, 10]},
        {"decoder_start_token_id": -1},
    ],
    ids=str,
)
def test_tokens_in_settings(settings):
    with pytest.raises(InputError, match=f"{next(iter(settings))}: expected ids from 0 to 9"):
        checks.check_token_ids(GenerationConfig(**settings), 10)
    checks.check_token_ids(GenerationConfig(), 10)


def test_first_tokens_of_decoders():
    assert checks.decoder_start(GenerationConfig(bos_token_id=3), 2) == [3, 3]
    config = GenerationConfig(bos_token_id=3, decoder_start_token_id=[4, 5])
    assert checks.decoder_start(config, 2) == [4, 5]
    with pytest.raises(InputError, match="expected one token, or 3"):
        checks.decoder_start(config, 3)
    with pytest.raises(InputError, match="needs a first token"):
        checks.decoder_start(GenerationConfig(), 3)


@pytest.mark.parametrize(
    "settings, options, message",
    [
        ({"num_beams": 2}, {"streamer": True}, "num_beams: expected 1 with a streamer, found 2"),
        ({"penalty_alpha": 0.5, "use_cache": False}, {}, "contrastive search needs a cache"),
        ({"penalty_alpha": 0.5}, {"stateful": True}, "goes back to earlier tokens"),
        ({"num_beams": 2}, {"assistant": True}, "assistant_model: expected .*found beam search"),
        ({}, {"assistant": True, "batch": 2}, "expected a batch of 1 with an assistant"),
        ({"use_cache": False}, {"assistant": True}, "needs a cache"),
        ({}, {"assistant": True, "stateful": True}, "goes back to earlier tokens"),
        ({"cache_implementation": "static"}, {"assistant": True}, "a cache that grows"),
        ({"prompt_lookup_num_tokens": 2}, {"batch": 2}, "expected a batch of 1"),
        ({"do_sample": True, "num_return_sequences": 2}, {"assistant": True}, "expected 1 with"),
    ],
)
def test_searches_that_cannot_be(settings, options, message):
    config = GenerationConfig(**settings)
    mode = config.get_generation_mode(True if options.get("assistant") else None)
    with pytest.raises(InputError, match=message):
        checks.check_search(mode, config, **{"batch": 1} | options)


@QUIET
def test_searches_that_can_be():
    for settings, _ in FACTS["modes"]:
        config = GenerationConfig(**settings)
        if config.prompt_lookup_num_tokens and (config.num_beams > 1 or config.penalty_alpha):
            continue
        checks.check_search(config.get_generation_mode(), config, batch=1)
    config = GenerationConfig()
    checks.check_search(config.get_generation_mode(), config, batch=3, streamer=True)


def test_other_combinations():
    static = GenerationConfig(cache_implementation="static")
    checks.check_cache(static, given=False)
    checks.check_cache(GenerationConfig(), given=True)
    with pytest.raises(InputError, match="expected one of cache_implementation and past_key"):
        checks.check_cache(static, given=True)
    chunks = GenerationConfig(prefill_chunk_size=2)
    checks.check_chunks(chunks, cached=True)
    checks.check_chunks(GenerationConfig(), cached=False, other=["pixel_values"])
    with pytest.raises(InputError, match="a prompt in chunks needs a decoder alone, with a cache"):
        checks.check_chunks(chunks, cached=False)
    with pytest.raises(InputError, match="has tokens alone, not pixel_values.*found 2"):
        checks.check_chunks(chunks, cached=True, other=["pixel_values"])

    checks.check_stop_strings(GenerationConfig(), None)
    with pytest.raises(InputError, match="stop_strings: text needs a tokenizer"):
        checks.check_stop_strings(GenerationConfig(stop_strings="a"), None)
    with pytest.raises(InputError, match="tokenizer: expected an object with `decode"):
        checks.check_stop_strings(GenerationConfig(stop_strings="a"), "a")

    guided = GenerationConfig(guidance_scale=2.0)
    none = {"negative_prompt_ids": None, "negative_prompt_attention_mask": None}
    checks.check_guidance(guided, none)
    checks.check_guidance(guided, none | {"negative_prompt_ids": [[1]]})
    with pytest.raises(InputError, match="negative_prompt_ids has no effect"):
        checks.check_guidance(GenerationConfig(), none | {"negative_prompt_ids": [[1]]})
    with pytest.raises(InputError, match="a mask without the prompt"):
        checks.check_guidance(guided, none | {"negative_prompt_attention_mask": [[1]]})
    with pytest.raises(InputError, match="decoders without an encoder"):
        checks.check_guidance(guided, none, is_encoder_decoder=True)

    checks.check_streamer(None)
    with pytest.raises(InputError, match="streamer: expected an object with `put` and `end`"):
        checks.check_streamer([])
    checks.check_callables("stopping_criteria", [len])
    checks.check_callables("stopping_criteria", None)
    with pytest.raises(InputError, match="stopping_criteria: expected a list of functions"):
        checks.check_callables("stopping_criteria", len)
    with pytest.raises(InputError, match="logits_processor: expected functions, found int"):
        checks.check_callables("logits_processor", [3])
