"""Tokens of a window of speech, cut where the times among them say that something has been said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Clock:
    """How tokens tell times: `first` is that of time 0, and each later one is `step` seconds on.

    `frame`: the seconds of a frame of features, of which a place of the encoder, and so a step of
    time, has `stride`.
    """

    first: int
    stride: int
    step: float = 0.02
    frame: float = 0.01

    def seconds(self, seek: int) -> float:
        """The time at which a window begins, whose first frame is `seek`."""
        return seek * self.step / self.stride

    def steps(self, frames: int) -> int:
        """How many steps of time some frames take, in the reference's float32."""
        return int(np.float32(frames) * np.float32(self.frame) / np.float32(self.step))


@dataclass
class Segment:
    """What is said from `start` to `end`, in seconds: tokens int [n], which stand from `begin` to
    `stop` in what has been decoded. `result`: what the search for them has given; `times`: those
    of single tokens, float [n]."""

    start: float
    end: float
    tokens: np.ndarray
    begin: int
    stop: int
    result: Any = None
    times: np.ndarray | None = None


def cut(tokens: np.ndarray, clock: Clock, seek: int, frames: int) -> tuple[list[Segment], int]:
    """The segments of a window's tokens int [n], and by how many frames the next window is later.

    A pair of times ends a segment and begins the next one. What comes after the last pair was cut
    off by the window's end, and is decoded again; but behind a single time at the end nothing is
    said any more. `seek`: the first of the window's `frames`.
    """
    is_time = tokens >= clock.first
    bounds = [0, *(np.flatnonzero(is_time[:-1] & is_time[1:]) + 1).tolist()]
    if len(bounds) == 1:
        return [_whole(tokens, is_time, clock, seek, frames)], frames
    single = bool(is_time[-1] and not is_time[-2])
    if single:
        bounds.append(len(tokens))
    else:
        bounds[-1] += 1  # the last segment has both times of its pair, to be told from a single one
    steps = tokens - clock.first
    found = []
    for begin, stop in pairwise(bounds):
        last = stop - 2 if stop == bounds[-1] and not single else stop - 1
        start, end = (clock.seconds(seek) + int(steps[i]) * clock.step for i in (begin, last))
        found.append(Segment(start, end, tokens[begin:stop], begin, stop))
    on = frames if single else int(steps[bounds[-1] - 2]) * clock.stride
    return found, on if on > 0 else frames


def _whole(
    tokens: np.ndarray, is_time: np.ndarray, clock: Clock, seek: int, frames: int
) -> Segment:
    """All tokens, up to the last time if there is one."""
    steps = clock.steps(frames)
    times = tokens[is_time]
    if len(times) and times[-1] != clock.first:
        steps = int(times[-1]) - clock.first
    start = clock.seconds(seek)
    return Segment(start, start + steps * clock.step, tokens, 0, len(tokens))


def trimmed(row: np.ndarray, eos: Sequence[int], pad: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The tokens int [n] of a row up to its end with the token that ends it, and without it."""
    filled = np.flatnonzero(row != pad)
    stop = int(filled[-1]) + 1 if len(filled) else 0
    if pad in eos and stop < len(row):
        stop += 1
    ended = row[:stop]
    return ended, ended[:-1] if stop and int(ended[-1]) in eos else ended


def text_so_far(segments: Sequence[Segment], clock: Clock) -> np.ndarray:
    """The tokens of all segments, int [n], with one time of each pair that ends one."""
    parts = [np.zeros(0, np.int64)]
    for segment in segments:
        tokens = segment.tokens
        paired = len(tokens) > 2 and tokens[-2] >= clock.first
        parts.append(tokens[:-1] if paired else tokens)
    return np.concatenate(parts)


def padded_right(rows: Sequence[np.ndarray], fill: Any) -> np.ndarray:
    """Rows [n] of different lengths as one array [b, longest]."""
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(r, (0, longest - len(r)), constant_values=fill) for r in rows])
