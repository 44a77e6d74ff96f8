"""When each token was said, by what the decoder looked at: dynamic time warping of attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BOTH, ABOVE, LEFT = range(3)  # moves of a path: from the entry before in both, row or column


def token_times(attention: np.ndarray, step: float, width: int) -> np.ndarray:
    """The times of tokens, float [n], from the attention float [heads, n, e] that each of them
    paid to the audio. `step`: the seconds of a place of the audio; `width`: of the median filter.
    """
    if 0 in attention.shape:
        return np.zeros(attention.shape[1])
    deviation = attention.std(axis=1, keepdims=True)
    likeness = (attention - attention.mean(axis=1, keepdims=True)) / np.where(
        deviation == 0, 1, deviation
    )
    likeness = median_filter(likeness, width).mean(axis=0)
    return first_places(-likeness.astype(np.float64)) * step


def median_filter(x: np.ndarray, width: int) -> np.ndarray:
    """The medians of `width` neighbours along the last axis, which is mirrored at its ends."""
    margin = width // 2
    if x.shape[-1] <= margin:
        return x
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(margin, margin)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1)
    return np.sort(windows, axis=-1)[..., margin]


def first_places(costs: np.ndarray) -> np.ndarray:
    """Where each row of costs [n, m] is first visited, int [n], by the cheapest path from the first
    entry to the last one that only goes on in both."""
    moves = _moves(costs)
    i, j = (size - 1 for size in costs.shape)
    found = np.zeros(len(costs), np.int64)
    while i > 0 and j > 0:
        found[i] = j
        move = moves[i, j]
        i, j = i - (move != LEFT), j - (move != ABOVE)
    found[: i + 1] = 0  # the rest runs along an edge
    return found


def _moves(costs: np.ndarray) -> np.ndarray:
    """How the cheapest path comes to each entry of [n, m]: from the column before where several
    are as cheap."""
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf, np.float32)
    total[0, 0] = 0
    moves = np.zeros((rows, columns), np.int8)
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        both, above, left = total[i, j], total[i, j + 1], total[i + 1, j]
        move = np.where((both < above) & (both < left), BOTH, LEFT)
        move = np.where((above < both) & (above < left), ABOVE, move)
        least = np.choose(move, (both, above, left))
        total[i + 1, j + 1] = costs[i, j] + least
        moves[i, j] = move
    return moves


def attention_of(
    steps: Sequence[Sequence[np.ndarray]], heads: Sequence[tuple[int, int]], prompt: int
) -> np.ndarray:
    """The attention float [heads, n, e] of some (layer, head) behind the prompt, from that of a row
    in all steps, each of which has [1, h, q, e] for every layer."""
    found = [np.concatenate([step[layer][0, head] for step in steps]) for layer, head in heads]
    return np.stack(found)[:, prompt:].astype(np.float32)
