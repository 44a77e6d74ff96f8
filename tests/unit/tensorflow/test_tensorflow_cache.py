"""Caches: growing and static ones give what a full pass gives, in every form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import SmallConfig, TFSmallForCausalLM
from triptych.errors import InputError
from triptych.tensorflow import Cache, compile, cross_cache, kv_cache

LAYOUT = [{"kv": kv_cache(2, 3, value_dim=4), "cross": cross_cache(2, 3)}] * 2
FORMS = {
    "eager": lambda model: model,
    "graph": compile,
    "xla": lambda model: compile(model, jit_compile=True),
}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return TFSmallForCausalLM(SmallConfig(initializer_range=0.5))


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(1, 31, (2, 7)).astype(np.int32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("capacity", [None, 12])
def test_steps_equal_a_full_pass(model, ids, form, capacity):
    mask = np.ones((2, 7), np.int32)
    mask[1, :2] = 0  # left padding
    full = model(ids, attention_mask=mask).logits
    call = FORMS[form](model)
    past, logits = model.init_cache(2, capacity), []
    for start, end in ((0, 3), (3, 4), (4, 5), (5, 7)):
        output = call(
            tf.constant(ids[:, start:end]),
            attention_mask=tf.constant(mask[:, :end]),
            past_key_values=past,
        )
        past = output.past_key_values
        logits.append(output.logits)
    # Queries that are padding themselves see no key, and so the mean over a varying number.
    tokens = mask > 0
    scale = np.abs(full).max()
    np.testing.assert_allclose(tf.concat(logits, 1)[tokens], full[tokens], atol=2e-6 * scale)
    assert int(past.length) == 7 and past.capacity == capacity


def test_one_graph_serves_all_steps(model, ids):
    call = compile(model, jit_compile=True)
    past = model.init_cache(2, 8)
    for i in range(4):
        past = call(tf.constant(ids[:, i : i + 1]), past_key_values=past).past_key_values
    assert call.experimental_get_tracing_count() == 1


def test_the_caller_keeps_its_cache(model, ids):
    past = model.init_cache(2, 8)
    model(ids, past_key_values=past)
    assert int(past.length) == 0 and not np.any(past.to_legacy()[0][0])


def test_overflow(model, ids):
    past = model(ids, past_key_values=model.init_cache(2, 8)).past_key_values
    with pytest.raises(InputError, match="at most 8 tokens, found 9"):
        model(ids[:, :2], past_key_values=past)


def test_legacy_tuples(model, ids):
    full = model(ids).logits
    past = model(ids[:, :4]).past_key_values
    legacy = tuple(tuple(x.numpy() for x in pair) for pair in past)
    again = model(ids[:, 4:], past_key_values=legacy)
    np.testing.assert_allclose(again.logits, full[:, 4:], atol=2e-5)
    with pytest.raises(InputError, match="2 layers"):
        model(ids, past_key_values=legacy[:1])
    with pytest.raises(InputError, match="past_key_values"):
        model(ids, past_key_values="cache")


def some(cache, *, length):
    """The cache with random tokens, and a filled cross state."""
    for position in range(len(cache)):
        slots = cache[position]
        slots.kv.update(tf.random.normal((2, 2, length, 3)), tf.random.normal((2, 2, length, 4)))
        slots.cross.fill(tf.random.normal((2, 2, 5, 3)), tf.random.normal((2, 2, 5, 3)))
    cache.advance(length)
    return cache


def test_states():
    cache = Cache.growing(LAYOUT)
    assert not cache[0].kv.filled and not cache[0].cross.filled
    some(cache, length=4)
    assert cache[1].cross.filled and len(cache) == 2 and len(cache[:1]) == 1
    k, v = cache[0].kv.read()
    assert k.shape == (2, 2, 4, 3) and v.shape == (2, 2, 4, 4)
    legacy = cache.to_legacy()
    assert [len(layer) for layer in legacy] == [4, 4]
    again = Cache.from_legacy(legacy)
    assert again.length == 4 and again[1].cross.filled
    copy = cache.copy()
    copy.reorder(tf.constant([1, 1])).crop(3)
    assert copy.length == 3 and cache.length == 4
    np.testing.assert_array_equal(copy[0].kv.read()[0][0], k[1, :, :3])
    np.testing.assert_array_equal(copy[0].cross.read()[0][0], legacy[0][2][1])
    assert copy.crop(-1).length == 2


def test_static_crop_hides_tokens():
    cache = Cache.static(LAYOUT, 2, 6, "float32")
    some(cache, length=4).crop(-3)
    assert int(cache.length) == 1 and cache[0].kv.read()[0].shape == (2, 2, 6, 3)


@pytest.mark.parametrize("capacity", [None, 6])
def test_through_nests(capacity):
    cache = some(
        Cache.growing(LAYOUT) if capacity is None else Cache.static(LAYOUT, 2, 6, "float32"),
        length=4,
    )
    for again in (
        tf.nest.map_structure(tf.identity, cache),
        keras.tree.map_structure(tf.identity, cache),
        tf.function(lambda x: x)(cache),
    ):
        assert isinstance(again, Cache) and int(again.length) == 4
        for ours, theirs in zip(again.to_legacy()[1], cache.to_legacy()[1], strict=True):
            np.testing.assert_array_equal(ours, theirs)
