"""The ways to decode, and which one a configuration asks for."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import GenerationConfig


class GenerationMode(enum.StrEnum):
    """A way to decode."""

    GREEDY_SEARCH = "greedy_search"
    SAMPLE = "sample"
    CONTRASTIVE_SEARCH = "contrastive_search"
    BEAM_SEARCH = "beam_search"
    BEAM_SAMPLE = "beam_sample"
    GROUP_BEAM_SEARCH = "group_beam_search"
    ASSISTED_GENERATION = "assisted_generation"

    @property
    def beams(self) -> bool:
        """Whether it keeps several candidates a row."""
        return self in (self.BEAM_SEARCH, self.BEAM_SAMPLE, self.GROUP_BEAM_SEARCH)


def mode_of(config: GenerationConfig, assisted: bool = False) -> GenerationMode:
    """The way to decode; `assisted`: whether an assistant was given.

    An assistant speeds up greedy decoding and sampling only; other ways stay what they are, and
    `checks.check_assisted` refuses the combination.
    """
    if config.num_beams > 1:
        if config.num_beam_groups > 1:
            return GenerationMode.GROUP_BEAM_SEARCH
        return GenerationMode.BEAM_SAMPLE if config.do_sample else GenerationMode.BEAM_SEARCH
    if not config.do_sample and (config.top_k or 0) > 1 and (config.penalty_alpha or 0) > 0:
        return GenerationMode.CONTRASTIVE_SEARCH
    if assisted or config.prompt_lookup_num_tokens is not None:
        return GenerationMode.ASSISTED_GENERATION
    return GenerationMode.SAMPLE if config.do_sample else GenerationMode.GREEDY_SEARCH
