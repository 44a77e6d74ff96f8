"""Transforms between a model's tensors and stored ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from triptych.checkpoint import Slot, Split, Stack, Transpose, WeightNorm, stored_tensors
from triptych.errors import CheckpointError

RANDOM = np.random.default_rng(0)


def stored(**shapes):
    return {name.replace("_", "."): RANDOM.normal(size=shape) for name, shape in shapes.items()}


def check_shapes(transform, files):
    """The transform asks for just what is stored, and gives the shape it promised."""
    array = transform.load(files.__getitem__)
    assert transform.stored_shapes(array.shape) == {k: files[k].shape for k in transform.keys}
    return array


@pytest.mark.parametrize(("parts", "sizes"), [(3, (2, 2, 2)), ((1, 2, 3), (1, 2, 3))])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_split(parts, sizes, axis):
    files = stored(qkv=(6, 6))
    pieces = [Split("qkv", parts, index, axis) for index in range(3)]
    arrays = {i: check_shapes(piece, files) for i, piece in enumerate(pieces)}
    assert [array.shape[axis] for array in arrays.values()] == list(sizes)
    assert all(np.shares_memory(array, files["qkv"]) for array in arrays.values())
    assert np.array_equal(pieces[1].save(arrays)["qkv"], files["qkv"])
    with pytest.raises(CheckpointError, match="qkv: expected all parts, found none for 2"):
        pieces[0].save({0: arrays[0], 1: arrays[1]})


def test_split_of_other_sizes():
    with pytest.raises(CheckpointError, match="expected size 2 along axis 0, found 5"):
        Split("a", (2, 4), 0).stored_shapes((5, 3))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_stack(axis):
    transform = Stack("experts.{}.w", 3, axis)
    assert transform.keys == ("experts.0.w", "experts.1.w", "experts.2.w")
    files = {key: RANDOM.normal(size=(4, 5)) for key in transform.keys}
    array = check_shapes(transform, files)
    assert array.shape[axis] == 3
    for key, value in transform.save(array).items():
        assert np.array_equal(value, files[key])
    with pytest.raises(CheckpointError, match="expected 3 tensors to stack, found 2"):
        Stack("a.{}", 3).stored_shapes((2, 4))


def test_transpose():
    files = stored(w=(2, 3, 4))
    transform = Transpose("w", (2, 0, 1))
    array = check_shapes(transform, files)
    assert array.shape == (4, 2, 3)
    assert np.array_equal(transform.save(array)["w"], files["w"])


@pytest.mark.parametrize("dim", [0, 1, 2, -1, None])
def test_weight_norm_is_pytorchs(dim):
    v, g_shape = RANDOM.normal(size=(3, 4, 5)).astype(np.float32), [1, 1, 1]
    if dim is not None:
        g_shape[dim] = v.shape[dim]
    g = RANDOM.normal(size=g_shape if dim is not None else ()).astype(np.float32)
    transform = WeightNorm("c.weight_g", "c.weight_v", dim)
    weight = check_shapes(transform, {"c.weight_g": g, "c.weight_v": v})
    # PyTorch counts no axes from the end here.
    positive = None if dim is None else dim % 3
    norm = torch.norm_except_dim(torch.from_numpy(v), 2, -1 if positive is None else positive)
    expected = torch.from_numpy(v) * (torch.from_numpy(g) / norm)
    np.testing.assert_allclose(weight, expected.numpy(), rtol=1e-5, atol=1e-6)
    saved = transform.save(weight)
    np.testing.assert_allclose(transform.load(saved.__getitem__), weight, rtol=1e-6)
    assert {k: a.shape for k, a in saved.items()} == transform.stored_shapes(weight.shape)


def test_weight_norm_of_zeros_is_zero():
    files = {"weight_g": np.ones((2, 1), np.float32), "weight_v": np.zeros((2, 3), np.float32)}
    assert not WeightNorm("weight_g", "weight_v").load(files.__getitem__).any()


def test_weight_norm_has_two_sets_of_names():
    old = WeightNorm("a.weight_g", "a.weight_v")
    new = WeightNorm(*(f"a.parametrizations.weight.original{i}" for i in (0, 1)))
    assert tuple(name for key in old.keys for name in old.other_names(key)) == new.keys
    assert tuple(name for key in new.keys for name in new.other_names(key)) == old.keys


def test_transforms_nest():
    files = stored(c_attn=(4, 6))
    parts = [Split(Transpose("c.attn", (1, 0)), 3, index).at("h.") for index in range(3)]
    assert parts[0].keys == ("h.c.attn",)
    files = {"h.c.attn": files["c.attn"]}
    arrays = {i: check_shapes(part, files) for i, part in enumerate(parts)}
    assert arrays[0].shape == (2, 4)
    assert np.array_equal(parts[0].save(arrays)["h.c.attn"], files["h.c.attn"])

    stack = Stack(Transpose("e.{}.w", (1, 0)), 2)
    files = {"e.0.w": RANDOM.normal(size=(3, 4)), "e.1.w": RANDOM.normal(size=(3, 4))}
    array = check_shapes(stack, files)
    assert array.shape == (2, 4, 3)
    for key, value in stack.save(array).items():
        assert np.array_equal(value, files[key])


def test_a_prefix_moves_all_keys():
    assert WeightNorm("g", "v").at("p.").keys == ("p.g", "p.v")
    assert Stack("e.{}", 2).at("p.").keys == ("p.e.0", "p.e.1")


def test_stored_tensors_joins_parts_and_leaves_out_tied_ones():
    values = {f"a.{name}.weight": np.full((2, 3), i, np.float32) for i, name in enumerate("qkv")}
    values |= {"b.weight": np.ones(2), "c": np.ones((2, 3)), "head.weight": np.ones(2)}
    split = [Split("qkv.weight", 3, index).at("a.") for index in range(3)]
    slots = [Slot(f"a.{n}.weight", (2, 3), t) for n, t in zip("qkv", split, strict=True)]
    slots += [Slot("b.weight", (2,)), Slot("head.weight", (2,), tied_to="b.weight")]
    slots += [Slot("c", (2, 3), Stack("c.{}", 2))]
    result = stored_tensors(slots, values.__getitem__)
    assert list(result) == ["a.qkv.weight", "b.weight", "c.0", "c.1"]
    joined = result["a.qkv.weight"]
    assert joined.shape == (6, 3) and joined.dtype == np.float32
    assert np.asarray(joined)[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(CheckpointError, match="a.q.weight: expected all 3 parts, found 2"):
        stored_tensors(slots[:2], values.__getitem__)
