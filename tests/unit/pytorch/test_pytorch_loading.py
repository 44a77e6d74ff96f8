"""Loading and saving."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tiny import TinyConfig, TinyForCausalLM, TinyModel, TinyPreTrainedModel, tiny
from torch import nn
from triptych.checkpoint import Split, Stack, Transpose, open_checkpoint, save_safetensors
from triptych.errors import CheckpointError, ConfigError, InputError
from triptych.pytorch import PreTrainedModel, Rules, constant, parameters, state_dict

IDS = torch.randint(1, 37, (2, 6), generator=torch.Generator().manual_seed(2))
NOTHING = {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": [], "error_msgs": []}


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert np.array_equal(array, other[name]), name


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shards", ["5GB", 5000])
def test_round_trip(tmp_path, tied, shards):
    model = tiny(tie_word_embeddings=tied)
    model.save_pretrained(tmp_path, max_shard_size=shards)
    loaded, info = TinyForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert info == NOTHING
    assert not loaded.training
    assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) == tied
    same(state_dict(loaded), state_dict(model))
    assert torch.equal(logits(loaded), logits(model))
    stored = open_checkpoint(tmp_path).names
    assert ("lm_head.weight" in stored) != tied
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["architectures"], config["dtype"]) == (["TinyForCausalLM"], "float32")
    assert model.config.architectures is None


def test_names(tmp_path):
    model = tiny()
    assert list(parameters(model))[:2] == [
        "model.embed_tokens.weight",
        "model.embed_positions.weight",
    ]
    assert "lm_head.weight" not in parameters(model)
    assert set(model.state_dict()) == {*state_dict(model), "lm_head.weight"}
    assert "model.layers.0.mlp.dense.weight" in state_dict(model)


def test_base_and_head(tmp_path):
    model = tiny(tie_word_embeddings=False)
    model.save_pretrained(tmp_path / "head")
    with pytest.warns(UserWarning, match="lm_head.weight"):
        base, info = TinyModel.from_pretrained(tmp_path / "head", output_loading_info=True)
    assert info["unexpected_keys"] == ["lm_head.weight"]
    same(state_dict(base), state_dict(model.model))
    base.save_pretrained(tmp_path / "base")
    with pytest.warns(UserWarning, match="lm_head.weight"):
        head, info = TinyForCausalLM.from_pretrained(tmp_path / "base", output_loading_info=True)
    assert info["missing_keys"] == ["lm_head.weight"]
    same(state_dict(head.model), state_dict(base))
    assert head.lm_head.weight.std().item() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize("dtype", ["bfloat16", torch.float16, "auto", None])
def test_dtypes(tmp_path, dtype):
    model = tiny().to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    assert {array.dtype.name for array in state_dict(model).values()} == {"bfloat16"}
    loaded = TinyForCausalLM.from_pretrained(tmp_path, dtype=dtype)
    expected = {None: torch.float32, torch.float16: torch.float16}.get(dtype, torch.bfloat16)
    assert {p.dtype for p in loaded.parameters()} == {expected}
    assert loaded.dtype == expected
    assert logits(loaded).dtype == expected
    assert loaded.init_cache(1, 4)[0].kv.keys.dtype == expected
    assert torch.get_default_dtype() == torch.float32


def test_wrong_dtype(tmp_path):
    for dtype in ("float23", torch.int64):
        with pytest.raises(ConfigError, match="dtype"):
            TinyForCausalLM.from_config(TinyConfig(), dtype=dtype)


def test_shapes_that_differ(tmp_path):
    tiny().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="embed_positions.weight"):
        TinyForCausalLM.from_pretrained(tmp_path, max_position_embeddings=32)
    with pytest.warns(UserWarning, match="embed_positions"):
        model, info = TinyForCausalLM.from_pretrained(
            tmp_path,
            max_position_embeddings=32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    name = "model.embed_positions.weight"
    assert info["mismatched_keys"] == [(name, (64, 32), (32, 32))]
    assert parameters(model)[name].shape == (32, 32)


def test_unknown_arguments(tmp_path):
    tiny().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="hiden_size.*hidden_size"):
        TinyForCausalLM.from_pretrained(tmp_path, hiden_size=3)
    with pytest.raises((InputError, ConfigError)):
        TinyForCausalLM.from_pretrained(tmp_path / "absent")


def test_loaded_weights_can_be_trained_and_the_file_stays(tmp_path):
    tiny().save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    model = TinyForCausalLM.from_pretrained(tmp_path)
    model(IDS, labels=IDS).loss.backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert (tmp_path / "model.safetensors").read_bytes() == before
    model.save_pretrained(tmp_path)
    same(state_dict(TinyForCausalLM.from_pretrained(tmp_path)), state_dict(model))


def test_old_names(tmp_path):
    class Renamed(TinyForCausalLM):
        checkpoint_rules = Rules(rename=((r"\.gamma$", ".weight"),), ignore=(r"position_ids$",))

    model = tiny()
    arrays = {
        name.replace("norm.weight", "norm.gamma"): array
        for name, array in state_dict(model).items()
    }
    arrays["model.position_ids"] = np.arange(3)
    save_safetensors(tmp_path / "model.safetensors", arrays)
    model.config.save_pretrained(tmp_path)
    loaded, info = Renamed.from_pretrained(tmp_path, output_loading_info=True)
    assert info == NOTHING
    same(state_dict(loaded), state_dict(model))


def test_resizing():
    for tied in (True, False):
        model = tiny(tie_word_embeddings=tied)
        before = logits(model)
        table = model.resize_token_embeddings(41)
        assert table is model.get_input_embeddings()
        assert (table.num_embeddings, model.lm_head.out_features) == (41, 41)
        assert model.config.vocab_size == 41
        assert (model.lm_head.weight is table.weight) == tied
        assert (table.weight[0] == 0).all()
        assert table.weight[37:].std() > 0.2
        assert torch.equal(logits(model)[..., :37], before)
        model.resize_token_embeddings(30)
        assert model(IDS % 30).logits.shape[-1] == 30
    assert tiny().get_output_embeddings() is not None
    assert tiny().model.get_output_embeddings() is None


class Fused(nn.Module):
    """Three matrices that the checkpoint keeps as one, transposed."""

    checkpoint_names = {
        "q": Split(Transpose("c_attn", (1, 0)), 3, 0),
        "k": Split(Transpose("c_attn", (1, 0)), 3, 1),
        "v": Split(Transpose("c_attn", (1, 0)), 3, 2),
        "out": "c_proj",
        "experts": Stack("experts.{}.w", 2),
    }

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(4, 4) for _ in range(4))
        self.experts = nn.Parameter(torch.empty(2, 3))


class Inner(PreTrainedModel):
    config_class = TinyConfig
    initializers = {**TinyPreTrainedModel.initializers, "param": constant(1.0)}
    checkpoint_names = {"unnamed": "", "block": "h"}

    def __init__(self, config):
        super().__init__(config)
        self.unnamed = nn.ModuleDict({"ln": nn.LayerNorm(4)})
        self.block = nn.ModuleList([Fused()])
        self.norm = nn.BatchNorm1d(4)
        self.post_init()


def test_names_and_forms_that_differ(tmp_path):
    torch.manual_seed(0)
    model = Inner(TinyConfig(initializer_range=0.5))
    nn.init.normal_(model.block[0].k.bias)
    expected = {
        "ln.weight", "ln.bias", "h.0.c_attn.weight", "h.0.c_attn.bias", "h.0.c_proj.weight",
        "h.0.c_proj.bias", "h.0.experts.0.w", "h.0.experts.1.w", "norm.weight", "norm.bias",
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
    }  # fmt: skip
    stored = state_dict(model)
    assert set(stored) == set(model.state_dict()) == expected
    assert np.array_equal(
        stored["h.0.c_attn.weight"],
        torch.cat([model.block[0].q.weight, model.block[0].k.weight, model.block[0].v.weight])
        .T.detach().numpy(),
    )  # fmt: skip
    assert "h.0.q.weight" in parameters(model)
    model.save_pretrained(tmp_path)
    loaded, info = Inner.from_pretrained(tmp_path, output_loading_info=True)
    assert info == NOTHING
    same(state_dict(loaded), stored)
    other = Inner(TinyConfig())
    other.load_state_dict(model.state_dict())
    same(state_dict(other), stored)
    same({k: v.numpy() for k, v in other.state_dict().items()}, stored)


def test_what_is_missing_is_initialised(tmp_path):
    model = Inner(TinyConfig())
    arrays = state_dict(model)
    for name in ("norm.running_var", "norm.num_batches_tracked", "h.0.c_proj.bias"):
        del arrays[name]
    arrays["norm.running_mean"] = np.arange(4, dtype=np.float32)
    save_safetensors(tmp_path / "model.safetensors", arrays)
    model.config.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="c_proj.bias"):
        loaded, info = Inner.from_pretrained(tmp_path, output_loading_info=True)
    assert info["missing_keys"] == ["h.0.c_proj.bias", "norm.running_var"]
    assert (loaded.norm.running_var == 1).all()
    assert loaded.norm.running_mean.tolist() == [0, 1, 2, 3]
    assert loaded.norm.num_batches_tracked == 0
    assert (loaded.block[0].out.bias == 0).all()
