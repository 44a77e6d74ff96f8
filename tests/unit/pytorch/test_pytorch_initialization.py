"""What parameters start from."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import TinyConfig, TinyForCausalLM, TinyModel, TinyPreTrainedModel
from torch import nn
from triptych.errors import ConfigError
from triptych.pytorch import (
    activation,
    constant,
    fan_in_uniform,
    kaiming_normal,
    kaiming_normal_out,
    kaiming_uniform,
    normal,
    ones,
    parameters,
    trunc_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)

OUT, IN = 200, 300
FAN_IN, FAN_SUM = 1 / IN, 2 / (IN + OUT)
RULES = {  # mean, standard deviation, largest value
    "normal": (normal("initializer_range", mean=0.5), 0.5, 0.3, None),
    "trunc_normal": (trunc_normal(1.0), 0, 0.8796, 2),
    "uniform": (uniform(-1, 3), 1, 4 / math.sqrt(12), 3),
    "constant": (constant(2.0), 2, 0, 2),
    "zeros": (zeros(), 0, 0, 0),
    "ones": (ones(), 1, 0, 1),
    "xavier_uniform": (xavier_uniform(), 0, FAN_SUM**0.5, (3 * FAN_SUM) ** 0.5),
    "xavier_normal": (xavier_normal(2.0), 0, 2 * FAN_SUM**0.5, None),
    "kaiming_uniform": (kaiming_uniform(1.0), 0, FAN_IN**0.5, (3 * FAN_IN) ** 0.5),
    "kaiming_normal": (kaiming_normal(), 0, (2 * FAN_IN) ** 0.5, None),
    "kaiming_normal_out": (kaiming_normal_out(2.0), 0, (2 / 5 / OUT) ** 0.5, None),
}


@pytest.mark.parametrize("name", RULES)
def test_statistics(name):
    rule, mean, std, largest = RULES[name]
    torch.manual_seed(0)
    tensor = torch.empty(OUT, IN)
    rule(tensor, TinyConfig(initializer_range=0.3))
    assert tensor.mean().item() == pytest.approx(mean, abs=0.02)
    assert tensor.std().item() == pytest.approx(std, abs=1e-6, rel=0.02)
    if largest is not None:
        assert tensor.max().item() == pytest.approx(largest, rel=0.02)


def test_by_layer():
    layer = torch.nn.Conv2d(4, 5000, (3, 5))
    for tensor in (layer.weight, layer.bias):
        with torch.no_grad():
            fan_in_uniform()(tensor, TinyConfig(), layer)
        assert tensor.abs().max().item() == pytest.approx(60**-0.5, rel=0.01)


def test_model():
    torch.manual_seed(0)
    model = TinyForCausalLM(TinyConfig(vocab_size=500, hidden_size=64, tie_word_embeddings=False))
    found = parameters(model)
    for name, parameter in found.items():
        if name.endswith("bias"):
            assert (parameter == 0).all()
        elif name.endswith("norm.weight"):
            assert (parameter == 1).all()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.1)
    assert (found["model.embed_tokens.weight"][0] == 0).all()
    assert not (found["model.embed_tokens.weight"][1] == 0).any()


def test_a_tied_head_keeps_the_padding_row():
    model = TinyForCausalLM(TinyConfig())
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert (model.lm_head.weight[0] == 0).all()


class WithLeaves(TinyPreTrainedModel):
    initializers = {
        **TinyPreTrainedModel.initializers,
        "layers.*.weight": constant(3.0),
        "scale": constant(2.5),
        "param": ones(),
    }

    def __init__(self, config):
        super().__init__(config)
        self.scale = nn.Parameter(torch.empty(()))
        self.table = nn.Parameter(torch.empty(3, 2))
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Conv2d(1, 1, 2)])
        self.norm = nn.BatchNorm1d(3)
        self.act = activation("xielu")
        self.post_init()


def test_paths_win_over_kinds():
    model = WithLeaves(TinyConfig())
    assert model.scale == 2.5
    assert (model.table == 1).all()
    assert (model.layers[0].weight == 3).all()
    assert (model.layers[1].bias == 0).all()
    assert nn.functional.softplus(model.act.alpha_p).item() == pytest.approx(0.8)


def test_a_leaf_without_a_rule_is_an_error():
    class Incomplete(WithLeaves):
        initializers = {k: v for k, v in WithLeaves.initializers.items() if k != "param"}

    with pytest.raises(ConfigError, match="table: no initializer of Incomplete"):
        Incomplete(TinyConfig())


def test_no_values_without_memory():
    with torch.device("meta"):
        model = TinyModel(TinyConfig())
    assert model.device.type == "meta"
