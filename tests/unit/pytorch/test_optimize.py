"""Models whose linear layers hold reordered weights."""

from __future__ import annotations

import copy
import io
from importlib import import_module

import pytest
import torch
import triptych
from triptych.errors import InputError
from triptych.pytorch import compile, optimize, parameters, state_dict
from triptych.pytorch.packed_linear import PackedLinear

SIZES = {"vocab_size": 31, "num_hidden_layers": 2, "num_attention_heads": 2}
CASES = {  # whose layers are stored as they are, transposed, and tied
    "BertForMaskedLM": ("bert", {**SIZES, "hidden_size": 32, "intermediate_size": 48}),
    "GPT2LMHeadModel": ("gpt2", {"vocab_size": 31, "n_layer": 2, "n_head": 2, "n_embd": 32}),
    "LlamaForCausalLM": ("llama", {**SIZES, "hidden_size": 32, "intermediate_size": 48}),
}
IDS = torch.randint(1, 31, (3, 7), generator=torch.Generator().manual_seed(1))


def made(name):
    torch.manual_seed(0)
    folder, fields = CASES[name]
    package = import_module(f"triptych.models.{folder}")
    model = getattr(package, name)
    return model(model.config_class(**fields)).eval()


@torch.no_grad()
def logits(model):
    return model(IDS).logits


@pytest.fixture(params=CASES)
def pair(request):
    """A model, and an optimized one with the same weights."""
    return made(request.param), optimize(made(request.param))


def close(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * float(other.square().mean().sqrt()))


def test_gives_the_same(pair):
    plain, packed = pair
    assert not any(type(module) is torch.nn.Linear for module in packed.modules())
    close(logits(packed), logits(plain))


def test_generates_the_same():
    name = "GPT2LMHeadModel"
    options = {"attention_mask": torch.ones_like(IDS), "max_new_tokens": 5, "pad_token_id": 0}
    for search in ({}, {"num_beams": 3}, {"cache_implementation": "static"}):
        expected = made(name).generate(IDS, **options, **search)
        assert torch.equal(optimize(made(name)).generate(IDS, **options, **search), expected)


def test_compiles():
    packed = optimize(made("GPT2LMHeadModel"))
    close(logits(compile(packed, backend="aot_eager")), logits(packed))


def test_holds_weights_once():
    plain, packed = made("LlamaForCausalLM"), optimize(made("LlamaForCausalLM"))
    linear = [m for m in plain.modules() if isinstance(m, torch.nn.Linear)]
    kept = plain.num_parameters() - sum(layer.weight.numel() for layer in linear)
    assert packed.num_parameters() == kept == sum(p.numel() for p in parameters(packed).values())


def test_saves_what_it_was_made_of(pair, tmp_path):
    plain, packed = pair
    expected = state_dict(plain)
    found = state_dict(packed)
    assert found.keys() == expected.keys()
    assert all((found[name] == expected[name]).all() for name in expected)
    packed.save_pretrained(tmp_path)
    assert torch.equal(logits(triptych.load(tmp_path)), logits(plain))


def test_loads_a_state_dict(pair):
    plain, packed = pair
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.mul_(1.5)
    packed.load_state_dict(plain.state_dict())
    close(logits(packed), logits(plain))
    wrong = {name: x[:2] for name, x in plain.state_dict().items()}
    with pytest.raises((InputError, RuntimeError), match="expected|size mismatch"):
        packed.load_state_dict(wrong)


def test_is_copied_pickled_and_moved(pair):
    _, packed = pair
    expected = logits(packed)
    copied = copy.deepcopy(packed)
    assert torch.equal(logits(copied), expected)
    stream = io.BytesIO()
    torch.save(packed, stream)
    stream.seek(0)
    assert torch.equal(logits(torch.load(stream, weights_only=False)), expected)
    wide = logits(copied.double())
    assert wide.dtype == torch.float64
    close(logits(copied.float().to("cpu")), expected)
    assert any(isinstance(m, PackedLinear) and m.reordered for m in copied.modules())


def test_has_no_gradients(pair):
    _, packed = pair
    assert not logits(packed).requires_grad
    x = packed.get_input_embeddings()(IDS).requires_grad_()
    with pytest.raises(InputError, match="no gradients"):
        packed(inputs_embeds=x)


def test_layers_of_other_kinds_stay():
    class Own(torch.nn.Linear):
        pass

    model = optimize(torch.nn.Sequential(Own(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 2)))
    assert [type(layer) for layer in model] == [Own, torch.nn.LayerNorm, PackedLinear]
    assert repr(model[2]) == "PackedLinear(in_features=4, out_features=2)"
    narrow = torch.nn.Sequential(torch.nn.Linear(3, 4, dtype=torch.bfloat16))
    assert type(optimize(narrow)[0]) is torch.nn.Linear


def test_a_layer_at_several_places():
    layer = torch.nn.Linear(3, 3)
    model = optimize(torch.nn.Sequential(layer, torch.nn.Sequential(layer), layer))
    assert model[0] is model[2] is model[1][0] and isinstance(model[0], PackedLinear)
