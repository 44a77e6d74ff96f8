"""The array operations of decoding: each framework's against numpy, as they are and compiled."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

MODES = ("pytorch", "tensorflow", "tensorflow-xla", "flax", "flax-jit")
RANDOM = np.random.default_rng(3)
INF = np.inf


@pytest.fixture(params=MODES)
def ops(request):
    """A framework's operations, with `compiled` for functions of arrays."""
    framework, _, form = request.param.partition("-")
    module = importlib.import_module(f"triptych.{framework}.generation.ops")
    compiled = {"xla": _xla, "jit": _jit}.get(form, lambda function: function)
    return SimpleNamespace(**vars(module), compiled=compiled, form=form, framework=framework)


def _xla(function):
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def _jit(function):
    import jax

    return jax.jit(function)


def run(ops, function, *arrays):
    """The function's arrays, in numpy."""
    result = ops.compiled(function)(*(ops.array(x) for x in arrays))
    if isinstance(result, tuple):
        return tuple(ops.to_numpy(x) for x in result)
    return ops.to_numpy(result)


def normal(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def test_arrays_and_their_types(ops):
    integers = "int64" if ops.framework == "pytorch" else "int32"
    for given in ([1, 2], np.array([1, 2]), np.array([1, 2], np.int32)):
        assert ops.to_numpy(ops.array(given)).dtype == integers
    for given in ([0.5], np.array([0.5]), np.array([0.5], np.float32)):
        assert ops.to_numpy(ops.array(given)).dtype == "float32"
    assert ops.to_numpy(ops.array([True])).dtype == "bool"
    assert ops.to_numpy(ops.array([1, 0], ops.float32)).dtype == "float32"
    x = ops.array(normal(2, 3))
    assert ops.shape(x) == (2, 3)
    assert ops.to_numpy(ops.arange(3, like=x)).tolist() == [0, 1, 2]
    assert ops.to_numpy(ops.arange(3)).dtype == integers
    filled = ops.to_numpy(ops.full((2, 1), -INF, ops.float32, like=x))
    assert filled.tolist() == [[-INF], [-INF]]
    assert ops.to_numpy(ops.cast(3, ops.float32)) == 3
    assert ops.item(ops.array(5)) == 5 and ops.item(5) == 5


def test_shapes_and_rows(ops):
    x, index = normal(3, 4), np.array([2, 0, 2, 1])
    assert (run(ops, lambda x: ops.reshape(x, (4, 3)), x) == x.reshape(4, 3)).all()
    assert (run(ops, lambda x: ops.concat([x, x], 1), x) == np.concatenate([x, x], 1)).all()
    assert (run(ops, lambda x: ops.stack([x, x], 1), x) == np.stack([x, x], 1)).all()
    assert (run(ops, lambda x: ops.repeat_rows(x, 2), x) == np.repeat(x, 2, 0)).all()
    assert (run(ops, ops.take_rows, x, index) == x[index]).all()


@pytest.mark.parametrize("sizes, axis", [((3, 2), 1), ((2, 4), 0), ((3, 4), -1)])
def test_take_along(ops, sizes, axis):
    x = normal(3, 4)
    index = RANDOM.integers(0, x.shape[axis], sizes)
    expected = np.take_along_axis(x, index, axis)
    assert (run(ops, lambda x, i: ops.take_along(x, i, axis), x, index) == expected).all()


@pytest.mark.parametrize("sizes", [(2, 5, 1), (2, 5, 3)])
def test_take_along_of_three_axes(ops, sizes):
    x, index = normal(2, 4, 3), RANDOM.integers(0, 4, sizes)
    expected = np.take_along_axis(x, index, 1)
    assert (run(ops, lambda x, i: ops.take_along(x, i, 1), x, index) == expected).all()


def tied(*shape):
    """Small integers, so that many are equal, and some infinities."""
    x = RANDOM.integers(-3, 4, shape).astype(np.float32)
    return np.where(RANDOM.random(shape) < 0.2, -np.float32(INF), x)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_order_with_ties(ops, size):
    for x in (tied(4, size), normal(4, size), np.full((2, size), -np.float32(INF))):
        order = np.argsort(-x, axis=-1, kind="stable")
        k = min(5, size)
        values, index = run(ops, lambda x, k=k: ops.top_k(x, k), x)
        assert (index == order[:, :k]).all()
        assert (values == np.take_along_axis(x, order, -1)[:, :k]).all()
        values, index = run(ops, ops.sort_descending, x)
        assert (index == order).all()
        assert (values == np.take_along_axis(x, order, -1)).all()
        assert (run(ops, ops.argmax, x) == x.argmax(-1)).all()


def test_arithmetic(ops):
    x, y = normal(3, 7), normal(3, 7)
    x[0, 1] = x[1, 0] = -INF
    for name in ("exp", "expm1"):
        np.testing.assert_allclose(run(ops, getattr(ops, name), x), getattr(np, name)(x), 1e-5)
    for name in ("log", "sqrt"):
        z = np.abs(y)
        np.testing.assert_allclose(run(ops, getattr(ops, name), z), getattr(np, name)(z), 1e-5)
    assert (run(ops, ops.abs_, x) == np.abs(x)).all()
    assert (run(ops, ops.minimum, x, y) == np.minimum(x, y)).all()
    assert (run(ops, ops.maximum, x, y) == np.maximum(x, y)).all()
    assert (run(ops, lambda x: ops.minimum(x, 0.5), x) == np.minimum(x, 0.5)).all()
    assert (run(ops, lambda x: ops.maximum(0.5, x), x) == np.maximum(x, 0.5)).all()
    assert ops.item(ops.minimum(3, 2)) == 2 and ops.item(ops.maximum(3, 2)) == 3
    largest = np.log(np.exp(x).sum(-1, keepdims=True))
    np.testing.assert_allclose(run(ops, ops.logsumexp, x), largest, 1e-5)
    np.testing.assert_allclose(run(ops, ops.log_softmax, x), x - largest, 1e-5)
    np.testing.assert_allclose(run(ops, ops.softmax, x), np.exp(x - largest), 1e-5)
    np.testing.assert_allclose(run(ops, lambda x: ops.cumsum(x, 1), y), y.cumsum(1), 1e-4)
    counts = run(ops, lambda x: ops.cumsum(x, 1), y > 0)
    assert (counts == (y > 0).cumsum(1)).all() and counts.dtype != bool
    x[2, 2], x[2, 3] = np.nan, INF
    for name in ("is_nan", "is_inf", "is_finite"):
        expected = getattr(np, name.replace("_", ""))(x)
        assert (run(ops, getattr(ops, name), x) == expected).all()


@pytest.mark.parametrize("axis, keepdims", [(None, False), (0, False), (1, True), (-1, False)])
def test_reductions(ops, axis, keepdims):
    x = normal(3, 4)
    for name in ("sum", "max", "min", "mean", "any", "all"):
        given = x > 0.3 if name in ("any", "all") else x
        expected = getattr(np, name)(given, axis=axis, keepdims=keepdims and axis is not None)
        ours = getattr(ops, name + "_")
        options = {} if axis is None else {"axis": axis, "keepdims": keepdims}
        result = run(ops, lambda x, ours=ours, options=options: ours(x, **options), given)
        np.testing.assert_allclose(result, expected, 1e-5)
    assert (run(ops, lambda x: ops.sum_(x, -1), x > 0) == (x > 0).sum(-1)).all()


def test_where(ops):
    x, y = normal(2, 3), normal(2, 3)
    assert (run(ops, ops.where, x > 0, x, y) == np.where(x > 0, x, y)).all()
    assert (run(ops, lambda x: ops.where(x > 0, x, -INF), x) == np.where(x > 0, x, -INF)).all()
    for condition in (True, False):  # as lengths that Python knows give
        result = run(ops, lambda x, y, c=condition: ops.where(c, x, y), x, y)
        assert (result == (x if condition else y)).all()
        result = run(ops, lambda x, y, c=condition: ops.where(c, x[:, :1], y), x, y)
        assert (result == np.where(condition, x[:, :1], y)).all()
        result = run(ops, lambda x, c=condition: ops.where(c, x, -1.0), x)
        assert (result == np.where(condition, x, -1)).all()
        assert ops.item(ops.where(condition, 1, 2)) == (1 if condition else 2)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("position", [0, 3, 5])
def test_columns(ops, position, known):
    def call(function, *arrays):
        if known:
            return run(ops, lambda *arrays: function(position, *arrays), *arrays)
        return run(ops, function, np.array(position), *arrays)

    for x in (RANDOM.integers(0, 9, (2, 6)), normal(2, 6, 3)):
        assert (call(lambda at, x: ops.column(x, at), x) == x[:, position]).all()
        start = min(position, 4)
        expected = x[:, start : start + 2]
        assert (call(lambda at, x: ops.columns(x, at, 2), x) == expected).all()
        values = x[:, 0] + 1
        expected = x.copy()
        expected[:, position] = values
        assert (call(lambda at, x, v: ops.set_column(x, at, v), x, values) == expected).all()


def test_positions_outside_are_clamped(ops):
    x = RANDOM.integers(0, 9, (2, 6))
    assert (run(ops, lambda x: ops.column(x, -1), x) == x[:, 0]).all()
    assert (run(ops, ops.column, x, np.array(-1)) == x[:, 0]).all()
    assert (run(ops, ops.column, x, np.array(9)) == x[:, 5]).all()
    assert (run(ops, lambda x, at: ops.columns(x, at, 4), x, np.array(-2)) == x[:, :4]).all()
    assert run(ops, lambda x, at: ops.columns(x, at, 0), x, np.array(3)).shape == (2, 0)


def test_scatter(ops):
    index = np.array([[1, 4, 4, -1, 9], [0, 0, 2, 5, 3]])
    valid = np.array([[True, True, False, True, True], [False, True, True, True, False]])
    found = run(ops, lambda i, v: ops.scatter_any(i, v, 5), index, valid)
    assert found.dtype == bool
    assert found.tolist() == [[False, True, False, False, True], [True, False, True, False, False]]
    everywhere = run(ops, lambda i: ops.scatter_any(i, True, 5), index)
    assert everywhere.tolist()[1] == [True, False, True, True, False]
    values = np.arange(1, 11, dtype=np.float32).reshape(2, 5)
    sums = run(ops, lambda i, v: ops.scatter_add(i, v, 5), index, values)
    assert sums.tolist() == [[0, 1, 0, 0, 5], [13, 0, 8, 10, 0]]


def test_while_loop(ops):
    """Fibonacci numbers into a buffer; the state is nested, with a None."""

    def numbers(start):
        def body(state):
            at, (buffer, _), pair = state["at"], state["kept"], state["pair"]
            buffer = ops.set_column(buffer, at, pair[0])
            return {"at": at + 1, "kept": (buffer, None), "pair": (pair[1], pair[0] + pair[1])}

        state = {"at": 0, "kept": (ops.full((1, 8), 0, ops.int_), None), "pair": (start, start)}
        state = ops.while_loop(lambda state: state["at"] < 7, body, state)
        assert state["kept"][1] is None
        return state["kept"][0]

    assert run(ops, numbers, np.array([1])).tolist() == [[1, 1, 2, 3, 5, 8, 13, 0]]


def test_a_cache_in_a_loop(ops):
    states = importlib.import_module("triptych.states")
    cache = importlib.import_module(f"triptych.{ops.framework}.cache")
    layout = [{"kv": states.kv_cache(heads=1, head_dim=2)}]

    def fill(x):
        past = cache.Cache.static(layout, 1, 4, ops.float32)

        def body(state):
            count, past = state
            past = past.copy()
            new = x[:, None, None] + ops.cast(count, ops.float32)
            past[0].kv.update(new, new)
            past.advance(1)
            return count + 1, past

        _, past = ops.while_loop(lambda state: state[0] < 3, body, (0, past))
        return past[0].kv.read()[0]

    keys = run(ops, fill, np.zeros((1, 2), np.float32))
    assert keys[0, 0, :3].tolist() == [[0, 0], [1, 1], [2, 2]]


WEIGHTS = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
DRAWS = 20000


def log_weights(rows):
    """Not normalised, with two that are never drawn."""
    logs = np.log(WEIGHTS).astype(np.float32) + 1.5
    logs = np.concatenate([[-INF], logs[:3], [-INF], logs[3:]]).astype(np.float32)
    return np.tile(logs, (rows, 1))


# What chi-square exceeds one time in a thousand, by degrees of freedom.
CHI_SQUARE = {4: 18.47, 19: 43.82, 24: 51.18}


def agree(counts, chances):
    """Whether counts may well come from these chances."""
    expected = np.asarray(chances) * np.sum(counts)
    statistic = np.sum((counts - expected) ** 2 / expected)
    return statistic < CHI_SQUARE[len(expected) - 1]


def test_draws_have_their_chances(ops):
    def draw(logs):
        first, second = ops.split_key(ops.make_key(11))
        return ops.categorical(first, logs), ops.categorical(second, logs)

    pair = run(ops, draw, log_weights(DRAWS))
    again = run(ops, draw, log_weights(DRAWS))
    assert all((x == y).all() for x, y in zip(pair, again, strict=True))
    for drawn in pair:
        counts = np.bincount(drawn, minlength=7)
        assert counts[0] == counts[4] == 0
        assert agree(np.delete(counts, [0, 4]), WEIGHTS)
    both = np.zeros((7, 7))
    np.add.at(both, pair, 1)  # the two keys' draws are independent
    kept = [1, 2, 3, 5, 6]
    chances = np.outer(WEIGHTS, WEIGHTS)
    assert agree(both[np.ix_(kept, kept)].ravel(), chances.ravel())


def test_draws_without_replacement_have_their_chances(ops):
    def draw(logs):
        return ops.sample_without_replacement(ops.make_key(5), logs, 2)

    drawn = run(ops, draw, log_weights(DRAWS))
    both = np.zeros((7, 7))
    np.add.at(both, (drawn[:, 0], drawn[:, 1]), 1)
    kept = [1, 2, 3, 5, 6]
    assert both[np.ix_(kept, kept)].sum() == DRAWS
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    counts = [both[kept[i], kept[j]] for i, j in pairs]
    chances = [WEIGHTS[i] * WEIGHTS[j] / (1 - WEIGHTS[i]) for i, j in pairs]
    assert agree(counts, chances)


def test_keys(ops):
    logs = ops.array(log_weights(50))

    def draw(seed):
        return ops.to_numpy(ops.categorical(ops.make_key(seed, like=logs), logs)).tolist()

    assert draw(1) == draw(1) != draw(2)
    assert draw(2**40) == draw(2**40) and draw(-1) == draw(-1)
    assert draw(None) != draw(None)
    noise = ops.to_numpy(ops.gumbel(ops.make_key(3), ops.array(np.zeros((1, DRAWS), np.float32))))
    expected = np.exp(-np.exp(-np.sort(noise[0])))  # its distribution function
    distance = np.abs(expected - (np.arange(DRAWS) + 0.5) / DRAWS).max()
    assert distance < 1.95 / np.sqrt(DRAWS)  # exceeded one time in a thousand
