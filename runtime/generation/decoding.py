"""What a class says of how it continues sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Decoding:
    """How a model is called for the next token.

    `per_token`: inputs with an entry for each token, which new tokens continue with the last one.
    `prompt`: inputs that only the call with the prompt takes, such as pictures between its tokens.
    `inputs`: where a call takes something else than the tokens so far, int [b, s], its inputs by
    name, and what makes each of them. `keeps`: an output that the next call gets instead of the
    tokens behind it, a list of states [t, b, d]; without the last two, whose tokens are read again
    with the new one. `positions`: the field of the configuration that says how many positions
    there are, where they are learned. `places`: how positions that nobody gave are counted, where
    not from 0 at the first token that the mask leaves: "own", by the model, or "after_padding_id",
    from pad_token_id + 1 there. `windows`: where audio is heard window by window, the field
    that says how many places of the encoder a window has, how many frames each of them is, and
    the field that says how many numbers a frame has.
    """

    per_token: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    inputs: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    keeps: str | None = None
    positions: str | None = None
    places: str | None = None
    windows: tuple[str, int, str] | None = None
