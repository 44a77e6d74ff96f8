"""Gradient checkpointing, and loops as scans: the same numbers as the plain loop."""

import jax
import numpy as np
import pytest
from flax import nnx
from flax_toy import FlaxToyForCausalLM, ToyConfig, token_loss
from triptych.flax import Linear, Stack, state_dict
from triptych.flax.base import building

IDS = np.random.default_rng(0).integers(1, 31, (2, 9))
value_and_grad = nnx.jit(nnx.value_and_grad(token_loss, argnums=nnx.DiffState(0, nnx.Param)))


def build(**options):
    return FlaxToyForCausalLM(ToyConfig(**options), rngs=nnx.Rngs(params=1, dropout=2))


def training_step(model):
    """Loss, and gradients by checkpoint name."""
    loss, grads = value_and_grad(model, IDS, IDS)
    return loss, state_dict(model, of=grads)


def assert_same_step(one, other):
    (loss, grads), (other_loss, other_grads) = training_step(one), training_step(other)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-6)
    assert list(grads) == list(other_grads)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, other_grads[name], atol=2e-6, err_msg=name)
    return loss


@pytest.mark.parametrize(
    ("change", "rate"), [("scan", 0.3), ("checkpointing", 0.3), ("both", 0.3), ("both", 0.0)]
)
def test_training_is_the_same(change, rate):
    plain = build(dropout=rate)
    other = build(dropout=rate, scan_layers=change != "checkpointing")
    if change != "scan":
        other.gradient_checkpointing_enable()
    plain.train()
    other.train()
    first = assert_same_step(plain, other)
    # The streams went on: another mask, again the same in both.
    second = assert_same_step(plain, other)
    assert (first == second) == (rate == 0)


def test_dropout_differs_between_layers():
    model = build(dropout=0.5, scan_layers=True)
    keys = model.toy.encoder.layer.block.dropout.stream.key.get_value()
    assert len(np.unique(jax.random.key_data(keys), axis=0)) == 3


@pytest.mark.parametrize("scan", [False, True])
def test_backward_pass_computes_again(scan):
    model = build(scan_layers=scan)
    model.gradient_checkpointing_enable()
    model.train()
    graphdef, state = nnx.split(model)

    def loss(state):
        return token_loss(nnx.merge(graphdef, state), IDS, IDS)

    text = str(jax.make_jaxpr(jax.grad(loss, allow_int=True))(state))
    assert text.count("checkpoint") + text.count("remat") >= (1 if scan else 3)
    assert text.count("erf") > (1 if scan else 3)


def test_checkpointing_is_for_training_only():
    model = build()
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing and model.toy.open_cache(None, None) is not None
    model.train()
    assert model.toy.open_cache(None, None) is None
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


@pytest.mark.parametrize("scan", [False, True])
def test_taps_come_out_of_checkpoints_and_scans(scan):
    plain, other = build(), build(scan_layers=scan)
    other.gradient_checkpointing_enable()
    other.train()
    want = {"output_hidden_states": True, "output_attentions": True, "use_cache": False}
    expected, got = plain(IDS, **want), other(IDS, **want)
    assert len(got.hidden_states) == 4 and len(got.attentions) == 3
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=5e-6, rtol=1e-5), got, expected)


def test_compile_time_does_not_depend_on_depth():
    def program(layers):
        model = build(scan_layers=True, num_hidden_layers=layers)
        graphdef, state = nnx.split(model)

        def run(state):
            return nnx.merge(graphdef, state)(IDS, use_cache=False).logits

        return len(str(jax.make_jaxpr(run)(state)).splitlines())

    assert program(2) == program(6)


def test_stack():
    listed, scanned = (build(scan_layers=scan).toy.encoder.layer for scan in (False, True))
    assert scanned.scanned and not listed.scanned and len(scanned) == len(listed) == 3
    for one, other in zip(listed, scanned, strict=True):
        assert (one.output.weight[...] == other.output.weight[...]).all()
    with pytest.raises(IndexError):
        scanned[3]
    with building(scan_layers=True):
        assert not Stack([Linear(2, size, rngs=nnx.Rngs(0)) for size in (2, 3)]).scanned
        assert not Stack([]).scanned


def test_vmap_over_the_batch():
    model = build()
    logits = jax.vmap(lambda ids: model(ids[None], use_cache=False).logits[0])(IDS)
    np.testing.assert_allclose(logits, model(IDS).logits, atol=3e-6)


def test_train_and_eval():
    model = build(dropout=0.5)
    assert (model(IDS).logits == model(IDS).logits).all()
    model.train()
    assert (model(IDS).logits != model(IDS).logits).any()
    model.eval()
    assert (model(IDS).logits == model(IDS).logits).all()


def test_nnx_jit_goes_on_drawing():
    model = build(dropout=0.5)
    model.train()
    run = nnx.jit(lambda model: model(IDS, use_cache=False).logits)
    assert (run(model) != run(model)).any()
