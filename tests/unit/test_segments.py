"""Tokens of speech cut at their times, what windows are told, and when one is decoded again."""

import numpy as np
import pytest
from triptych.generation.alignment import first_places, median_filter, token_times
from triptych.generation.context import Context, joined
from triptych.generation.fallback import (
    Thresholds,
    Verdict,
    compression_ratio,
    mean_log_probability,
)
from triptych.generation.segments import Clock, Segment, cut, padded_right, text_so_far, trimmed

CLOCK = Clock(100, 2)
WINDOW = 3000


def tokens(*values):
    """Times are given as numbers of seconds in a string."""
    found = [100 + round(float(v) / 0.02) if isinstance(v, str) else v for v in values]
    return np.array(found)


@pytest.mark.parametrize(
    "said, segments, on",
    [
        # a pair of times ends a segment; behind the last one the next window begins
        (("0", 1, 2, "1", "1", 3), [("0", 1, 2, "1", "1")], 100),
        (("0", 1, "1", "2", 2, "3", "3"), [("0", 1, "1"), ("2", 2, "3", "3")], 300),
        # nothing is said after a single time at the end
        (("0", 1, "1", "1", 2, "4"), [("0", 1, "1"), ("1", 2, "4")], WINDOW),
        (("0", 1, 2, "4"), [("0", 1, 2, "4")], WINDOW),
        ((1, 2), [(1, 2)], WINDOW),
        ((), [()], WINDOW),
    ],
)
def test_cut(said, segments, on):
    found, frames = cut(tokens(*said), CLOCK, 0, WINDOW)
    assert [segment.tokens.tolist() for segment in found] == [
        tokens(*segment).tolist() for segment in segments
    ]
    assert frames == on
    for segment in found:
        assert tokens(*said)[segment.begin : segment.stop].tolist() == segment.tokens.tolist()


def test_times_of_segments():
    found, _ = cut(tokens("0", 1, "1", "2", 2, "3", "3"), CLOCK, 500, WINDOW)
    assert [(s.start, s.end) for s in found] == [(5.0, 6.0), (7.0, pytest.approx(8.0))]
    (whole,), _ = cut(tokens("0", 1, "4"), CLOCK, 500, WINDOW)
    assert (whole.start, whole.end) == (5.0, 9.0)
    (whole,), _ = cut(tokens("0", 1), CLOCK, 500, 700)
    assert (whole.start, whole.end) == (5.0, 12.0)
    (slow,), _ = cut(tokens("0", 1, "4"), Clock(100, 2, 0.04), 500, WINDOW)
    assert (slow.start, slow.end) == (10.0, 18.0)


def test_a_window_always_goes_on():
    _, frames = cut(tokens("0", "0", 1), CLOCK, 0, WINDOW)
    assert frames == WINDOW


@pytest.mark.parametrize(
    "row, eos, pad, ended, text",
    [
        ([5, 6, 1, 0, 0], [1], 0, [5, 6, 1], [5, 6]),
        ([5, 6, 1, 1, 1], [1], 1, [5, 6, 1], [5, 6]),
        ([5, 6, 7], [1], 1, [5, 6, 7], [5, 6, 7]),
        ([5, 0, 7], [1], 0, [5, 0, 7], [5, 0, 7]),
        ([1, 1], [1], 1, [1], []),
        ([5, 6], [], None, [5, 6], [5, 6]),
    ],
)
def test_trimmed(row, eos, pad, ended, text):
    found = trimmed(np.array(row), eos, pad)
    assert [x.tolist() for x in found] == [ended, text]


def test_padded_right():
    assert padded_right([np.array([1]), np.array([2, 3])], 0).tolist() == [[1, 0], [2, 3]]


def segment(*said):
    found = tokens(*said)
    return Segment(0.0, 1.0, found, 0, len(found))


def test_text_so_far_has_one_time_of_a_pair():
    text = text_so_far([segment("0", 1, "1"), segment("2", 2, "3", "3")], CLOCK)
    assert text.tolist() == tokens("0", 1, "1", "2", 2, "3").tolist()
    assert text_so_far([], CLOCK).tolist() == []


def context(prompt=None, every=False, most=5):
    prompt = None if prompt is None else np.array(prompt)
    return Context(CLOCK, prompt, every, 9, most)


