"""Caches: growing and static ones give what one pass over all tokens gives."""

from __future__ import annotations

import pytest
import torch
from tiny import TinyForCausalLM, tiny
from triptych.errors import InputError
from triptych.pytorch import Cache, compile, cross_cache, kv_cache

STEPS = (4, 1, 1, 3, 1)  # new tokens of each call


@pytest.fixture(scope="module")
def model() -> TinyForCausalLM:
    return tiny()


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(1, 37, (2, sum(STEPS)), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def full(model, ids) -> torch.Tensor:
    with torch.no_grad():
        return model(ids, use_cache=False).logits


@torch.no_grad()
def in_steps(model, ids, past, mask=None, steps=STEPS):
    logits, start = [], 0
    for count in steps:
        end = start + count
        keys = None if mask is None else mask[:, :end]
        out = model(ids[:, start:end], attention_mask=keys, past_key_values=past, use_cache=True)
        past, start = out.past_key_values, end
        logits.append(out.logits)
    return torch.cat(logits, 1), past


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_growing(model, ids, full):
    logits, past = in_steps(model, ids, None)
    close(logits, full)
    assert (past.length, past.capacity, len(past)) == (10, None, 3)
    k, v = next(iter(past))
    assert k.shape == v.shape == (2, 2, 10, 8)


@pytest.mark.parametrize("capacity", [10, 16])
def test_static(model, ids, full, capacity):
    logits, past = in_steps(model, ids, model.init_cache(2, capacity))
    close(logits, full)
    assert past.length.shape == ()
    assert (int(past.length), past.capacity) == (10, capacity)


@pytest.mark.parametrize("static", [False, True])
def test_left_padding(model, ids, static):
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    with torch.no_grad():
        full = model(ids, attention_mask=mask).logits
    logits, _ = in_steps(model, ids, model.init_cache(2, 12 if static else None), mask)
    close(logits[mask.bool()], full[mask.bool()])


def test_overflow(model, ids):
    past = model.init_cache(2, 6)
    with pytest.raises(InputError, match="the cache is full: expected at most 6 tokens, found 9"):
        in_steps(model, ids, past)


def test_no_cache_unless_asked_for(model, ids):
    assert model(ids, use_cache=False).past_key_values is None
    assert model(ids).past_key_values is not None  # config.use_cache


@pytest.mark.parametrize("capacity", [None, 16])
def test_crop_copy_and_reorder(model, ids, full, capacity):
    _, past = in_steps(model, ids, model.init_cache(2, capacity), steps=(8,))
    past.crop(-2)
    kept = past.copy()
    close(in_steps(model, ids[:, 6:], past, steps=(4,))[0], full[:, 6:])
    kept.crop(5)
    kept.reorder(torch.tensor([1, 0]))
    close(in_steps(model, ids.flip(0)[:, 5:], kept, steps=(5,))[0], full.flip(0)[:, 5:])
    assert int(past.length) == 10


def test_legacy(model, ids, full):
    _, past = in_steps(model, ids, model.init_cache(2, 16), steps=(6,))
    legacy = past.to_legacy()
    assert legacy[0][0].shape == (2, 2, 6, 8)
    close(in_steps(model, ids[:, 6:], legacy, steps=(4,))[0], full[:, 6:])
    for bad in (legacy[:2], 3):
        with pytest.raises(InputError, match="past_key_values"):
            model(ids, past_key_values=bad)


@pytest.mark.parametrize("capacity", [None, 5])
def test_cross_states_are_filled_once(capacity):
    layout = [{"kv": kv_cache(2, 4), "cross": cross_cache(2, 4)}]
    past = Cache.growing(layout) if capacity is None else Cache.static(layout, 1, 5, torch.float32)
    k, v = torch.randn(2, 1, 2, 7, 4)
    assert not past[0].cross.filled
    assert past[0].cross.fill(k, v)[0] is k
    assert past[0].cross.filled
    past[0].kv.update(torch.randn(1, 2, 3, 4), torch.randn(1, 2, 3, 4))
    past.advance(3)
    past.crop(2)
    assert past[0].cross.read()[0].shape == (1, 2, 7, 4)
    assert past[0].kv.read()[0].shape == (1, 2, 2, 4)
    assert [len(layer) for layer in past.to_legacy()] == [4]
    again = Cache.from_legacy(past.to_legacy())
    assert again[0].cross.filled
    assert again.length == 2


def test_static_cache_when_compiled_needs_two_graphs(model, ids, full):
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = compile(model, backend=backend)
    for _ in range(2):
        logits, past = in_steps(compiled, ids, model.init_cache(2, 16), steps=(5, 1, 1, 1, 1, 1))
        close(logits, full)
        assert int(past.length) == 10
    assert len(graphs) == 2
    # Python's own count of the tokens goes on where compiled code stopped.
    past.crop(8)
    close(in_steps(model, ids[:, 8:], past, steps=(2,))[0], full[:, 8:])


def test_export(model, ids):
    program = torch.export.export(model, (ids,), {"use_cache": False})
    torch.testing.assert_close(
        program.module()(ids, use_cache=False).logits, model(ids, use_cache=False).logits
    )
