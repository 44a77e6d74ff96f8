"""One window of audio decoded: at several temperatures, until what it says looks right (Radford et
al. 2022, 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .alignment import attention_of, token_times
from .config import GenerationConfig
from .fallback import Verdict, compression_ratio, mean_log_probability
from .lengths import bucket
from .loops import scores_of
from .prompts import read_prompt
from .request import lengths_of, prepare, vocabulary
from .segments import trimmed
from .spoken import FEATURES, Transcription
from .windows import nested_of, row_of, steps_of

# What an argument of a whole call may say of it that its windows are told otherwise.
WHOLE = ("max_length", "max_new_tokens", "min_length", "language", "num_return_sequences")
PLAIN = {"do_sample": False, "temperature": 1.0}
SAMPLED = {
    "do_sample": True,
    "num_beams": 1,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "early_stopping": False,
    "length_penalty": 1.0,
}


class Window(NamedTuple):
    """What rows hear next: features float [n, c, w], tokens before it int [n, s] and their mask,
    None without padding; how many frames of each count. `extra`: columns of nothing but padding."""

    features: np.ndarray
    ids: np.ndarray
    mask: np.ndarray | None
    frames: list[int]
    extra: int

    def of(self, places: Sequence[int]) -> Window:
        """Some of its rows."""
        mask = None if self.mask is None else self.mask[places]
        frames = [self.frames[place] for place in places]
        return Window(self.features[places], self.ids[places], mask, frames, self.extra)


class Decoded(NamedTuple):
    """What a window says: tokens int [n], what the search has given for them, and when each was
    said in the window, float [n]."""

    tokens: np.ndarray
    verdict: Verdict
    temperature: float
    result: Any
    times: np.ndarray | None


@dataclass
class Hearing:
    """Decodes windows of some of `rows` rows by `search(seed=None, **arguments)`.

    `settings`: what `prepare` is given of the caller's; `config`: what it makes of them. `first`:
    how many tokens stand behind earlier text. `output`: what the last search gave, of `searches`.
    """

    engine: Any
    model: Any
    plan: Transcription
    search: Callable[..., Any]
    seed: int | None
    settings: GenerationConfig | None
    config: GenerationConfig
    eos: tuple[int, ...]
    pad: int
    first: int
    rows: int
    searches: int = 0
    output: Any = None

    @property
    def asked(self) -> dict[str, Any]:
        """What the caller says of lengths."""
        rest = self.plan.rest
        return {name: rest[name] for name in ("max_length", "max_new_tokens") if name in rest}

    def decoded(self, window: Window, sounding: list[int]) -> list[Decoded]:
        """What the rows of a window say, at the first temperature at which it looks right."""
        found: list[Decoded | None] = [None] * len(window.ids)
        silence = self._silence(window)
        left = list(range(len(found)))
        for temperature in self.plan.temperatures:
            places = self._batch(left)
            output = self._search(window.of(places), temperature)
            for row, place in enumerate(left):
                judged = self._judged(output, row, window, temperature, silence[place])
                if self.plan.times:
                    times = self._times(output, row, window, sounding[place])
                    judged = judged._replace(times=times)
                found[place] = judged
            left = [place for place in left if found[place].verdict.again]
            if not left:
                break
        return found

    def _batch(self, left: list[int]) -> list[int]:
        """The places of a window that are decoded: where code is compiled for a number of rows,
        always that many."""
        missing = self.rows - len(left) if self.engine.traces else 0
        return [*left, *[left[0]] * missing]

    def _search(self, window: Window, temperature: float) -> Any:
        """What the search gives for the rows of a window."""
        plan, config, thresholds = self.plan, self.config, self.plan.thresholds
        prompt = window.ids.shape[1] - window.extra
        lengths = lengths_of(self.model, config, prompt, self.asked)
        arguments = {name: x for name, x in plan.rest.items() if name not in WHOLE}
        arguments |= PLAIN if temperature == 0 else {**SAMPLED, "temperature": temperature}
        arguments |= self._heard(window)
        arguments["return_timestamps"] = plan.stamped
        arguments["max_new_tokens"] = lengths.new
        arguments["num_return_sequences"] = 1
        if config.min_length:
            arguments["min_length"] = config.min_length + window.extra
        if thresholds.likelihood is not None:
            arguments |= {"return_dict_in_generate": True, "output_scores": True}
        if plan.times:
            arguments |= {"return_dict_in_generate": True, "output_attentions": True}
        seed = None if self.seed is None else self.seed + self.searches
        self.searches += 1
        self.output = self.search(seed=seed, **arguments)
        return self.output

    def _heard(self, window: Window) -> Mapping[str, Any]:
        """The inputs that a window makes."""
        given = {FEATURES: window.features, "decoder_input_ids": window.ids}
        return given if window.mask is None else {**given, "decoder_attention_mask": window.mask}

    def _judged(
        self, output: Any, row: int, window: Window, temperature: float, silence: float
    ) -> Decoded:
        """A row of what a search has given, and what is to be done with it."""
        ops, thresholds = self.engine.ops, self.plan.thresholds
        is_record = hasattr(output, "items")
        sequences = output["sequences"] if is_record else output
        tokens = ops.to_numpy(sequences)[row, window.ids.shape[1] :].astype(np.int64)
        ended, tokens = trimmed(tokens, self.eos, self.pad if self.eos else None)
        compression = likelihood = 0.0
        if thresholds.compression is not None:
            compression = compression_ratio(ended, vocabulary(self.model))
        if thresholds.likelihood is not None:
            scores = np.stack([ops.to_numpy(x) for x in steps_of(ops, output, "scores", row)])
            likelihood = mean_log_probability(scores, ended, temperature)
        verdict = thresholds.judge(compression, likelihood, silence)
        result = None
        if self.plan.segments or self.plan.records:
            result = row_of(ops, output, row, window.extra)
        return Decoded(tokens, verdict, temperature, result, None)

    def _times(self, output: Any, row: int, window: Window, sounding: int) -> np.ndarray:
        """When each token of a row was said, by the window's clock; the last one, which nothing
        comes after, with the one before it."""
        ops, heads = self.engine.ops, self.config.alignment_heads
        steps = nested_of(ops, output, "cross_attentions", row)
        steps = [[ops.to_numpy(ops.cast(x, ops.float32)) for x in step] for step in steps]
        attention = attention_of(steps, heads, window.ids.shape[1])[..., :sounding]
        width = getattr(self.model.config, "median_filter_width", 1)
        times = token_times(attention, self.plan.clock.step, width)
        return np.append(times, times[-1] if len(times) else 0.0)

    def _silence(self, window: Window) -> np.ndarray:
        """How probable it is that rows of a window say nothing, float [n]."""
        count = len(window.ids)
        if self.plan.thresholds.silence is None:
            return np.zeros(count)
        engine, ops = self.engine, self.engine.ops
        # the token of silence comes right after the first one
        start = window.ids.shape[1] - self.first + 1
        part = window.of(self._batch(list(range(count))))
        mask = None if part.mask is None else part.mask[:, :start]
        heard = self._heard(part._replace(ids=part.ids[:, :start], mask=mask))
        request = prepare(engine, self.model, None, self.settings, {**heard, "max_new_tokens": 1})
        output, carry = read_prompt(request, bucket(start + 1), whole=False)
        scores = ops.to_numpy(output if carry is not None else scores_of(ops, output))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        silent = self.plan.clock.first - 2  # stands before the one that says there are no times
        return (scores[:, silent] / scores.sum(axis=-1))[:count]
