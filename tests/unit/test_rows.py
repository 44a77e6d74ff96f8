"""Targets that rows of a batch have different numbers of, made one tensor in three frameworks."""

from importlib import import_module

import numpy as np
import pytest
from triptych.errors import InputError

FRAMEWORKS = ("pytorch", "tensorflow", "flax")
TENSORS = {"pytorch": "torch:from_numpy", "tensorflow": "tensorflow:constant",
           "flax": "jax.numpy:asarray"}  # fmt: skip
MASKS = [np.ones((2, 3, 1), np.float32), np.full((1, 2, 4), 2, np.float32)]


def tensors(framework, arrays):
    module, _, name = TENSORS[framework].partition(":")
    return [getattr(import_module(module), name)(array) for array in arrays]


def padded(framework, rows, name, fill):
    function = import_module(f"triptych.{framework}").padded
    return np.asarray(function(rows, name, fill))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_axis_is_as_long_as_the_longest(framework):
    found = padded(framework, [{"masks": x} for x in tensors(framework, MASKS)], "masks", 0.5)
    wanted = np.full((2, 2, 3, 4), 0.5, np.float32)
    wanted[0, :2, :3, :1], wanted[1, :1, :2, :4] = 1, 2
    assert found.dtype == np.float32 and np.array_equal(found, wanted)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_dictionary_of_lists_is_the_same(framework):
    classes = tensors(framework, [np.array([3, 1]), np.array([], np.int64), np.array([2])])
    wanted = [[3, 1], [-1, -1], [2, -1]]
    for rows in ({"classes": classes}, [{"classes": x, "boxes": None} for x in classes]):
        found = padded(framework, rows, "classes", -1)
        kind = np.int64 if framework == "pytorch" else np.int32
        assert found.dtype == kind and found.tolist() == wanted


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_nothing_at_all(framework):
    rows = {"boxes": tensors(framework, [np.zeros((0, 4), np.float32)] * 2)}
    assert padded(framework, rows, "boxes", 0.0).shape == (2, 0, 4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"box": 1}], "the targets have no 'boxes'. Did you mean 'box'?"),
        (7, "expected a list of dictionaries, found 7"),
        ([1, 2], "not targets: expected a list of dictionaries"),
        ([], "there are no targets"),
    ],
)
def test_what_is_no_list_of_dictionaries_is_refused(rows, message):
    with pytest.raises(InputError) as caught:
        padded("pytorch", rows, "boxes", 0.0)
    assert message in str(caught.value)
