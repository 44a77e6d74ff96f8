"""What has been decoded is decoded again, at a higher temperature, where it looks wrong (Radford et
al. 2022, 4.5)."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

CALM = 0.5  # from this temperature on, text is no help for what comes after it


class Verdict(NamedTuple):
    """Whether a window is decoded `again`, and whether it is `silent` and left out."""

    again: bool
    silent: bool


@dataclass(frozen=True)
class Thresholds:
    """`compression`: the most that text may be compressed; `likelihood`: the least mean of its
    tokens' log-probabilities; `silence`: the most probability of silence. None: any."""

    compression: float | None = None
    likelihood: float | None = None
    silence: float | None = None

    def judge(self, compression: float, likelihood: float, silence: float) -> Verdict:
        """What is to be done with a window of these numbers."""
        unlikely = self.likelihood is not None and likelihood < self.likelihood
        if unlikely and self.silence is not None and silence > self.silence:
            return Verdict(False, True)
        repeats = self.compression is not None and compression > self.compression
        return Verdict(repeats or unlikely, False)


def compression_ratio(tokens: np.ndarray, vocabulary: int) -> float:
    """How many times shorter zlib makes tokens int [n]: text that repeats itself gets short."""
    width = int(math.log2(vocabulary) / 8) + 1
    raw = b"".join(int(token).to_bytes(width, "little") for token in tokens)
    return len(raw) / len(zlib.compress(raw))


def mean_log_probability(scores: np.ndarray, tokens: np.ndarray, temperature: float) -> float:
    """The mean log-probability of tokens int [n] by the scores float [steps, v] they come from,
    which a temperature above 0 has divided."""
    count = min(len(scores), len(tokens))
    logits = scores[:count].astype(np.float32) * np.float32(temperature or 1.0)
    logits = logits - logits.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        likely = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    tokens = tokens[-count:]
    return float(likely[np.arange(count), tokens].sum() / len(tokens)) if count else 0.0
