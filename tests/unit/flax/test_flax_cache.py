"""Caches: growing, of fixed size, and the full pass agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from flax_toy import FlaxToyForCausalLM, FlaxToyModel, ToyConfig
from triptych.errors import InputError
from triptych.flax import Cache, compile, cross_cache, kv_cache

IDS = np.random.default_rng(0).integers(1, 31, (2, 9))
LEFT_PADDED = np.array([[1] * 9, [0, 0, 0] + [1] * 6])
PIECES = [(0, 4), (4, 5), (5, 8), (8, 9)]


@pytest.fixture(scope="module", params=[False, True], ids=["list", "scan"])
def model(request):
    return FlaxToyForCausalLM(ToyConfig(scan_layers=request.param, dropout=0.1), rngs=nnx.Rngs(1))


def steps(call, cache, tokens, whole_mask=False):
    """Logits of a call per piece, put together."""
    logits = []
    for begin, end in PIECES:
        mask = tokens if whole_mask else tokens[:, :end]
        out = call(IDS[:, begin:end], attention_mask=mask, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits.append(out.logits)
    assert cache.length == 9
    return np.concatenate(logits, 1)


@pytest.mark.parametrize("tokens", [np.ones((2, 9), int), LEFT_PADDED], ids=["full", "padded"])
def test_steps_equal_the_full_pass(model, tokens):
    full = model(IDS, attention_mask=tokens, use_cache=False)
    assert full.past_key_values is None
    growing = steps(model, None, tokens)
    static = steps(model, model.init_cache(2, 12), tokens)
    # Rows without any allowed key see the mean of the keys that exist: equal in both caches.
    np.testing.assert_allclose(static, growing, atol=3e-6)
    real = tokens.astype(bool)
    np.testing.assert_allclose(growing[real], full.logits[real], atol=3e-6)


def test_compiled_with_donation(model):
    compiled = compile(model)
    cache = model.init_cache(2, 12)
    first = cache[0].kv.key
    logits = steps(compiled, cache, LEFT_PADDED, whole_mask=True)
    assert first.is_deleted()
    expected = steps(model, None, LEFT_PADDED)
    np.testing.assert_allclose(logits, expected, atol=3e-6)


def test_one_program_serves_all_lengths(model):
    traces = []
    graphdef, state = nnx.split(model)

    @jax.jit
    def step(state, ids, cache):
        traces.append(1)
        out = nnx.merge(graphdef, state)(ids, past_key_values=cache)
        return out.logits, out.past_key_values

    cache = model.init_cache(2, 12)
    for i in range(4):
        _, cache = step(state, IDS[:, i : i + 1], cache)
    assert len(traces) == 1 and cache.length == 4


def test_models_copy_the_cache(model):
    cache = model.init_cache()
    out = model(IDS, past_key_values=cache)
    assert cache.length == 0 and out.past_key_values.length == 9


def test_legacy_tuples_are_taken(model):
    first = model(IDS[:, :5])
    legacy = first.past_key_values.to_legacy()
    assert len(legacy) == 3 and legacy[0][0].shape == (2, 2, 5, 4)
    out = model(IDS[:, 5:], past_key_values=legacy)
    np.testing.assert_allclose(out.logits, model(IDS).logits[:, 5:], atol=3e-6)
    with pytest.raises(InputError, match="3 layers"):
        model(IDS, past_key_values=legacy[:2])
    with pytest.raises(InputError, match="past_key_values"):
        model(IDS, past_key_values=7)


def test_overflow(model):
    cache = model.init_cache(2, 8)
    with pytest.raises(InputError, match="the cache is full"):
        model(IDS, past_key_values=cache)
    cache = model(IDS[:, :6], past_key_values=cache).past_key_values
    with pytest.raises(InputError, match="at most 8 tokens"):
        model(IDS[:, :3], past_key_values=cache)


@pytest.mark.parametrize("capacity", [None, 12])
def test_reorder_and_crop(model, capacity):
    cache = model(IDS, past_key_values=model.init_cache(2, capacity)).past_key_values
    cache = cache.reorder(np.array([1, 1])).crop(-4)
    assert cache.length == 5
    out = model(IDS[[1, 1], 5:], past_key_values=cache)
    np.testing.assert_allclose(out.logits, model(IDS[[1, 1]]).logits[:, 5:], atol=3e-6)


def test_cross_states_are_filled_once():
    layout = [{"kv": kv_cache(2, 4), "cross": cross_cache(2, 4)}] * 2
    cache = Cache.static(layout, 1, 5, jnp.float32)
    assert cache[0].kv.filled and not cache[0].cross.filled
    k = jnp.ones((1, 2, 7, 4))
    cache[0].cross.fill(k, 2 * k)
    cache = jax.tree.map(lambda x: x, cache)
    assert cache[0].cross.filled and not cache[1].cross.filled
    assert cache[0].cross.read()[1][0, 0, 0, 0] == 2
    assert len(cache) == 2 and next(iter(cache))[0].shape == (1, 2, 5, 4)
    with pytest.raises(AttributeError, match="ssm"):
        _ = cache[0].ssm


def test_models_without_states():
    model = FlaxToyModel(ToyConfig(is_decoder=False))
    assert model(IDS, use_cache=True).past_key_values is None
    with pytest.raises(InputError, match="no state"):
        model.init_cache(2, 4)


def test_compiled_takes_lists_and_can_be_inspected(model):
    compiled = compile(model)
    tokens = IDS.tolist()
    expected = model(IDS, use_cache=False).logits
    np.testing.assert_allclose(compiled(tokens, use_cache=False).logits, expected, atol=3e-6)
    assert "stablehlo" in compiled.lower(tokens, use_cache=False).as_text()
