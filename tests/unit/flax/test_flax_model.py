"""Models: first values, loading and saving, sizes, inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from flax_toy import FlaxToyForCausalLM, FlaxToyModel, FlaxToyPreTrainedModel, ToyConfig
from triptych.checkpoint import Split, Transpose, open_checkpoint, save_checkpoint
from triptych.errors import ConfigError, InputError
from triptych.flax import (
    Embedding,
    LayerNorm,
    Linear,
    Parameter,
    constant,
    fan_in_uniform,
    kaiming_normal,
    kaiming_normal_out,
    kaiming_uniform,
    normal,
    parameters,
    state_dict,
    trunc_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
)

IDS = np.random.default_rng(0).integers(1, 31, (2, 9))


@pytest.fixture(scope="module")
def model():
    return FlaxToyForCausalLM(ToyConfig(), rngs=nnx.Rngs(3))


def assert_equal_tensors(one, other):
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_names_and_layout(model):
    tensors = state_dict(model)
    assert "lm_head.weight" not in tensors  # tied
    name = "toy.encoder.layer.1.intermediate.dense.weight"
    assert tensors[name].shape == (24, 16)
    kernel = model.toy.encoder.layer[1].intermediate.weight
    assert (tensors[name] == kernel[...].T).all()
    assert parameters(model)[name] is kernel
    assert list(parameters(model)) == list(tensors)


@pytest.mark.parametrize("scan", [False, True])
def test_round_trip(model, tmp_path, scan):
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    again, info = FlaxToyForCausalLM.from_pretrained(
        tmp_path, scan_layers=scan, output_loading_info=True
    )
    assert not any(info.values())
    assert_equal_tensors(state_dict(again), state_dict(model))
    np.testing.assert_allclose(again(IDS).logits, model(IDS).logits, atol=3e-6)
    assert again.lm_head.weight is again.toy.embeddings.weight
    assert again.config.architectures == ["ToyForCausalLM"]
    again.save_pretrained(tmp_path / "second")
    model.save_pretrained(tmp_path / "first")
    files = [tmp_path / name / "model.safetensors" for name in ("first", "second")]
    assert files[0].read_bytes() == files[1].read_bytes()
    # Random state is there too, so it can train.
    again = FlaxToyForCausalLM.from_pretrained(tmp_path, dropout=0.5, scan_layers=scan)
    again.train()
    assert (again(IDS).logits != again(IDS).logits).any()


def test_stacked_parameters_by_name():
    model = FlaxToyForCausalLM(ToyConfig(scan_layers=True))
    name = "toy.encoder.layer.2.output.weight"
    parameter = parameters(model)[name]
    assert parameter.shape == (24, 16) and parameter.size == 24 * 16
    parameter.set_value(jnp.ones((24, 16)))
    assert (state_dict(model)[name] == 1).all()
    assert not (state_dict(model)[name.replace("2", "1")] == 1).any()


def test_base_prefix(model, tmp_path):
    model.toy.save_pretrained(tmp_path)
    head, info = FlaxToyForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert_equal_tensors(state_dict(head), state_dict(model))
    model.save_pretrained(tmp_path)
    base = FlaxToyModel.from_pretrained(tmp_path)
    assert_equal_tensors(state_dict(base), state_dict(model.toy))


def test_old_missing_and_mismatched_names(model, tmp_path):
    tensors = state_dict(model.toy)
    tensors["LayerNorm.gamma"] = tensors.pop("LayerNorm.weight") + 2
    tensors["position_ids"] = np.arange(3)
    tensors["other"] = np.arange(3)
    del tensors["encoder.layer.0.output.weight"]
    model.config.save_pretrained(tmp_path)
    save_checkpoint(tmp_path, tensors)
    for scan in (False, True):
        got, info = FlaxToyModel.from_pretrained(
            tmp_path, output_loading_info=True, scan_layers=scan
        )
        assert info["missing_keys"] == ["encoder.layer.0.output.weight"]
        assert info["unexpected_keys"] == ["other"]
        assert (got.LayerNorm.weight[...] == 3).all()
        fresh = state_dict(got)["encoder.layer.0.output.weight"]
        assert 0.2 < fresh.std() < 0.4
    with pytest.warns(UserWarning, match="newly initialised"):
        FlaxToyModel.from_pretrained(tmp_path)
    with pytest.raises(Exception, match="shapes differ"):
        FlaxToyModel.from_pretrained(tmp_path, vocab_size=40)
    got, info = FlaxToyModel.from_pretrained(
        tmp_path, vocab_size=40, ignore_mismatched_sizes=True, output_loading_info=True
    )
    assert info["mismatched_keys"] == [("embeddings.weight", (31, 16), (40, 16))]


def test_dtypes(model, tmp_path):
    model.save_pretrained(tmp_path)
    half = FlaxToyForCausalLM.from_pretrained(tmp_path, dtype="bfloat16")
    out = half(IDS, labels=IDS, output_hidden_states=True)
    assert half.dtype == jnp.bfloat16 and out.loss.dtype == jnp.float32
    assert {x.dtype for x in jax.tree.leaves((out.logits, out.hidden_states))} == {half.dtype}
    assert half.init_cache(1, 4)[0].kv.key.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        np.asarray(out.logits, np.float32), model(IDS).logits, atol=0.12, rtol=0.05
    )
    half.save_pretrained(tmp_path)
    with open_checkpoint(tmp_path) as checkpoint:
        assert all(checkpoint.info(name).dtype == half.dtype for name in checkpoint.names)
    assert FlaxToyForCausalLM.from_pretrained(tmp_path, dtype="auto").dtype == jnp.bfloat16
    assert FlaxToyForCausalLM.from_pretrained(tmp_path).dtype == jnp.float32
    assert FlaxToyModel.from_config(ToyConfig(), dtype=jnp.bfloat16).dtype == jnp.bfloat16


def test_inputs_of_other_kinds(model):
    expected = model(IDS).logits
    assert (model(IDS.tolist(), attention_mask=np.ones((2, 9), bool)).logits == expected).all()
    embeds = np.asarray(model.toy.embeddings.weight[...])[IDS].astype(np.float64)
    got = model.toy(inputs_embeds=embeds, return_dict=False)[0]
    assert (got == model.toy(IDS).last_hidden_state).all()
    with pytest.raises(InputError, match="one length"):
        model([[1, 2], [3]])
    with pytest.raises(InputError, match="0 to 30"):
        model(np.array([[31]]))
    with pytest.raises(InputError, match="0 to 19"):
        model(np.ones((1, 21), int))
    with pytest.raises(ConfigError, match="ToyConfig"):
        FlaxToyModel(3)


def test_unknown_options(model, tmp_path):
    model.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="Did you mean 'vocab_size'"):
        FlaxToyForCausalLM.from_pretrained(tmp_path, vocab_sise=3)
    again = FlaxToyForCausalLM.from_pretrained(tmp_path, scan_layers=True)
    again.save_pretrained(tmp_path)
    assert "scan_layers" not in (tmp_path / "config.json").read_text()


def test_empty_batch_and_single_token(model):
    assert model(np.zeros((0, 3), int)).logits.shape == (0, 3, 31)
    assert model(np.ones((1, 1), int)).logits.shape == (1, 1, 31)


def test_records_are_pytrees(model):
    out = jax.jit(lambda: model(IDS, output_hidden_states=True))()
    assert list(out) == ["logits", "past_key_values", "hidden_states"] and out.loss is None
    assert out.past_key_values.length == 9


def test_first_values():
    config = ToyConfig(vocab_size=2000, hidden_size=128, intermediate_size=512)
    model = FlaxToyModel(config)
    table = np.asarray(model.embeddings.weight[...])
    assert (table[0] == 0).all() and abs(table[1:].std() - 0.3) < 0.005
    assert abs(table[1:].mean()) < 0.005
    layer = model.encoder.layer[0]
    assert abs(layer.output.weight[...].std() - 0.3) < 0.01
    assert (layer.intermediate.bias[...] == 0).all() and (layer.norm.weight[...] == 1).all()
    same, other = FlaxToyModel(config), FlaxToyModel(config, rngs=nnx.Rngs(1))
    scanned = FlaxToyModel(ToyConfig(**{**config.to_dict(), "scan_layers": True}))
    assert_equal_tensors(state_dict(model), state_dict(same))
    assert_equal_tensors(state_dict(model), state_dict(scanned))
    assert (state_dict(other)["embeddings.weight"] != table).any()


@pytest.mark.parametrize(
    ("rule", "deviation", "bound"),
    [
        (normal(0.5, 1.0), 0.5, None),
        (normal("std"), 0.25, None),
        (uniform(-1, 1), 3**-0.5, 1),
        (trunc_normal(1.0), 0.8796, 2),
        (xavier_uniform(), (2 / 500) ** 0.5, (6 / 500) ** 0.5),
        (xavier_normal(2.0), 2 * (2 / 500) ** 0.5, None),
        (kaiming_uniform(), (2 / 300) ** 0.5, (6 / 300) ** 0.5),
        (kaiming_normal(1.0), (1 / 300) ** 0.5, None),
        (kaiming_normal_out(1.0), (1 / 200) ** 0.5, None),
        (constant(3.0), 0, 3),
    ],
)
def test_rules(rule, deviation, bound):
    config = type("Config", (), {"std": 0.25})
    values = rule(jax.random.key(0), (200, 300), np.dtype("float32"), config)
    assert values.dtype == np.float32
    assert abs(values.std() - deviation) <= 0.01 * deviation
    assert bound is None or 0.99 * bound <= np.abs(values).max() <= bound


def test_rule_by_layer():
    class Whole(FlaxToyPreTrainedModel):
        initializers = {"linear": fan_in_uniform(), "bias": fan_in_uniform()}

        def __init__(self, config, *, rngs=None):
            super().__init__(config, rngs=rngs)
            self.dense = Linear(60, 5000, rngs=rngs)
            self.post_init()

    for parameter in parameters(Whole(ToyConfig())).values():
        assert np.abs(parameter[...]).max() == pytest.approx(60**-0.5, rel=0.01)


def test_leaf_without_rule():
    class Broken(FlaxToyPreTrainedModel):
        initializers = {"linear": normal(1.0), "*.special.weight": constant(7.0)}

        def __init__(self, config, *, rngs=None):
            super().__init__(config, rngs=rngs)
            self.special = LayerNorm(3, bias=False, rngs=rngs)
            if config.num_hidden_layers == 1:
                self.table = Parameter((3, 2))
            self.post_init()

    assert (Broken(ToyConfig()).special.weight[...] == 7).all()
    with pytest.raises(ConfigError, match="table.*'param'"):
        Broken(ToyConfig(num_hidden_layers=1))


def test_models_can_be_built_under_transformations():
    abstract = nnx.eval_shape(lambda: FlaxToyForCausalLM(ToyConfig(scan_layers=True)))
    assert abstract.toy.encoder.layer.block.output.weight.shape == (3, 24, 16)
    built = nnx.jit(lambda: FlaxToyForCausalLM(ToyConfig()))()
    assert_equal_tensors(state_dict(built), state_dict(FlaxToyForCausalLM(ToyConfig())))


def test_resize_token_embeddings():
    model = FlaxToyForCausalLM(ToyConfig())
    before = model(IDS).logits
    assert model.get_input_embeddings() is model.toy.embeddings
    assert model.get_output_embeddings() is model.lm_head
    model.resize_token_embeddings(40)
    after = model(IDS).logits
    assert after.shape[-1] == 40 and model.config.vocab_size == 40
    np.testing.assert_allclose(after[..., :31], before, atol=1e-6)
    assert model(np.array([[39]])).logits.shape == (1, 1, 40)
    model.resize_token_embeddings(31)
    np.testing.assert_allclose(model(IDS).logits, before, atol=1e-6)


def test_untied_head(tmp_path):
    model = FlaxToyForCausalLM(ToyConfig(tie_word_embeddings=False))
    tensors = state_dict(model)
    assert tensors["lm_head.weight"].shape == (31, 16)
    model.save_pretrained(tmp_path)
    again = FlaxToyForCausalLM.from_pretrained(tmp_path)
    assert again.lm_head.weight is not again.toy.embeddings.weight
    assert_equal_tensors(tensors, state_dict(again))
    sizes = sum(array.size for array in tensors.values())
    assert model.num_parameters() == sizes


class Fused(nnx.Module):
    checkpoint_names = {
        "q": Split(Transpose("c_attn", (1, 0)), 2, 0),
        "k": Split(Transpose("c_attn", (1, 0)), 2, 1),
        "inner": "",
        "table": Transpose("stored.table", (1, 0)),
    }

    def stored_tensors(self):
        return {"index": jnp.arange(3)}

    def __init__(self, *, rngs):
        self.q = Linear(4, 3, rngs=rngs)
        self.k = Linear(4, 3, rngs=rngs)
        self.inner = nnx.Dict(a=Embedding(3, 2, rngs=rngs))
        self.table = Parameter((2, 5))


class FusedModel(FlaxToyPreTrainedModel):
    initializers = {**FlaxToyPreTrainedModel.initializers, "param": normal(1.0)}

    def __init__(self, config, *, rngs=None):
        super().__init__(config, rngs=rngs)
        self.block_ = Fused(rngs=rngs)
        self.post_init()


def test_transformed_names(tmp_path):
    model = FusedModel(ToyConfig())
    tensors = state_dict(model)
    shapes = {name: array.shape for name, array in tensors.items()}
    assert shapes == {
        "block.c_attn.weight": (4, 6),
        "block.c_attn.bias": (6,),
        "block.a.weight": (3, 2),
        "block.stored.table": (5, 2),
        "block.index": (3,),
    }
    assert tensors["block.index"].dtype == np.int64
    assert (tensors["block.c_attn.weight"][:, 3:] == model.block_.k.weight[...]).all()
    model.save_pretrained(tmp_path)
    again, info = FusedModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert_equal_tensors(tensors, state_dict(again))
