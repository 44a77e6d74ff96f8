"""Values between pixels, against plain numpy, with gradients."""

import itertools

import numpy as np
import pytest

FRAMEWORKS = ("pytorch", "tensorflow", "flax")


def expected(x, points, align_corners):
    """Four pixels a point, one at a time; those outside are 0."""
    b, c, h, w = x.shape
    y = np.zeros((b, c, *points.shape[1:3]))
    for n, i, j in np.ndindex(b, *points.shape[1:3]):
        size = np.array([w, h])
        edge = (size - 1) / 2 if align_corners else size / 2
        at = points[n, i, j] * edge + (size - 1) / 2
        first = np.floor(at).astype(int)
        for step in itertools.product((0, 1), repeat=2):
            column, row = first + step
            if 0 <= column < w and 0 <= row < h:
                weight = np.prod(1 - np.abs(at - (column, row)))
                y[n, :, i, j] += weight * x[n, :, row, column]
    return y


def run(framework, x, points, align_corners, weights):
    """(values, gradients of their weighted sum by x and by points), compiled."""
    if framework == "pytorch":
        import torch
        from triptych.pytorch import grid_sample

        x, points = (torch.tensor(array, requires_grad=True) for array in (x, points))
        y = grid_sample(x, points, align_corners=align_corners)
        (y * torch.from_numpy(weights)).sum().backward()
        return y.detach().numpy(), x.grad.numpy(), points.grad.numpy()
    if framework == "tensorflow":
        import tensorflow as tf
        from triptych.tensorflow import grid_sample

        @tf.function(jit_compile=True)
        def call(x, points):
            with tf.GradientTape() as tape:
                tape.watch((x, points))
                y = grid_sample(x, points, align_corners=align_corners)
                total = tf.reduce_sum(y * weights)
            return y, *tape.gradient(total, (x, points))

        return [part.numpy() for part in call(tf.constant(x), tf.constant(points))]
    import jax
    from triptych.flax import grid_sample

    @jax.jit
    def call(x, points):
        def total(x, points):
            y = grid_sample(x, points, align_corners=align_corners)
            return (y * weights).sum(), y

        (_, y), gradients = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(x, points)
        return y, *gradients

    return [np.asarray(part) for part in call(x, points)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("align_corners", [False, True])
def test_grid_sample(framework, align_corners):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 3, 4, 5)).astype(np.float32)
    points = random.uniform(-1.4, 1.4, (2, 3, 7, 2)).astype(np.float32)
    weights = random.normal(size=(2, 3, 3, 7)).astype(np.float32)
    y, by_x, by_points = run(framework, x, points, align_corners, weights)
    np.testing.assert_allclose(y, expected(x, points, align_corners), atol=1e-5)
    # along a direction: linear in x, and by a small step in points
    step = random.normal(size=x.shape).astype(np.float32)
    change = (weights * expected(step, points, align_corners)).sum()
    assert np.sum(by_x * step) == pytest.approx(change, rel=1e-3, abs=1e-3)
    step = random.normal(size=points.shape) * 1e-4
    ahead, behind = (expected(x, points + sign * step, align_corners) for sign in (1, -1))
    change = (weights * (ahead - behind)).sum() / 2e-4
    assert np.sum(by_points * step * 1e4) == pytest.approx(change, rel=2e-2, abs=2e-2)
