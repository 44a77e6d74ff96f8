"""Writes photographs.json, in the environment of the reference:

python tests/real_weights/record_photographs.py
"""

import json
import sys
from pathlib import Path

import torch
from transformers import MobileNetV2ForImageClassification

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real_weights import photographs  # noqa: E402


def main():
    """One forward pass a photograph."""
    model = MobileNetV2ForImageClassification.from_pretrained(photographs.checkpoint()).eval()
    answers = {}
    for name, (_, wanted) in photographs.PHOTOGRAPHS.items():
        with torch.no_grad():
            logits = model(torch.from_numpy(photographs.pixels(name))).logits[0].numpy()
        share = photographs.probabilities(logits)
        best = share.argsort()[::-1][:5]
        answers[name] = {"best": best.tolist(), "shares": [round(float(share[i]), 6) for i in best]}
        print(f"{name}: {best[0]} ({share[best[0]]:.2f}), {wanted} in the photograph")
    photographs.RECORDED.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
