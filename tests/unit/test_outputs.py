"""Output records: attributes, mapping and tuple in one."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from triptych.outputs import ModelOutput


@dataclass
class ExampleOutput(ModelOutput):
    loss: Any = None
    logits: Any = None
    hidden_states: Any = None


@dataclass
class LargerOutput(ExampleOutput):
    attentions: Any = None


@pytest.fixture
def out():
    return ExampleOutput(logits=np.ones((2, 3)), hidden_states=(1, 2))


def test_attributes_mapping_and_tuple_agree(out):
    assert out.logits is out["logits"] is out[0] is out.to_tuple()[0] is out.get("logits")
    assert out[1:] == ((1, 2),) and out[-1] == (1, 2)
    assert list(out) == list(out.keys()) == ["logits", "hidden_states"]
    assert len(out) == 2 and "loss" not in out and out.loss is None and out.get("loss") is None
    assert dict(**out).keys() == {"logits", "hidden_states"}


def test_fields_can_be_set(out):
    out.loss = 1.0
    assert out[0] == 1.0
    out["loss"] = 2.0
    assert out.loss == 2.0 and list(out) == ["loss", "logits", "hidden_states"]


def test_wrong_keys(out):
    with pytest.raises(KeyError, match="Did you mean 'logits'"):
        out["logit"]
    with pytest.raises(KeyError, match="no 'loss'"):
        out["loss"]
    with pytest.raises(KeyError, match="Did you mean 'loss'"):
        out["los"] = 1
    with pytest.raises(KeyError):
        out["to_tuple"]
    with pytest.raises(IndexError):
        out[2]
    with pytest.raises(TypeError):
        ExampleOutput(nothing=1)


def test_inherited_fields_come_first():
    out = LargerOutput(attentions=3, loss=1)
    assert out.to_tuple() == (1, 3)


def test_pickle_copy_and_repr():
    out = ExampleOutput(loss=1.5, hidden_states=(1,))
    for twin in (pickle.loads(pickle.dumps(out)), copy.deepcopy(out), copy.copy(out)):
        assert twin == out and type(twin) is ExampleOutput
    assert repr(out) == "ExampleOutput(loss=1.5, hidden_states=(1,))"


def test_flatten_and_back(out):
    names, values = out.flatten()
    assert names == ("logits", "hidden_states")
    twin = ExampleOutput.unflatten(names, values)
    assert twin.logits is out.logits and list(twin) == list(out)
    with pytest.raises(ValueError):
        ExampleOutput.unflatten(names, values[:1])
