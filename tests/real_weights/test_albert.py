"""ALBERT trained on reactions fills in masked atoms as the reference does, in three frameworks."""

import pytest
import triptych

from real_weights import smiles
from real_weights.frameworks import FRAMEWORKS, logits

pytestmark = pytest.mark.download(3)


@pytest.fixture(scope="module")
def folder(online):
    with online():
        return smiles.CHECKPOINT.fetch()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_masked_atoms(folder, framework):
    model = triptych.load(folder, framework=framework)
    assert type(model).__name__.endswith("AlbertForMaskedLM")
    right = total = 0
    for name, answer in smiles.recorded().items():
        rows, tokens = smiles.masked(smiles.REACTIONS[name], folder)
        best, scores = smiles.filled_in(logits(framework, model, input_ids=rows), tokens)
        assert best == answer["best"]
        assert scores == pytest.approx(answer["scores"], abs=1e-4)
        right, total = right + int((tokens == best).sum()), total + len(tokens)
    assert (right, total) == (123, 127)
