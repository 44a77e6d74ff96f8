"""What a decoder of speech gets before it hears a window: earlier text, and the first tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .segments import Clock, Segment, text_so_far


class Context(NamedTuple):
    """How earlier text is told.

    `prompt`: tokens int [n] that come first of all, in `every` window or as what was said before
    the audio. `before`: the token in front of earlier text, of which `most` tokens are told.
    """

    clock: Clock
    prompt: np.ndarray | None
    every: bool
    before: int | None
    most: int

    def lead(self) -> np.ndarray:
        """The tokens int [n] in front of earlier text."""
        if self.every and self.prompt is not None:
            return self.prompt
        return np.array([] if self.before is None else [self.before], np.int64)

    def texts(self, rows: Sequence[Sequence[Segment]], calm: Sequence[bool]) -> list[np.ndarray]:
        """The tokens int [n] that each row is told of its segments; `calm`: whether they are of
        any help."""
        said = [self._said(segments) for segments in rows]
        if not any(calm) or not any(len(text) for text in said):
            prompt = np.zeros(0, np.int64) if self.prompt is None else self.prompt
            return [prompt] * len(rows)
        lead = self.lead()
        told = [text[-self.most :] if use and self.most else text[:0]
                for text, use in zip(said, calm, strict=True)]  # fmt: skip
        return [np.concatenate([lead, text]) for text in told]

    def _said(self, segments: Sequence[Segment]) -> np.ndarray:
        text = text_so_far(segments, self.clock)
        if self.every or self.prompt is None:
            return text
        prompt = self.prompt[1:] if self.prompt[0] == self.before else self.prompt
        return np.concatenate([prompt, text])


def joined(
    texts: Sequence[np.ndarray], first: np.ndarray, pad: int, width: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Texts and the first tokens int [b, n] behind them, padded on the left to `width` columns or
    more: ids int [b, s], and their mask."""
    width = max(width, max(len(text) for text in texts) + first.shape[1])
    ids = np.full((len(texts), width), pad, np.int64)
    mask = np.zeros((len(texts), width), np.int64)
    for row, text in enumerate(texts):
        tokens = np.concatenate([text, first[row]])
        ids[row, width - len(tokens) :] = tokens
        mask[row, width - len(tokens) :] = 1
    return ids, mask
