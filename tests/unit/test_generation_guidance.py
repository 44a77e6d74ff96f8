"""Guidance: what is kept of the other prompt does not change what is found."""

import numpy as np
import pytest
from triptych import FlaxGPT2LMHeadModel, GPT2Config, GPT2LMHeadModel, TFGPT2LMHeadModel

CONFIG = {"n_layer": 1, "n_head": 2, "n_embd": 16, "vocab_size": 40, "initializer_range": 0.5}
PROMPT = [[3, 7, 9, 21], [5, 2, 8, 30]]
OTHER = {
    "negative_prompt_ids": [[1, 6, 4], [9, 9, 2]],
    "negative_prompt_attention_mask": [[0, 1, 1], [1, 1, 1]],
}
OPTIONS = {"max_new_tokens": 5, "guidance_scale": 1.6, "pad_token_id": 0}


@pytest.fixture(scope="module", params=[GPT2LMHeadModel, TFGPT2LMHeadModel, FlaxGPT2LMHeadModel])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    GPT2LMHeadModel(GPT2Config(**CONFIG)).save_pretrained(folder)
    return request.param.from_pretrained(folder)


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("other", [{}, OTHER], ids=["last_token", "negative_prompt"])
def test_without_a_cache(model, beams, other):
    found = [
        np.asarray(model.generate(PROMPT, num_beams=beams, use_cache=cached, **other, **OPTIONS))
        for cached in (True, False)
    ]
    assert np.array_equal(*found)
