"""A size that depends on values: known where values are, an error in compiled programs."""

import pytest
from triptych.errors import InputError


def test_pytorch():
    import torch
    from triptych.pytorch import static_size

    assert type(static_size(torch.tensor(3))) is int and static_size(torch.tensor(3)) == 3
    program = torch.compile(lambda x: torch.zeros(static_size(x)), backend="eager")
    with pytest.raises(Exception, match="sizes that depend on values"):
        program(torch.tensor(3))


def test_tensorflow():
    import tensorflow as tf
    from triptych.tensorflow import static_size

    assert type(static_size(tf.constant(3))) is int and static_size(tf.constant(3)) == 3
    with pytest.raises(Exception, match="InputError: .* sizes that depend on values"):
        tf.function(lambda x: tf.zeros(static_size(x)))(tf.constant(3))


def test_flax():
    import jax
    import jax.numpy as jnp
    from triptych.flax import static_size

    assert type(static_size(jnp.asarray(3))) is int and static_size(jnp.asarray(3)) == 3
    with pytest.raises(InputError, match="sizes that depend on values"):
        jax.jit(lambda x: jnp.zeros(static_size(x)))(jnp.asarray(3))


def test_flax_gradient():
    """Beside a derivative, whole numbers keep their values."""
    import jax
    import jax.numpy as jnp
    from triptych.flax import static_size

    def total(x):
        size = static_size(jnp.sum(jnp.ceil(x)).astype(jnp.int32))
        return jnp.sum(x) * jnp.sum(jnp.ones(size))

    assert jax.grad(total)(jnp.asarray([1.5, 2.5])).tolist() == [5.0, 5.0]
