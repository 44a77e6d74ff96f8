"""Generated models with another number of tokens, in three frameworks."""

from importlib import import_module

import numpy as np
import pytest
import triptych
from triptych.errors import InputError

SMALL = {
    "vocab_size": 11,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "pad_token_id": 0,
}
CASES = {
    "masked": ("bert", "BertForMaskedLM", {}),
    "pretraining": ("bert", "BertForPreTraining", {}),
    "tied": ("llama", "LlamaForCausalLM", {"tie_word_embeddings": True}),
    "untied": ("llama", "LlamaForCausalLM", {}),
    "headless": ("llama", "LlamaForQuestionAnswering", {}),
}
IDS = np.array([[1, 5, 9, 3]])


@pytest.fixture(params=[(case, prefix) for case in CASES for prefix in ("", "TF", "Flax")])
def model(request):
    """A model of 11 tokens, and how it is called."""
    case, prefix = request.param
    folder, name, options = CASES[case]
    package = import_module(f"triptych.models.{folder}")
    config = getattr(package, f"{folder.title()}Config")(**SMALL, **options)
    return getattr(package, prefix + name)(config)


def outputs(model, ids):
    """The arrays a model gives."""
    if type(model).__name__.startswith(("TF", "Flax")):
        found = model(ids)
    else:
        import torch

        with torch.no_grad():
            found = model.eval()(torch.tensor(ids))
    return [np.asarray(x) for x in found.values() if hasattr(x, "shape")]


def test_old_tokens_keep_their_numbers(model, tmp_path):
    before = outputs(model, IDS)
    table = model.resize_token_embeddings(14)
    assert table is model.get_input_embeddings() and table.num_embeddings == 14
    assert model.config.vocab_size == 14
    for old, new in zip(before, outputs(model, IDS), strict=True):
        assert new.shape[-1] == (14 if old.shape[-1] == 11 else old.shape[-1])
        np.testing.assert_allclose(new[..., : old.shape[-1]], old, atol=1e-6)
    has_logits = any(x.shape[-1] == 14 for x in outputs(model, IDS))
    assert (model.get_output_embeddings() is not None) == has_logits
    ids = np.array([[13, 12, 2]])
    expected = outputs(model, ids)
    model.save_pretrained(tmp_path)
    again, info = type(model).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    for one, other in zip(outputs(again, ids), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    model.resize_token_embeddings(11)
    for old, new in zip(before, outputs(model, IDS), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_impossible_sizes_change_nothing(model):
    for size in (0, -1, 2.0, True, "14"):
        with pytest.raises(InputError, match="size: expected a number of tokens"):
            model.resize_token_embeddings(size)
    assert model.config.vocab_size == 11
    assert next(iter(triptych.state_dict(model).values())).shape[0] == 11


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("", marks=pytest.mark.xfail(strict=True, reason="no rule for first values")),
        "TF",
        pytest.param("Flax", marks=pytest.mark.xfail(strict=True, reason="its table is not found")),
    ],
)
def test_the_table_inside_a_composite(prefix):
    package = import_module("triptych.models.llava")
    text = {**SMALL, "model_type": "llama"}
    sizes = {name: SMALL[name] for name in SMALL if name not in ("vocab_size", "pad_token_id")}
    vision = {**sizes, "model_type": "clip_vision_model", "image_size": 8, "patch_size": 4}
    config = package.LlavaConfig(text_config=text, vision_config=vision, image_token_index=9)
    model = getattr(package, f"{prefix}LlavaForConditionalGeneration")(config)
    ids = np.array([[1, 5, 3, 8]])
    before = outputs(model, ids)
    table = model.resize_token_embeddings(14)
    assert table is model.get_input_embeddings() and table.num_embeddings == 14
    assert model.config.text_config.vocab_size == 14
    for old, new in zip(before, outputs(model, ids), strict=True):
        np.testing.assert_allclose(new[..., : old.shape[-1]], old, atol=1e-6)
