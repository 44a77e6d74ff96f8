"""Whisper hears what is read in a recording, token for token as the reference, in three frameworks.

All tokens are given at once, and each has to be the likeliest one after those before it: that is
greedy decoding, without its loop.
"""

from difflib import SequenceMatcher

import numpy as np
import pytest
import triptych
from tokenizers import Tokenizer

from real_weights import speech
from real_weights.frameworks import FRAMEWORKS, logits

pytestmark = pytest.mark.download(73)


@pytest.fixture(scope="module")
def heard(online):
    with online():
        return {part: speech.features(part) for part in speech.PARTS}


@pytest.fixture(scope="module")
def folder(heard, online):
    with online():
        return speech.checkpoint()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_transcripts(folder, heard, framework):
    model = triptych.load(folder, framework=framework)
    for part, answer in speech.recorded().items():
        tokens = np.array([answer["tokens"]])
        scores = logits(
            framework, model, input_features=heard[part], decoder_input_ids=tokens[:, :-1]
        )[0, 1:]
        assert scores.argmax(-1).tolist() == answer["tokens"][2:]
        assert scores.max(-1).tolist() == pytest.approx(answer["scores"], abs=2e-3)


def test_words(folder):
    """The recorded tokens are the words that are read, but for one in ten at most."""
    tokenizer = Tokenizer.from_file(str(speech.WEIGHTS.folder() / "tokenizer.json"))
    said = speech.transcripts()
    right = total = 0
    for part, answer in speech.recorded().items():
        text = speech.words(tokenizer.decode(answer["tokens"]))
        blocks = SequenceMatcher(None, said[part], text, autojunk=False).get_matching_blocks()
        right, total = right + sum(block.size for block in blocks), total + len(said[part])
    assert right >= 0.9 * total
