"""Gradient checkpointing gives the same loss and gradients."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny
from torch import nn
from triptych.errors import InputError
from triptych.pytorch import Block, compile, parameters


def run(model, ids, **options):
    torch.manual_seed(3)  # dropout
    out = model(ids, labels=ids, **options)
    loss = out.loss
    if out.hidden_states is not None:
        loss = loss + out.hidden_states[1].square().mean() + out.attentions[1].square().mean()
    model.zero_grad()
    loss.backward()
    return out, {name: p.grad.clone() for name, p in parameters(model).items()}


@pytest.mark.parametrize("tapped", [False, True])
def test_same_loss_and_gradients(tapped):
    model = tiny(dropout=0.2).train()
    ids = torch.randint(1, 37, (2, 6))
    options = {"output_hidden_states": tapped, "output_attentions": tapped, "use_cache": False}
    expected, gradients = run(model, ids, **options)
    calls = []
    model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    model.model.layers[0].norm.register_forward_pre_hook(lambda *_: calls.append(1))
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing
    found, again = run(model, ids, **options)
    assert len(calls) == 2  # once forward, once backward
    torch.testing.assert_close(found.loss, expected.loss)
    if tapped:
        assert len(found.hidden_states) == 4
        assert len(found.attentions) == 3
        torch.testing.assert_close(found.attentions, expected.attentions)
    for name, gradient in gradients.items():
        torch.testing.assert_close(again[name], gradient)
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


def test_compiled():
    model = tiny().train()
    ids = torch.randint(1, 37, (2, 6))
    mask = torch.ones_like(ids)
    mask[0, :2] = 0
    expected = model(ids, attention_mask=mask, labels=ids, use_cache=False).loss
    model.gradient_checkpointing_enable()
    compiled = compile(model, backend="aot_eager")
    for tapped in (False, True):
        options = {"use_cache": False, "output_hidden_states": tapped}
        out = compiled(ids, attention_mask=mask, labels=ids, **options)
        out.loss.backward()
        torch.testing.assert_close(out.loss, expected)
    assert len(out.hidden_states) == 4


def test_no_new_cache_while_checkpointing():
    model = tiny().train()
    ids = torch.randint(1, 37, (2, 6))
    model.gradient_checkpointing_enable()
    assert model(ids).past_key_values is None
    assert model.eval()(ids).past_key_values is not None


def test_a_given_cache_is_written_once():
    model = tiny().train()
    model.gradient_checkpointing_enable()
    ids = torch.randint(1, 37, (2, 6))
    out = model(ids, past_key_values=model.init_cache(), labels=ids)
    out.loss.backward()
    assert [k.shape[2] for k, _ in out.past_key_values] == [6, 6, 6]


def test_blocks_without_effects():
    class Plain(Block):
        def __init__(self):
            super().__init__()
            self.dense = nn.Linear(3, 3)

        def forward(self, x, scale=1.0):
            return self.dense(x) * scale, x

    block = Plain()
    x = torch.randn(2, 3)
    expected = torch.autograd.grad(block(x, scale=2.0)[0].sum(), block.dense.weight)
    block.checkpointing = True
    found = torch.autograd.grad(block(x, scale=2.0)[0].sum(), block.dense.weight)
    torch.testing.assert_close(found, expected)


def test_a_model_without_blocks_says_so():
    model = tiny(num_hidden_layers=0)
    with pytest.raises(InputError, match="no blocks"):
        model.gradient_checkpointing_enable()
