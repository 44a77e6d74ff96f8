"""Chemical reactions as tokens, each masked once: what a masked language model fills in."""

import json
import re
from pathlib import Path

import numpy as np
from packages import Package

INSIDE = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/"
# Schwaller et al. 2021, "Extraction of organic chemistry grammar from unsupervised learning"
CHECKPOINT = Package(
    "rxnmapper",
    "0.4.3",
    3,
    {
        INSIDE + "config.json": "",
        INSIDE + "vocab.txt": "399868a653e85549ce150af4a1f6cd2776240c6a3d951ced2120565f00f027fd",
        INSIDE
        + "pytorch_model.bin": ("8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2"),
    },
)
REACTIONS = {
    "esterification (aspirin)": "CC(=O)OC(C)=O.O=C(O)c1ccccc1O>>CC(=O)Oc1ccccc1C(=O)O",
    "nucleophilic substitution": "Fc1cccnc1F.CC(C)S>>CC(C)Sc1ncccc1F",
    "Suzuki coupling": "OB(O)c1ccccc1.Brc1ccncc1>>c1ccc(-c2ccncc2)cc1",
}
ATOM = re.compile(r"\[[^\]]+\]|Br|Cl|>>|%\d\d|.")
RECORDED = Path(__file__).with_suffix(".json")


def masked(reaction: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(ids [n, n + 2] in which row i has token i masked, the n tokens themselves)."""
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    ids = {word: number for number, word in enumerate(words)}
    tokens = np.array([ids[atom] for atom in ATOM.findall(reaction)])
    count = len(tokens)
    rows = np.tile(np.array([ids["[CLS]"], *tokens, ids["[SEP]"]]), (count, 1))
    rows[np.arange(count), np.arange(count) + 1] = ids["[MASK]"]
    return rows, tokens


def filled_in(logits: np.ndarray, tokens: np.ndarray) -> tuple[list[int], list[float]]:
    """What stands at each mask, and the score of the token that was there."""
    at = np.arange(len(tokens))
    own = logits[at, at + 1]
    return own.argmax(-1).tolist(), own[at, tokens].tolist()


def recorded() -> dict[str, dict]:
    """The reference's answers, by reaction."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))
