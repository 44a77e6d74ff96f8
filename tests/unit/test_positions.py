"""Positions, buckets of distances and scaled embeddings, the same in three frameworks."""

import importlib
import math

import numpy as np
import pytest
from triptych.buckets import log_bucket_table
from triptych.errors import ConfigError, InputError
from triptych.sinusoids import sinusoid_table

FRAMEWORKS = ("pytorch", "tensorflow", "flax")
CASES = [(8, 16, 128), (16, 32, 128), (2, 5, 7), (3, 9, 20)]


def runtime(framework):
    return importlib.import_module(f"triptych.{framework}")


def tensor(framework, values):
    if framework == "pytorch":
        import torch

        return torch.tensor(values)
    return np.array(values)


def bucket(distance, exact, count, limit):
    """By the formula, in float64."""
    if distance < exact:
        return distance
    steps = math.log(distance / exact) / math.log(limit / exact) * (count - exact)
    return min(exact + int(steps + 1e-6), count - 1)


@pytest.mark.parametrize("exact, count, limit", CASES)
def test_table_follows_the_formula(exact, count, limit):
    found = log_bucket_table(exact, count, limit)
    assert found.tolist() == [bucket(d, exact, count, limit) for d in range(limit + 1)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("exact, count, limit", CASES)
def test_log_buckets(framework, exact, count, limit):
    """Distances below 0 count as 0, those beyond the limit as the limit."""
    distance = np.arange(-3, limit + 9).reshape(2, -1) if limit % 2 == 0 else np.arange(limit + 4)
    found = runtime(framework).log_buckets(tensor(framework, distance), exact, count, limit)
    table = log_bucket_table(exact, count, limit)
    np.testing.assert_array_equal(np.asarray(found), table[np.clip(distance, 0, limit)])


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("capacity", [None, 8])
def test_key_positions(framework, capacity):
    """Behind three tokens, two new ones make five keys, or a whole preallocated cache."""
    module = runtime(framework)
    assert np.asarray(module.key_positions(2)).tolist() == [[0, 1]]
    layout = [{"kv": module.kv_cache(1, 2)}]
    if capacity is None:
        past = module.Cache.growing(layout)
    else:
        dtype = "float32"
        if framework == "pytorch":
            import torch

            dtype = torch.float32
        past = module.Cache.static(layout, 1, capacity, dtype)
    past.advance(3)
    count = 5 if capacity is None or framework == "pytorch" else capacity
    assert np.asarray(module.key_positions(2, past)).tolist() == [list(range(count))]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("count, resolution, bands", [(1, 8, 3), (7, 56, 4), (1920, 30720, 192)])
@pytest.mark.parametrize("closed", [True, False])
def test_fourier_waves(framework, count, resolution, bands, closed):
    """As in float64, though angles are as large as pi / 2 times the resolution."""
    place = np.linspace(-1, 1, count) if closed else 2 * np.arange(count) / count - 1
    angle = np.pi * place[:, None] * np.linspace(1, resolution / 2, bands)
    expected = np.concatenate([place[:, None], np.sin(angle), np.cos(angle)], axis=1)
    found = np.asarray(runtime(framework).fourier_waves(count, resolution, bands, closed=closed))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_sinusoids():
    found = sinusoid_table((5, 6), 3)
    assert found.shape == (5, 6) and found.dtype == np.float32
    np.testing.assert_allclose(found[2, 1], math.sin(2 * 10000 ** (-1 / 3)), rtol=1e-6)
    np.testing.assert_allclose(found[4, 3], math.cos(4), rtol=1e-6)
    with pytest.raises(ConfigError):
        sinusoid_table((5, 7), 3)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_sinusoidal_positions(framework):
    found = np.asarray(runtime(framework).sinusoidal_positions(600, 8, 3.5))
    np.testing.assert_allclose(found, sinusoid_table((600, 8), 3.5), rtol=0, atol=1e-7)
    assert found.dtype == np.float32


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_scaled_embedding(framework):
    module = runtime(framework)
    options = {}
    if framework == "flax":
        from flax import nnx

        options = {"rngs": nnx.Rngs(0)}
    layer = module.ScaledEmbedding(5, 4, 3.0, padding_idx=1, **options)
    plain = np.arange(20, dtype=np.float32).reshape(5, 4)
    if framework == "pytorch":
        layer.weight.data.copy_(tensor(framework, plain))
    elif framework == "tensorflow":
        layer.weight.assign(plain)
    else:
        layer.weight.set_value(plain)
    ids = tensor(framework, [[4, 0], [2, 2]])
    found = layer(ids)
    found = found.detach() if framework == "pytorch" else found
    np.testing.assert_allclose(np.asarray(found), 3 * plain[[[4, 0], [2, 2]]])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_one_of(framework):
    """Exactly one, or none beside what stands for them; never two."""
    one_of = runtime(framework).one_of
    one_of(a=1, b=None)
    one_of(a=None, b=None, unless=2)
    one_of(a=1, b=None, unless=2)
    for given in ({"a": None, "b": None}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "unless": 3}):
        with pytest.raises(InputError):
            one_of(**given)
