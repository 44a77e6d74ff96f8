"""Models: calls, files, first values, gradient checkpointing, training, export."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import SmallConfig, TFSmallForCausalLM, TFSmallForCausalLMOutput, TFSmallModel
from triptych.checkpoint import Split, Transpose, WeightNorm, open_checkpoint
from triptych.errors import CheckpointError, ConfigError, InputError
from triptych.tensorflow import (
    Block,
    Conv2d,
    Dropout,
    Layer,
    Linear,
    Parameter,
    compile,
    constant,
    default_dtype,
    fan_in_uniform,
    kaiming_normal,
    kaiming_normal_out,
    kaiming_uniform,
    normal,
    parameters,
    state_dict,
    trunc_normal,
    uniform,
    value,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from triptych.tensorflow.initialization import initialize
from triptych.tensorflow.weights import leaves


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return TFSmallForCausalLM(SmallConfig(initializer_range=0.3))


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(1, 31, (2, 7))


# Calls.


def test_forms_of_inputs(model, ids):
    logits = model(ids).logits
    for again in (
        model(tf.constant(ids)),
        model(tf.constant(ids, tf.int32)),
        model(ids.tolist()),
        model({"input_ids": ids, "attention_mask": np.ones_like(ids)}),
        model(input_ids=ids),
        model(inputs_embeds=model.small.wte(tf.constant(ids))),
    ):
        np.testing.assert_array_equal(again.logits, logits)
    np.testing.assert_array_equal(model(ids, return_dict=False)[0], logits)
    for wrong, message in (
        ({"input_id": ids}, "Did you mean 'input_ids'"),
        ({}, "exactly one of"),
        ({"input_ids": [[1, 2], [3]]}, "rows of one length"),
        ({"input_ids": ids + 100}, "has 31 rows"),
    ):
        with pytest.raises(InputError, match=message):
            model(**wrong)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs(model, ids, jit_compile):
    options = {"output_hidden_states": True, "output_attentions": True}
    eager = model(ids, labels=ids, **options)
    graph = compile(model, jit_compile=jit_compile)(ids, labels=ids, **options)
    assert isinstance(graph, TFSmallForCausalLMOutput) and list(graph) == list(eager)
    assert len(graph.hidden_states) == 3 and len(graph.attentions) == 2
    flat = zip(tf.nest.flatten(graph), tf.nest.flatten(eager), strict=True)
    assert all(np.allclose(ours, theirs, atol=1e-4) for ours, theirs in flat)
    unknown = tf.function(
        lambda ids, mask: model(ids, attention_mask=mask).logits,
        input_signature=[tf.TensorSpec((None, None), tf.int64)] * 2,
        jit_compile=jit_compile,
    )
    for size in (7, 3):
        part = ids[:, :size]
        np.testing.assert_allclose(unknown(part, np.ones_like(part)), model(part).logits, atol=1e-4)


def test_saved_model(model, ids, tmp_path):
    module = tf.Module()
    module.model = model
    module.call = tf.function(
        lambda ids: model(ids, use_cache=False, return_dict=False)[0],
        input_signature=[tf.TensorSpec((None, None), tf.int32)],
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.call.get_concrete_function())
    loaded = tf.saved_model.load(str(tmp_path))
    ours = loaded.call(tf.constant(ids, tf.int32))
    np.testing.assert_allclose(ours, model(ids).logits, atol=1e-4)


def test_within_a_keras_model(model, ids):
    inputs = keras.Input((None,), dtype="int32")
    functional = keras.Model(inputs, model(inputs).logits)
    np.testing.assert_allclose(functional(ids), model(ids).logits, atol=1e-5)


def test_names_of_model_and_parts(model):
    names = list(state_dict(model))
    assert names[:2] == ["small.wte.weight", "small.wpe.weight"]
    assert "small.layers.0.attention.qkv.weight" in names
    assert "small.layers.1.attention.out.dense.bias" in names
    assert "lm_head.weight" not in names  # tied
    assert model.num_parameters() == sum(array.size for array in state_dict(model).values())
    assert len(parameters(model)) == len(model.trainable_variables)
    assert model.base_model is model.small and model.small.base_model is model.small


# Files.


@pytest.mark.parametrize("tied", [True, False])
def test_save_and_load(ids, tmp_path, tied):
    config = SmallConfig(tie_word_embeddings=tied, initializer_range=0.3)
    model = TFSmallForCausalLM(config)
    model.save_pretrained(tmp_path, max_shard_size=5000)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [
        "SmallForCausalLM"
    ]
    again, info = TFSmallForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    np.testing.assert_array_equal(again(ids).logits, model(ids).logits)
    for name, array in state_dict(model).items():
        np.testing.assert_array_equal(state_dict(again)[name], array)
    base = TFSmallModel.from_pretrained(tmp_path)
    np.testing.assert_array_equal(base(ids).last_hidden_state, model.small(ids).last_hidden_state)
    half = TFSmallForCausalLM.from_pretrained(tmp_path, dtype="bfloat16")
    assert half(ids).logits.dtype == tf.bfloat16 and half.config.dtype == "bfloat16"
    np.testing.assert_allclose(tf.cast(half(ids).logits, tf.float32), model(ids).logits, atol=0.3)


def test_base_into_head(ids, tmp_path):
    base = TFSmallModel(SmallConfig())
    base.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="lm_head"):
        head = TFSmallForCausalLM.from_pretrained(tmp_path, tie_word_embeddings=False)
    assert not head.config.tie_word_embeddings
    np.testing.assert_array_equal(head.small(ids).last_hidden_state, base(ids).last_hidden_state)
    assert np.std(head.lm_head.weight) == pytest.approx(0.02, rel=0.2)


def test_what_does_not_fit(tmp_path):
    TFSmallModel(SmallConfig()).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="wte"):
        TFSmallModel.from_pretrained(tmp_path, vocab_size=9)
    model, info = TFSmallModel.from_pretrained(
        tmp_path, vocab_size=9, ignore_mismatched_sizes=True, output_loading_info=True
    )
    assert info["mismatched_keys"] == [("wte.weight", (31, 16), (9, 16))]
    assert model.wte.weight.has_value
    with pytest.raises(ConfigError, match="hiden_size"):
        TFSmallModel.from_pretrained(tmp_path, hiden_size=8)
    with pytest.raises(ConfigError, match="TFSmallModel"):
        TFSmallModel({"hidden_size": 8})


def test_keras_files(model, ids, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    again = TFSmallForCausalLM(SmallConfig())
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again(ids).logits, model(ids).logits)
    model.save(tmp_path / "model.keras")
    classes = {"TFSmallForCausalLM": TFSmallForCausalLM}
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects=classes)
    np.testing.assert_array_equal(again(ids).logits, model(ids).logits)


class Fused(Layer):
    """Other names: one stored matrix for two layers, transposed; a normalised kernel."""

    checkpoint_names = {
        "key": Split(Transpose("c_attn", (1, 0)), (2, 4), 0),
        "value": Split(Transpose("c_attn", (1, 0)), (2, 4), 1),
        "conv": WeightNorm("conv.weight_g", "conv.weight_v"),
        "inner": "",
    }

    def __init__(self):
        super().__init__()
        self.key = Linear(3, 2)
        self.value = Linear(3, 4)
        self.conv = Conv2d(2, 2, 1)
        self.inner = Linear(1, 1, bias=False)
        self.layers_ = {"first": [Linear(1, 2, bias=False)]}
        self.built = True


def test_transforms():
    layer = Fused()
    for leaf in leaves(layer):
        leaf.assign(np.random.default_rng(0).normal(size=leaf.parameter.checkpoint_shape))
    stored = state_dict(layer)
    assert {name: array.shape for name, array in stored.items()} == {
        "c_attn.weight": (3, 6),
        "c_attn.bias": (6,),
        "conv.weight_g": (2, 1, 1, 1),
        "conv.weight_v": (2, 2, 1, 1),
        "conv.bias": (2,),
        "weight": (1, 1),
        "layers.first.0.weight": (2, 1),
    }
    np.testing.assert_array_equal(stored["c_attn.weight"][:, :2], layer.key.weight)
    np.testing.assert_array_equal(stored["c_attn.bias"][2:], layer.value.bias)


# First values.


def test_initialization_follows_the_rules():
    model = TFSmallModel(SmallConfig(hidden_size=64, vocab_size=500, initializer_range=0.05))
    weights = state_dict(model)
    table = weights["wte.weight"]
    assert not table[0].any() and table[1:].std() == pytest.approx(0.05, rel=0.02)
    assert weights["layers.0.mlp.weight"].std() == pytest.approx(0.05, rel=0.05)
    assert not weights["layers.0.mlp.bias"].any() and np.all(weights["layers.1.norm.weight"] == 1)
    assert np.all(weights["layers.0.scale"] == 1)


def test_a_leaf_without_a_rule(monkeypatch):
    monkeypatch.setattr(TFSmallModel, "initializers", {"linear": zeros(), "norm": zeros()})
    with pytest.raises(ConfigError, match="wte.weight"):
        TFSmallModel(SmallConfig())


FAN_IN, FAN_OUT = 300, 100
VARIANCES = {
    "normal": (normal("initializer_range", mean=1.0), 0.02**2),
    "trunc_normal": (trunc_normal(1.0), 0.7737),  # between -2 and 2
    "uniform": (uniform(-3.0, 3.0), 3.0),
    "xavier_uniform": (xavier_uniform(), 2 / (FAN_IN + FAN_OUT)),
    "xavier_normal": (xavier_normal(), 2 / (FAN_IN + FAN_OUT)),
    "kaiming_uniform": (kaiming_uniform(5**0.5), 1 / (3 * FAN_IN)),
    "kaiming_normal": (kaiming_normal(), 2 / FAN_IN),
    "kaiming_normal_out": (kaiming_normal_out(2.0), 2 / (5 * FAN_OUT)),
    "fan_in_uniform": (fan_in_uniform(), 1 / (3 * FAN_IN)),
    "constant": (constant(0.5), 0.0),
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rules(name, dtype):
    rule, variance = VARIANCES[name]
    with default_dtype(dtype):
        layer = Linear(FAN_IN, FAN_OUT)
    initialize("weight", layer.weight, layer, {"linear": rule}, SmallConfig())
    values = layer.weight.numpy().astype(np.float64)
    assert values.var() == pytest.approx(variance, rel=0.04)
    if name == "trunc_normal":
        assert np.abs(values).max() <= 2
    if name == "fan_in_uniform":
        initialize("bias", layer.bias, layer, {"linear": zeros(), "bias": rule}, SmallConfig())
        assert 0.9 < np.abs(layer.bias.numpy()).max() * FAN_IN**0.5 <= 1.01
    if name in ("normal", "constant"):
        assert values.mean() == pytest.approx(1.0 if name == "normal" else 0.5, abs=1e-2)


@pytest.mark.parametrize("tied", [True, False])
def test_resizing(ids, tied):
    model = TFSmallForCausalLM(SmallConfig(initializer_range=0.3, tie_word_embeddings=tied))
    ids = np.minimum(ids, 19)
    before = model(ids).logits
    for size in (40, 20):
        table = model.resize_token_embeddings(size)
        assert table is model.get_input_embeddings() and model.config.vocab_size == size
        logits = model(ids).logits
        assert logits.shape == (2, 7, size)
        np.testing.assert_allclose(logits[..., :20], before[..., :20], atol=1e-4)
    assert len(model.trainable_variables) == len(parameters(model))
    assert model.get_output_embeddings() is (model.lm_head if tied else None)


# Training.


def gradients(model, ids, form):
    def step(ids):
        with tf.GradientTape() as tape:
            output = model(
                ids, labels=ids, training=True, output_hidden_states=True, output_attentions=True
            )
            shown = (*output.hidden_states, *output.attentions)
            loss = output.loss + sum(tf.reduce_mean(tf.square(x)) for x in shown)
        return loss, tape.gradient(loss, model.trainable_variables)

    loss, found = form(step)(tf.constant(ids, tf.int32))
    return [loss.numpy(), *(tf.convert_to_tensor(gradient).numpy() for gradient in found)]


@pytest.mark.parametrize("form", ["eager", "graph", "xla"])
def test_gradient_checkpointing(ids, form):
    run = {
        "eager": lambda f: f,
        "graph": tf.function,
        "xla": lambda f: tf.function(f, jit_compile=True),
    }[form]
    keras.utils.set_random_seed(1)
    model = TFSmallForCausalLM(SmallConfig(initializer_range=0.3))
    plain = gradients(model, ids, run)
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing
    for ours, theirs in zip(gradients(model, ids, run), plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(1, np.abs(theirs).max()))
    assert model(ids, training=True).past_key_values is None
    assert len(model(ids).past_key_values) == 2
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


class Scaled(Block):
    """Linear in its weight, so that the gradient times the weight is the output."""

    def __init__(self):
        super().__init__()
        self.weight = Parameter(self, "weight", (64,))
        self.weight.assign(np.arange(64.0))
        self.dropout = Dropout(0.5)
        self.built = True

    def call(self, x):
        return self.dropout(x * value(self.weight))


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_checkpointing_draws_the_same_numbers_twice(jit_compile):
    block = Scaled()
    block.set_checkpointing(True)

    def step(x):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(block(x, training=True))
        return y, tape.gradient(y, block.weight.value)

    run = step if jit_compile is None else tf.function(step, jit_compile=jit_compile)
    results = [run(tf.ones((1, 64))) for _ in range(2)]
    for y, gradient in results:
        assert float(y) == pytest.approx(float(tf.reduce_sum(gradient * block.weight)))
    assert np.any(results[0][1] != results[1][1])


def test_fit():
    keras.utils.set_random_seed(0)
    model = TFSmallForCausalLM(SmallConfig(dropout=0.1))
    model.compile(keras.optimizers.Adam(1e-2))
    tokens = np.tile(np.arange(1, 13), (16, 1))
    data = {"input_ids": tokens, "labels": tokens}
    history = model.fit(data, epochs=5, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2
    model.fit(tf.data.Dataset.from_tensors(data), verbose=0)
    own = float(model(**data).loss)
    assert model.evaluate(data, verbose=0) == pytest.approx(own, rel=1e-4)
    assert model.evaluate({"input_ids": tokens}, tokens, verbose=0) == pytest.approx(own, rel=1e-4)
    predicted = model.predict({"input_ids": tokens}, batch_size=8, verbose=0)
    np.testing.assert_allclose(predicted.logits, model(tokens).logits, atol=1e-4)
    with pytest.raises(InputError, match="labels among the inputs"):
        model.fit({"input_ids": tokens}, verbose=0)


def test_reading_leaves_no_trace_of_the_file(ids, tmp_path):
    TFSmallModel(SmallConfig()).save_pretrained(tmp_path)
    model = TFSmallModel.from_pretrained(tmp_path)
    before = state_dict(model)["wpe.weight"].copy()
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    for variable in model.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(state_dict(model)["wpe.weight"], before + 1)
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path)
