"""A growing cache with a window keeps what the next token reads, and masks know those keys."""

import importlib

import numpy as np
import pytest
from triptych.errors import InputError
from triptych.states import kv_cache

WINDOW, STEPS = 4, (3, 1, 5, 1)


@pytest.fixture(params=["pytorch", "tensorflow", "flax"])
def framework(request):
    return importlib.import_module(f"triptych.{request.param}")


def tensor(framework, array):
    name = framework.__name__.rpartition(".")[2]
    if name == "pytorch":
        return importlib.import_module("torch").from_numpy(array)
    if name == "tensorflow":
        return importlib.import_module("tensorflow").constant(array)
    return importlib.import_module("jax.numpy").asarray(array)


def tokens(start, stop):
    positions = np.arange(start, stop, dtype=np.float32)
    return np.broadcast_to(positions[None, None, :, None], (2, 1, stop - start, 3)).copy()


def run(framework, cache, start, count):
    """One call of `count` tokens: the positions of the keys that came back, and what is allowed."""
    k = tensor(framework, tokens(start, start + count))
    seen = np.ones((2, start + count), np.int64)
    seen[1, :2] = 0
    attend = framework.causal(cache) & framework.window(WINDOW, cache)
    attend = attend & framework.padding(tensor(framework, seen))
    keys, values = cache[0].kv.update(k, k)
    positions = np.asarray(keys)[0, 0, :, 0]
    allowed = attend.allowed(count, len(positions))
    shape = (2, 1, count, len(positions))
    allowed = np.ones(shape, bool) if allowed is None else np.broadcast_to(allowed, shape)
    assert np.array_equal(np.asarray(values), np.asarray(keys))
    cache.advance(count)
    return positions, allowed[:, 0]


def test_keys_and_masks(framework):
    cache, start = framework.Cache.growing([{"kv": kv_cache(1, 3, window=WINDOW)}]), 0
    for count in STEPS:
        positions, allowed = run(framework, cache, start, count)
        first = max(0, start - (WINDOW - 1))
        assert positions.tolist() == list(range(first, start + count))
        query = np.arange(start, start + count)[:, None]
        near = (positions <= query) & (positions > query - WINDOW)
        assert np.array_equal(allowed[0], near)
        assert np.array_equal(allowed[1], near & (positions >= 2))
        start += count
    kept, _ = cache[0].kv.read()
    assert np.asarray(kept).shape[2] == WINDOW - 1


def test_a_mask_of_another_length(framework):
    cache = framework.Cache.growing([{"kv": kv_cache(1, 3, window=WINDOW)}])
    run(framework, cache, 0, 6)
    attend = framework.causal(cache) & framework.padding(
        tensor(framework, np.ones((2, 6), np.int64))
    )
    with pytest.raises(InputError, match="7 keys|7"):
        attend.allowed(1, 4)


def test_crop(framework):
    cache = framework.Cache.growing([{"kv": kv_cache(1, 3, window=WINDOW)}])
    run(framework, cache, 0, 3)
    cache.crop(2)
    assert np.asarray(cache[0].kv.read()[0])[0, 0, :, 0].tolist() == [0, 1]
    run(framework, cache, 2, 5)
    with pytest.raises(InputError, match="windows"):
        cache.crop(5)
