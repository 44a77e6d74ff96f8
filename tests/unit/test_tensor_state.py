"""Caches of tensors that each call replaces: three frameworks alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.utils import _pytree
from triptych import flax as ours_flax
from triptych import pytorch as ours_pytorch
from triptych import tensorflow as ours_tensorflow
from triptych.errors import InputError
from triptych.states import tensor_state

LAYOUT = [{"sum": tensor_state(2, 3), "wide": tensor_state(2, 3, wide=True)}] * 2
LIBRARIES = {
    "pytorch": (ours_pytorch, torch.from_numpy, torch.bfloat16),
    "tensorflow": (ours_tensorflow, tf.constant, tf.bfloat16),
    "flax": (ours_flax, jnp.asarray, jnp.bfloat16),
}
FIRST = np.zeros((4, 2, 3), np.float32)
NEXT = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def same(tensor, expected) -> bool:
    tensor = tensor.float() if isinstance(tensor, torch.Tensor) else tensor
    return np.array_equal(np.asarray(tensor).astype(np.float32), expected)


@pytest.fixture(params=LIBRARIES)
def framework(request):
    return request.param


def test_what_was_kept_is_recalled(framework):
    library, make, half = LIBRARIES[framework]
    for cache in (library.Cache.growing(LAYOUT), library.Cache.static(LAYOUT, 4, 9, half)):
        state = cache[1].sum
        assert same(state.recall(make(FIRST)), FIRST)
        state.keep(make(NEXT))
        assert cache[1].sum.filled
        assert same(cache[1].sum.recall(make(FIRST)), NEXT)


def test_a_cache_of_fixed_size_keeps_its_types(framework):
    library, make, half = LIBRARIES[framework]
    cache = library.Cache.static(LAYOUT, 4, 9, half)
    cache[0].sum.keep(make(NEXT))
    cache[0].wide.keep(make(NEXT))
    assert cache[0].sum.recall(make(FIRST)).dtype == half
    assert "float32" in str(cache[0].wide.recall(make(FIRST)).dtype)


def test_rows_are_reordered_and_copies_are_independent(framework):
    library, make, _ = LIBRARIES[framework]
    cache = library.Cache.growing(LAYOUT)
    cache[0].sum.keep(make(NEXT))
    other = cache.copy()
    other[0].sum.keep(make(FIRST))
    cache.reorder(make(np.array([3, 0, 0, 1])))
    found = np.asarray(cache[0].sum.recall(make(FIRST)))
    np.testing.assert_array_equal(found, NEXT[[3, 0, 0, 1]])
    np.testing.assert_array_equal(np.asarray(other[0].sum.recall(make(NEXT))), FIRST)


def test_nothing_can_be_forgotten(framework):
    library, make, _ = LIBRARIES[framework]
    cache = library.Cache.growing(LAYOUT)
    cache[0].sum.keep(make(NEXT))
    cache.advance(5)
    with pytest.raises(InputError, match="cannot be cropped"):
        cache.crop(3)


def test_caches_are_trees():
    cache = ours_pytorch.Cache.growing(LAYOUT)
    cache[0].sum.keep(torch.from_numpy(NEXT))
    leaves, form = _pytree.tree_flatten(cache)
    again = _pytree.tree_unflatten(leaves, form)
    assert torch.equal(again[0].sum.value, torch.from_numpy(NEXT)) and not again[1].sum.filled

    cache = ours_flax.Cache.growing(LAYOUT)
    cache[0].sum.keep(jnp.asarray(NEXT))
    again = jax.tree.map(lambda x: x + 1, cache)
    np.testing.assert_array_equal(again[0].sum.recall(None), NEXT + 1)

    cache = ours_tensorflow.Cache.growing(LAYOUT)
    cache[0].sum.keep(tf.constant(NEXT))
    again = tf.function(lambda cache: cache)(cache)
    np.testing.assert_array_equal(again[0].sum.recall(None), NEXT)
    assert not again[1].sum.filled
