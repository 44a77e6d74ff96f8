"""Writes smiles.json, in the environment of the reference:

python tests/real_weights/record_smiles.py
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AlbertForMaskedLM

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real_weights import smiles  # noqa: E402


def main():
    """One forward pass a reaction."""
    folder = smiles.CHECKPOINT.fetch()
    model = AlbertForMaskedLM.from_pretrained(folder).eval()
    answers = {}
    for name, reaction in smiles.REACTIONS.items():
        rows, tokens = smiles.masked(reaction, folder)
        with torch.no_grad():
            logits = model(torch.from_numpy(rows)).logits.numpy()
        best, scores = smiles.filled_in(logits, tokens)
        right = int((tokens == best).sum())
        answers[name] = {"right": right, "best": best, "scores": [round(s, 5) for s in scores]}
        print(f"{name}: {right} of {len(tokens)}")
    text = json.dumps(answers, indent=1)
    smiles.RECORDED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
