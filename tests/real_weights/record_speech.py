"""Writes speech.json, in the environment of the reference:

python tests/real_weights/record_speech.py
"""

import json
import sys
from pathlib import Path

import torch
from transformers import WhisperForConditionalGeneration

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real_weights import speech  # noqa: E402

LONGEST = 100


def main():
    """The likeliest token after what was heard so far, until the end."""
    model = WhisperForConditionalGeneration.from_pretrained(speech.checkpoint()).eval()
    answers = {}
    for part in speech.PARTS:
        heard = model.model.encoder(torch.from_numpy(speech.features(part)))
        tokens, scores = [speech.START, speech.NO_TIMES], []
        with torch.no_grad():
            while tokens[-1] != speech.END and len(tokens) < LONGEST:
                row = torch.tensor([tokens])
                logits = model(encoder_outputs=heard, decoder_input_ids=row).logits[0, -1]
                tokens.append(int(logits.argmax()))
                scores.append(round(float(logits.max()), 4))
        answers[part] = {"tokens": tokens, "scores": scores}
        print(f"{part}: {len(tokens)} tokens")
    text = json.dumps(answers)
    speech.RECORDED.write_text(text.replace("}, ", "},\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
