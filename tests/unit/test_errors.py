"""Error messages: one line with where, what, expected, found and a hint."""

from __future__ import annotations

import pickle

import pytest
from triptych.errors import (
    CheckpointError,
    ConfigError,
    InputError,
    MissingFrameworkError,
    TriptychError,
    nearest,
    show,
)


def test_the_parts_of_a_message():
    error = ConfigError(
        "w", file="f.json", key="k", expected="an integer", found="'x'", hint=" Ok?"
    )
    assert str(error) == "f.json: k: w: expected an integer, found 'x'. Ok?"
    assert str(InputError("wrong")) == "wrong"
    assert str(CheckpointError(found="none")) == "found none"


def test_a_missing_framework_names_its_extra():
    error = MissingFrameworkError("flax", "to run BertModel")
    text = "Flax is needed to run BertModel and is not installed. Install it with"
    assert str(error) == f"{text} `pip install triptych[flax]`"
    assert isinstance(error, ImportError)


@pytest.mark.parametrize("error", [MissingFrameworkError("torch"), ConfigError("w", key="k")])
def test_errors_cross_processes(error):
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error) and str(twin) == str(error)
    assert isinstance(twin, TriptychError)


def test_nearest():
    assert nearest("gelo", ["relu", "gelu"]) == " Did you mean 'gelu'?"
    assert nearest("x" * 10**6, ["relu"]) == nearest(5, ["relu"]) == nearest("q", ["relu"]) == ""


def test_show_is_short():
    for value in ("x" * 10**6, [0] * 10**6, {"a": ["b" * 1000]}, 10**3000):
        assert len(show(value)) < 200
