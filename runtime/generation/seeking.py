"""Transcription of audio window by window: each begins where the tokens say the last one ended
(Radford et al. 2022, 4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .context import Context, joined
from .fallback import CALM
from .hearing import Hearing, Window
from .lengths import longest_prompt
from .outputs import TranscriptionOutput
from .request import position_count, prepare
from .segments import Segment, cut, padded_right
from .spoken import FEATURES, Transcription


@dataclass
class Row:
    """How far a row of audio is transcribed; `calm`: whether what it says helps later windows."""

    frames: int
    calm: bool
    seek: int = 0
    segments: list[Segment] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether there is more to hear."""
        return self.seek < self.frames


class Seeker:
    """Goes through audio; `search(seed=None, **arguments)` decodes one window of some rows."""

    def __init__(
        self,
        engine: Any,
        model: Any,
        generation_config: Any,
        plan: Transcription,
        search: Callable[..., Any],
        seed: int | None,
    ):
        self.engine, self.plan = engine, plan
        several = plan.config.num_return_sequences
        first = {**plan.rest, "return_timestamps": plan.stamped, "num_return_sequences": 1}
        first[FEATURES] = plan.features[:, :, : plan.window]
        request = prepare(engine, model, None, generation_config, first)
        self.features = np.repeat(plan.features, several, axis=0)
        self.first = np.repeat(engine.ops.to_numpy(request.ids), several, axis=0)
        self.rows = [Row(int(n), plan.conditioned) for n in np.repeat(plan.frames, several)]
        self.hearing = Hearing(
            engine=engine,
            model=model,
            plan=plan,
            search=search,
            seed=seed,
            settings=generation_config,
            config=request.config,
            eos=request.eos,
            pad=0 if request.pad is None else request.pad,
            first=self.first.shape[1],
            rows=len(self.rows),
        )
        self.context = self._context(position_count(model))

    def _context(self, positions: int) -> Context:
        plan, hearing = self.plan, self.hearing
        most = positions // 2 - 1
        context = Context(plan.clock, plan.prompt, plan.every, plan.before, most)
        # there has to be room for new tokens
        longest = longest_prompt(hearing.config, hearing.asked, positions)
        room = longest - len(context.lead()) - hearing.first
        return context._replace(most=max(min(most, room), 0))

    def run(self) -> Any:
        """What `generate` returns."""
        plan, ops = self.plan, self.engine.ops
        while active := [i for i, row in enumerate(self.rows) if row.goes_on]:
            if plan.monitor is not None:
                plan.monitor(ops.array(np.array([[row.seek, row.frames] for row in self.rows])))
            self._go_on(active)
        if plan.records and not (plan.stamped or plan.times) and self.hearing.searches == 1:
            return self.hearing.output
        said = [[segment.tokens for segment in row.segments] for row in self.rows]
        said = [np.concatenate([np.zeros(0, np.int64), *parts]) for parts in said]
        sequences = self.engine.result(ops.array(padded_right(said, self.hearing.pad)))
        if not (plan.records or plan.segments or plan.times):
            return sequences
        listed = [[self._shown(segment) for segment in row.segments] for row in self.rows]
        return TranscriptionOutput(
            sequences=sequences,
            segments=listed if plan.records or plan.segments else None,
            token_timestamps=self._all_times() if plan.times else None,
        )

    def _all_times(self) -> Any:
        """The times of all tokens, float [b, s]."""
        rows = [np.concatenate([s.times for s in row.segments] or [np.zeros(1)])
                for row in self.rows]  # fmt: skip
        longest = max(len(row) for row in rows)
        return self.engine.ops.array(
            np.stack([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows])
        )

    def _shown(self, segment: Segment) -> dict[str, Any]:
        ops = self.engine.ops
        shown = {
            "start": segment.start,
            "end": segment.end,
            "tokens": self.engine.result(ops.array(segment.tokens)),
            "idxs": (segment.begin, segment.stop),
            "result": segment.result,
        }
        if segment.times is not None:
            shown["token_timestamps"] = ops.array(segment.times)
        return shown

    def _go_on(self, active: list[int]) -> None:
        """One more window of the rows that go on."""
        window = self._window(active)
        decoded = self.hearing.decoded(window, self._sounding(active))
        for place, i in enumerate(active):
            row, found, frames = self.rows[i], decoded[place], window.frames[place]
            row.calm = self.plan.conditioned and found.temperature < CALM
            if found.verdict.silent:
                row.seek += frames
                continue
            segments, on = cut(found.tokens, self.plan.clock, row.seek, frames)
            for segment in segments:
                if found.times is not None:
                    times = found.times[segment.begin : segment.stop]
                    segment.times = times + self.plan.clock.seconds(row.seek)
                segment.begin += window.ids.shape[1] - window.extra
                segment.stop += window.ids.shape[1] - window.extra
                segment.result = found.result
            row.segments += segments
            row.seek += on

    def _window(self, active: list[int]) -> Window:
        plan, rows = self.plan, [self.rows[i] for i in active]
        frames = [min(row.frames - row.seek, plan.window) for row in rows]
        heard = [self.features[i, :, row.seek : row.seek + count]
                 for i, row, count in zip(active, rows, frames, strict=True)]  # fmt: skip
        heard = [np.pad(x, ((0, 0), (0, plan.window - x.shape[1]))) for x in heard]
        texts = self.context.texts([row.segments for row in rows], [row.calm for row in rows])
        first = self.first[active]
        needed = max(len(text) for text in texts) + first.shape[1]
        ids, mask = joined(texts, first, self.hearing.pad, self._width())
        mask = None if mask.all() else mask
        return Window(np.stack(heard), ids, mask, frames, ids.shape[1] - needed)

    def _width(self) -> int:
        """How many tokens stand before each window, so that compiled code fits all of them; 0 where
        it does not matter."""
        plan, config = self.plan, self.hearing.config
        looks = config.output_attentions or config.output_hidden_states or plan.times
        if not (self.engine.traces and plan.conditioned and plan.stamped) or looks:
            return 0
        # with one more, some are padding at all times
        return len(self.context.lead()) + self.context.most + self.first.shape[1] + 1

    def _sounding(self, active: list[int]) -> list[int]:
        """How many places of each window tokens can have been said at."""
        stride = self.plan.clock.stride
        heard, several = self.plan.heard, self.plan.config.num_return_sequences
        if heard is None:
            return [self.plan.window // stride] * len(active)
        return [max(int(heard[i // several]) - self.rows[i].seek, 0) // stride for i in active]
