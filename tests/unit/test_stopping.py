"""Conditions that stop sequences."""

import time

import numpy as np
import pytest
from triptych.errors import InputError
from triptych.generation import (
    EosTokenCriteria,
    GenerationConfig,
    MaxLengthCriteria,
    MaxTimeCriteria,
    StoppingCriteria,
    StoppingCriteriaList,
    StopStringCriteria,
)
from triptych.generation.stopping import build_criteria

PIECES = ["", "st", "op", "stop", "opera", "las", "topper", "s", "to", "pped", " ", "at", "tion"]


class Pieces:
    """A tokenizer whose tokens are known pieces of text."""

    def __init__(self, pieces=PIECES):
        self.pieces = pieces
        self.longest = 0

    def decode(self, ids):
        self.longest = max(self.longest, len(ids))
        return "".join(self.pieces[index] for index in ids)


class Bytes:
    """A tokenizer of bytes: characters may need several tokens."""

    def decode(self, ids):
        return bytes(ids).decode("utf-8", errors="replace")


class Stripping(Pieces):
    """The first piece of a text loses its space."""

    def decode(self, ids):
        return super().decode(ids).removeprefix(" ")


def rows(*texts, pieces=PIECES):
    """Ids of equal length, filled up on the left with a token without text."""
    found = [[pieces.index(piece) for piece in text] for text in texts]
    longest = max(map(len, found))
    return np.array([[0] * (longest - len(row)) + row for row in found])


@pytest.mark.parametrize("before", [0, 1, 30])
@pytest.mark.parametrize(
    "text, stops",
    [
        (["st", "op"], True),
        (["stop"], True),
        (["st", "opera"], True),
        (["las", "topper"], True),
        (["s", "to", "pped"], True),
        (["stop", "at"], False),
        (["st", "op", "at"], False),
        (["st", "opera", "tion"], False),
        (["to", "pped"], False),
        (["st", "at"], False),
        (["stop", ""], False),
        (["stop", "stop"], True),
    ],
)
def test_a_string_ends_in_the_last_token(text, stops, before):
    ids = rows([" "] * before + text)
    assert StopStringCriteria(Pieces(), "stop")(ids, None).tolist() == [stops]


def test_each_row_on_its_own():
    ids = rows(["st", "op"], ["las", "at"], ["opera", "tion"])
    found = StopStringCriteria(Pieces(), ["stop", "ation"])(ids, None)
    assert found.dtype == bool and found.tolist() == [True, False, True]


def test_only_the_end_of_a_row_is_decoded():
    tokenizer = Pieces()
    assert StopStringCriteria(tokenizer, "stop")(rows(["at"] * 500 + ["stop"]), None).all()
    assert tokenizer.longest <= 16
    # Tokens without text: the part grows until there is enough of it.
    ids = rows(["st", *[""] * 300, "op"])
    assert StopStringCriteria(tokenizer, "stop")(ids, None).all()


@pytest.mark.parametrize("before", ["", "x", "日本語" * 20])
def test_characters_of_several_tokens(before):
    criterion = StopStringCriteria(Bytes(), "終わり")
    data = list((before + "終わり").encode())
    ends = [bool(criterion(np.array([data[:n]]), None)[0]) for n in range(1, len(data) + 1)]
    assert ends == [False] * (len(data) - 1) + [True]


def test_a_space_that_parts_lose():
    pieces = ["", " a", " b"]
    for before in (1, 7, 8, 9, 40):
        ids = np.array([[2] * before + [1]])
        assert StopStringCriteria(Stripping(pieces), " a")(ids, None).all()
        assert not StopStringCriteria(Stripping(pieces), "b b b a a")(ids, None).any()


def test_strings_that_are_none():
    for strings in ("", [], ["a", ""]):
        with pytest.raises(InputError, match="stop_strings: expected strings of one character"):
            StopStringCriteria(Pieces(), strings)


def test_length():
    ids = np.zeros((2, 5), int)
    assert MaxLengthCriteria(5)(ids, None).tolist() == [True, True]
    assert MaxLengthCriteria(6)(ids, None).tolist() == [False, False]


def test_time():
    ids = np.zeros((2, 5), int)
    assert MaxTimeCriteria(100.0)(ids, None).tolist() == [False, False]
    assert MaxTimeCriteria(1.0, initial_timestamp=time.time() - 2)(ids, None).tolist() == [True] * 2


def test_end_of_sequence():
    ids = np.array([[7, 1], [1, 2], [1, 3]])
    assert EosTokenCriteria(1)(ids, None).tolist() == [True, False, False]
    assert EosTokenCriteria([1, 3])(ids, None).tolist() == [True, False, True]


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax.numpy"])
def test_arrays_of_frameworks(framework):
    module = pytest.importorskip(framework)
    make = {"torch": "tensor", "tensorflow": "constant", "jax.numpy": "asarray"}[framework]
    ids = getattr(module, make)([[1, 3], [3, 2]])
    criteria = build_criteria(
        GenerationConfig(stop_strings="stop"), 9, eos_token_id=2, tokenizer=Pieces()
    )
    assert criteria(ids, None).tolist() == [True, True]
    own = StoppingCriteriaList([lambda ids, scores: ids[:, 0] == 3])
    assert own(ids, None).tolist() == [False, True]


def test_lists():
    ids = np.array([[1, 2], [1, 3]])
    scores, seen = object(), []

    def own(input_ids, scores, **kwargs):
        seen.append((input_ids is ids, scores, kwargs))
        return False

    criteria = StoppingCriteriaList([own, EosTokenCriteria(3), MaxLengthCriteria(8)])
    assert criteria(ids, scores, step=4).tolist() == [False, True]
    assert seen == [(True, scores, {"step": 4})]
    assert criteria.max_length == 8 and StoppingCriteriaList([own]).max_length is None
    assert StoppingCriteriaList([lambda ids, scores: True])(ids, None).tolist() == [True, True]
    assert StoppingCriteriaList()(ids, None).tolist() == [False, False]
    with pytest.raises(InputError, match=r"stopping_criteria: expected .* each of 2 rows"):
        StoppingCriteriaList([lambda ids, scores: [True] * 3])(ids, None)
    with pytest.raises(NotImplementedError):
        StoppingCriteria()(ids, None)


def test_what_a_configuration_asks_for():
    kinds = [type(item) for item in build_criteria(GenerationConfig(), 9)]
    assert kinds == [MaxLengthCriteria]
    config = GenerationConfig(max_time=3.0, stop_strings=["a"])
    criteria = build_criteria(config, 9, eos_token_id=[1], tokenizer=Pieces(), own=[len])
    kinds = [MaxLengthCriteria, MaxTimeCriteria, StopStringCriteria, EosTokenCriteria]
    assert [type(item) for item in criteria[:-1]] == kinds and criteria[-1] is len
    assert criteria.max_length == 9
    shorter = MaxLengthCriteria(4)
    criteria = build_criteria(config, 9, tokenizer=Pieces(), own=[shorter])
    assert criteria.max_length == 4 and criteria[-1] is shorter and len(criteria) == 3
