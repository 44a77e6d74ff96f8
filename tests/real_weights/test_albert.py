"""ALBERT trained on reactions fills in masked atoms as the reference does, in three frameworks."""

import importlib

import numpy as np
import pytest
import triptych
from packages import OfflineError

from real_weights import smiles

pytestmark = pytest.mark.download(3)


@pytest.fixture(scope="module")
def folder():
    try:
        return smiles.CHECKPOINT.fetch()
    except OfflineError as error:
        pytest.skip(f"no download: {error}")


def logits(framework, model, rows):
    if framework == "pytorch":
        torch = importlib.import_module("torch")
        with torch.no_grad():
            return model(torch.from_numpy(rows)).logits.numpy()
    return np.asarray(model(rows).logits)


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow", "flax"])
def test_masked_atoms(folder, framework):
    model = triptych.load(folder, framework=framework)
    assert type(model).__name__.endswith("AlbertForMaskedLM")
    right = total = 0
    for name, answer in smiles.recorded().items():
        rows, tokens = smiles.masked(smiles.REACTIONS[name], folder)
        best, scores = smiles.filled_in(logits(framework, model, rows), tokens)
        assert best == answer["best"]
        assert scores == pytest.approx(answer["scores"], abs=1e-4)
        right, total = right + int((tokens == best).sum()), total + len(tokens)
    assert (right, total) == (123, 127)
