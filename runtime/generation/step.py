"""What a rule of decoding sees of the search."""

from __future__ import annotations

from typing import Any, NamedTuple


class Step(NamedTuple):
    """The moment before a token is chosen. Numbers are Python's or, in a compiled loop, scalars."""

    ids: Any  # int [b, capacity]: a buffer, of which the first `length` columns are filled
    length: Any  # tokens so far, with the prompt
    prompt: Any  # how many of these were the prompt
    limit: Any  # the most tokens, with the prompt
    source: Any = None  # the encoder's ids, int [b or b / beams, e]; without encoder the prompt's
