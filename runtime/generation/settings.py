"""The search, the rules and the ends that the settings of a request ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InputError
from . import checks
from .beams import BeamSearch
from .contrastive import ContrastiveSearch
from .diverse import DiverseBeamSearch
from .modes import GenerationMode
from .processors.timestamps import Timestamps
from .request import Request
from .selection import Selection, Stop
from .stopping import build_criteria


def strategy_of(request: Request, processors: tuple, stops: bool) -> Any:
    """The search that the settings ask for."""
    config, mode, eos = request.config, request.mode, request.eos
    pad = 0 if request.pad is None else request.pad
    if mode is GenerationMode.CONTRASTIVE_SEARCH:
        return ContrastiveSearch(processors, config.penalty_alpha, config.top_k, eos, pad, stops)
    penalty = 1.0 if config.length_penalty is None else config.length_penalty
    if mode is GenerationMode.GROUP_BEAM_SEARCH:
        size = config.num_beams // config.num_beam_groups
        place = 1 if config.sequence_bias is not None else 0
        return DiverseBeamSearch(
            processors=processors,
            groups=config.num_beam_groups,
            group_size=size,
            penalty=config.diversity_penalty or 0.0,
            place=place,
            length_penalty=penalty,
            early=config.early_stopping,
            eos=eos,
            pad=pad,
        )
    if mode.beams:
        # the reference fills with the end where padding has the id 0
        fill = (request.pad or eos[0]) if eos else -1
        return BeamSearch(
            processors=processors,
            width=config.num_beams,
            sample=config.do_sample,
            length_penalty=penalty,
            early=config.early_stopping,
            eos=eos,
            fill=fill,
        )
    return Selection(processors, config.do_sample, eos, pad, config.num_return_sequences, stops)


def rules_of_times(request: Request) -> tuple[Timestamps, ...]:
    """The rule of times in a transcript, if they are asked for."""
    config = request.config
    if not getattr(config, "return_timestamps", None):
        return ()
    timeless = getattr(config, "no_timestamps_token_id", None)
    if timeless is None:
        expected = "no_timestamps_token_id in the generation_config"
        raise InputError("this model gives no times", key="return_timestamps", expected=expected)
    eos = request.eos or tuple(checks.as_ids(request.model.config.eos_token_id))
    latest = getattr(config, "max_initial_timestamp_index", None)
    return (Timestamps(eos[0], timeless, latest),)


def stop_of(request: Request, tokenizer: Any, own: Sequence[Callable] | None) -> Stop | None:
    """What ends rows beside tokens and length, where anything does."""
    config, ops = request.config, request.engine.ops
    if config.max_time is None and config.stop_strings is None and not own:
        return None
    criteria = build_criteria(config, request.lengths.maximum, tokenizer=tokenizer, own=own)

    def stop(ids: Any, length: Any, scores: Any) -> Any:
        return ops.array(criteria(ids[:, : int(length)], scores))

    return stop
