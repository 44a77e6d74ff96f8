"""Text as it is generated, piece by piece."""

import asyncio
import queue
import threading

import numpy as np
import pytest
from triptych.errors import InputError
from triptych.generation import (
    AsyncTextIteratorStreamer,
    BaseStreamer,
    TextIteratorStreamer,
    TextStreamer,
)

WORDS = ["He", "llo", " wor", "ld", "!", "\n", " again", "日", "本", "<s>"]


class Words:
    def decode(self, ids, skip_special_tokens=False):
        kept = [index for index in ids if not (skip_special_tokens and index == 9)]
        return "".join(WORDS[index] for index in kept)


class Pieces(TextStreamer):
    """Remembers what would be printed."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.pieces = []

    def on_finalized_text(self, text, stream_end=False):
        self.pieces.append((text, stream_end))


def feed(streamer, prompt, tokens):
    streamer.put(np.array([prompt]))
    for token in tokens:
        streamer.put(np.array([token]))
    streamer.end()


def test_words_come_when_they_are_complete():
    streamer = Pieces(Words())
    feed(streamer, [0, 1], [2, 3, 4, 5, 6])
    assert [text for text, _ in streamer.pieces] == [
        "",  # Hello: may go on
        "Hello ",  # wor
        "",  # world
        "",  # world!
        "world!\n",  # a line
        " ",
        "again",  # the end
    ]
    assert [end for _, end in streamer.pieces] == [False] * 6 + [True]


def test_ideographs_are_words():
    streamer = Pieces(Words())
    feed(streamer, [7], [8, 0, 7])
    assert [text for text, _ in streamer.pieces] == ["日", "本", "", "He日", ""]


def test_prompts_can_be_left_out():
    for skip, first in ((True, []), (False, ["Hello "])):
        streamer = Pieces(Words(), skip_prompt=skip)
        for _ in range(2):  # after `end`, the first tokens are a prompt again
            streamer.pieces.clear()
            feed(streamer, [0, 1, 2], [3])
            texts = [text for text, _ in streamer.pieces]
            assert texts == ([*first, "", "world"] if not skip else ["", "ld"])


def test_options_reach_the_tokenizer():
    streamer = Pieces(Words(), skip_special_tokens=True)
    feed(streamer, [9, 0], [1, 9])
    assert "".join(text for text, _ in streamer.pieces) == "Hello"


def test_several_tokens_at_once():
    streamer = Pieces(Words())
    streamer.put([0, 1, 2, 3])
    streamer.put(np.array([4, 5]))
    streamer.end()
    assert [text for text, _ in streamer.pieces] == ["Hello ", "world!\n", ""]


def test_one_sequence_only():
    with pytest.raises(InputError, match="streamer: expected a batch of 1, found 2"):
        TextStreamer(Words()).put(np.zeros((2, 3), int))


def test_printing(capsys):
    feed(TextStreamer(Words()), [0, 1], [2, 3, 4])
    assert capsys.readouterr().out == "Hello world!\n"


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax.numpy"])
def test_arrays_of_frameworks(framework):
    module = pytest.importorskip(framework)
    make = getattr(
        module, {"torch": "tensor", "tensorflow": "constant", "jax.numpy": "asarray"}[framework]
    )
    streamer = Pieces(Words())
    streamer.put(make([[0, 1]]))
    streamer.put(make([2]))
    streamer.end()
    assert "".join(text for text, _ in streamer.pieces) == "Hello wor"


def test_an_iterator_over_another_threads_text():
    streamer = TextIteratorStreamer(Words(), timeout=10)
    thread = threading.Thread(target=feed, args=(streamer, [0, 1], [2, 3, 4]))
    thread.start()
    assert "".join(streamer) == "Hello world!"
    thread.join()


def test_waiting_has_an_end():
    with pytest.raises(queue.Empty):
        next(TextIteratorStreamer(Words(), timeout=0.01))


def test_an_asynchronous_iterator():
    async def collect():
        streamer = AsyncTextIteratorStreamer(Words(), timeout=10)
        thread = threading.Thread(target=feed, args=(streamer, [0, 1], [2, 3, 4]))
        thread.start()
        pieces = [piece async for piece in streamer]
        thread.join()
        return "".join(pieces)

    async def wait():
        return await anext(AsyncTextIteratorStreamer(Words(), timeout=0.01))

    assert asyncio.run(collect()) == "Hello world!"
    with pytest.raises(TimeoutError):
        asyncio.run(wait())


def test_the_base_has_nothing_to_say():
    for call in (lambda: BaseStreamer().put([1]), lambda: BaseStreamer().end()):
        with pytest.raises(NotImplementedError):
            call()
