"""Masks as expressions."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny
from triptych.errors import InputError
from triptych.pytorch import Cache, Mask, allow, causal, kv_cache, new_positions, padding, window

KEYS = torch.tensor([[1, 1, 0, 1], [0, 0, 1, 1]])


def cache(length: int, capacity: int | None = None) -> Cache:
    layout = [{"kv": kv_cache(1, 2)}]
    if capacity is None:
        found = Cache.growing(layout)
    else:
        found = Cache.static(layout, 1, capacity, torch.float32)
    found.advance(length)
    return found


def test_no_constraint():
    for mask in (Mask(), padding(None), window(None), padding(None) & Mask(), Mask() | causal()):
        assert mask.allowed(3, 4) is None
        assert mask.lowered(3, 4, torch.float32) == (None, False)


def test_padding():
    assert torch.equal(padding(KEYS).allowed(3, 4), (KEYS == 1)[:, None, None])
    assert torch.equal(padding(KEYS.bool()).allowed(3, 4), (KEYS == 1)[:, None, None])
    by_query = torch.randint(0, 2, (2, 3, 4))
    assert torch.equal(padding(by_query).allowed(3, 4)[:, 0], by_query == 1)
    by_head = torch.randint(0, 2, (2, 5, 3, 4))
    assert torch.equal(padding(by_head).allowed(3, 4), by_head == 1)
    assert padding(torch.ones(2, 4)).allowed(3, 4) is None


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match="2, 3 or 4 axes"):
        padding(torch.ones(3))
    with pytest.raises(InputError, match="expected 5 keys .* found 4"):
        padding(KEYS).allowed(5, 5)
    with pytest.raises(InputError, match="expected 5 keys .* found 4"):
        (padding(KEYS) & causal(cache(3))).allowed(2, 5)


def test_causal_and_window():
    i, j = torch.arange(5)[:, None], torch.arange(5)
    assert torch.equal(causal().allowed(5, 5)[0, 0], j <= i)
    assert torch.equal((causal() & window(2)).allowed(5, 5)[0, 0], (j <= i) & (j > i - 2))
    assert window(5).allowed(5, 5) is None
    assert causal().allowed(1, 1) is None
    assert causal().lowered(5, 5, torch.float32) == (None, True)
    assert causal().additive(5, 5, torch.float32)[0, 0, 0, 1] == torch.finfo(torch.float32).min


@pytest.mark.parametrize("capacity", [None, 9])
def test_with_a_past(capacity):
    past = cache(3, capacity)
    keys = capacity or 5
    i, j = torch.arange(3, 5)[:, None], torch.arange(keys)
    assert torch.equal(causal(past).allowed(2, keys)[0, 0], j <= i)
    assert torch.equal(
        (causal(past) & window(2, past)).allowed(2, keys)[0, 0], (j <= i) & (j > i - 2)
    )
    assert not causal(past).lowered(2, keys, torch.float32)[1]
    assert new_positions(2, past).tolist() == [[3, 4]]
    assert new_positions(2).tolist() == [[0, 1]]


def test_one_new_token_needs_no_mask():
    assert causal(cache(3)).allowed(1, 4) is None


def test_key_masks_and_static_capacity():
    past = cache(2, 6)
    allowed = (padding(KEYS) & causal(past)).allowed(2, 6)
    assert allowed.shape == (2, 1, 2, 6)
    assert not allowed[..., 4:].any()
    longer = torch.cat([KEYS, torch.ones(2, 4, dtype=torch.long)], 1)
    assert (padding(longer) & causal(past)).allowed(2, 4).shape == (2, 1, 2, 4)


def test_and_or():
    one, other = torch.rand(2, 1, 3, 4) < 0.5, torch.rand(1, 5, 3, 4) < 0.5
    assert torch.equal((allow(one) & allow(other)).allowed(3, 4), one & other)
    assert torch.equal((allow(one) | allow(other)).allowed(3, 4), one | other)
    prefix = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    prefix[..., :2] = True
    expected = (torch.ones(4, 4).tril().bool() | prefix) & (KEYS == 1)[:, None, None]
    assert torch.equal(((causal() | allow(prefix)) & padding(KEYS)).allowed(4, 4), expected)


def test_evaluated_once_for_all_layers():
    mask = padding(KEYS) & causal()
    first = mask.additive(4, 4, torch.float32)
    assert mask.additive(4, 4, torch.float32) is first
    assert mask.additive(4, 4, torch.bfloat16).dtype == torch.bfloat16


def test_left_padding_changes_nothing_for_real_tokens():
    model = tiny()
    ids = torch.randint(1, 37, (1, 5))
    padded = torch.cat([torch.zeros(1, 3, dtype=torch.long), ids], 1)
    keys = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1]])
    positions = torch.tensor([[0, 0, 0, 0, 1, 2, 3, 4]])
    with torch.no_grad():
        expected = model.model(ids).last_hidden_state
        found = model.model(padded, attention_mask=keys, position_ids=positions)
    torch.testing.assert_close(found.last_hidden_state[:, 3:], expected, atol=1e-4, rtol=1e-4)
    assert torch.isfinite(found.last_hidden_state).all()
