"""The demo without a network: the way that has no download."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

DEMO = Path(__file__).resolve().parent


def test_without_a_network(tmp_path):
    environment = {"TRIPTYCH_OFFLINE": "1", "TRIPTYCH_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No network" in done.stdout
    assert "Flax and the reference" in done.stdout
    assert done.stdout.endswith("All agree within 1e-5.\n")


def test_what_was_recorded_fits_the_sentences():
    recorded = np.load(DEMO / "reference.npz")
    sentences = (DEMO / "sentences.txt").read_text(encoding="utf-8").splitlines()
    assert recorded["embeddings"].shape == (len(sentences), 384)
    assert len(recorded["input_ids"]) == len(sentences)
    assert np.allclose(np.linalg.norm(recorded["embeddings"], axis=1), 1, atol=1e-6)