SAID = [[segment(1, 2, 3)], [segment(4, 5, 6, 7, 8, 10)]]


@pytest.mark.parametrize(
    "given, rows, calm, texts",
    [
        (context(), [[], []], [True, True], [[], []]),
        (context(), SAID, [True, True], [[9, 1, 2, 3], [9, 5, 6, 7, 8, 10]]),
        (context(), SAID, [False, True], [[9], [9, 5, 6, 7, 8, 10]]),
        (context([9, 20]), SAID, [False, False], [[9, 20], [9, 20]]),
        (context([9, 20]), [[], []], [True, True], [[9, 20], [9, 20]]),
        (context([9, 20]), SAID[:1], [True], [[9, 20, 1, 2, 3]]),
        (context([9, 20], True), SAID[:1], [True], [[9, 20, 1, 2, 3]]),
        (context([9, 20], True, 2), SAID[:1], [True], [[9, 20, 2, 3]]),
        (context(most=0), SAID[:1], [True], [[9]]),
    ],
)
def test_what_a_window_is_told(given, rows, calm, texts):
    assert [text.tolist() for text in given.texts(rows, calm)] == texts


def test_joined():
    texts = [np.array([9, 1]), np.array([], np.int64)]
    ids, mask = joined(texts, np.array([[3, 4], [3, 5]]), 0)
    assert ids.tolist() == [[9, 1, 3, 4], [0, 0, 3, 5]]
    assert mask.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]
    assert joined(texts, np.array([[3, 4], [3, 5]]), 0, 6)[0].shape == (2, 6)


@pytest.mark.parametrize(
    "limits, numbers, verdict",
    [
        ((None, None, None), (9.0, -9.0, 1.0), (False, False)),
        ((2.4, None, None), (2.5, 0.0, 0.0), (True, False)),
        ((2.4, -1.0, None), (2.0, -1.5, 0.9), (True, False)),
        ((2.4, -1.0, 0.6), (2.0, -1.5, 0.9), (False, True)),
        ((2.4, -1.0, 0.6), (2.5, -1.5, 0.9), (False, True)),
        ((2.4, -1.0, 0.6), (2.0, -1.5, 0.5), (True, False)),
        ((2.4, -1.0, 0.6), (2.0, -0.5, 0.9), (False, False)),
    ],
)
def test_thresholds(limits, numbers, verdict):
    assert Thresholds(*limits).judge(*numbers) == Verdict(*verdict)


def test_compression_ratio():
    same, different = np.full(200, 7), np.random.RandomState(0).randint(0, 256, 200)
    assert compression_ratio(same, 250) > 10 > 1.01 > compression_ratio(different, 255)
    # two bytes a token where one is not enough
    assert compression_ratio(different, 51865) > compression_ratio(different, 250)


def test_mean_log_probability():
    scores = np.log(np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]))
    tokens = np.array([1, 0])
    expected = (np.log(0.75) + np.log(0.5)) / 2
    assert mean_log_probability(scores, tokens, 0.0) == pytest.approx(expected)
    assert mean_log_probability(scores / 0.5, tokens, 0.5) == pytest.approx(expected)
    assert mean_log_probability(scores[:0], tokens, 0.0) == 0.0


def test_cheapest_path():
    costs = np.ones((3, 6))
    for row, column in ((0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)):
        costs[row, column] = 0
    assert first_places(costs).tolist() == [0, 2, 4]
    late = np.array([[0.0, 5.0, 5.0], [0.0, 0.0, 0.0]])
    assert first_places(late).tolist() == [0, 0]
    assert first_places(np.zeros((1, 4))).tolist() == [0]
    assert first_places(np.zeros((4, 1))).tolist() == [0, 0, 0, 0]


def test_median_filter():
    x = np.array([[0.0, 9.0, 1.0, 2.0, 3.0]])
    assert median_filter(x, 3).tolist() == [[9.0, 1.0, 2.0, 2.0, 2.0]]
    assert median_filter(x[:, :1], 3).tolist() == [[0.0]]


def test_token_times():
    attention = np.full((2, 3, 30), 0.01, np.float32)
    for token in range(3):
        attention[:, token, 10 * token : 10 * token + 10] = 1.0
    assert token_times(attention, 0.02, 7) == pytest.approx([0.0, 0.2, 0.4])
    assert token_times(attention[:, :0], 0.02, 7).tolist() == []
