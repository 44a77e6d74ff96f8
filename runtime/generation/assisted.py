"""Assisted decoding (Leviathan et al. 2023): the model looks at several proposed tokens at once.

Proposals come from a smaller model, or from what followed the same tokens earlier in the text.
What is kept is what the model itself would have said, so that only the speed differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .calls import Caller, Carry
from .loops import Turn
from .records import Recorder
from .request import Request
from .selection import Frame, Rows, Selection, Stop, process


@dataclass(frozen=True)
class Several:
    """A call with several tokens: the scores after each of them, float32 [b, s, v]."""

    engine: Any
    caller: Caller

    replaces, varies = True, False

    def __call__(self, model: Any, carry: Carry, arrays: dict[str, Any]) -> tuple[Any, Carry]:
        ops = self.engine.ops
        output, carry = self.caller.step(ops, model, carry, arrays["tokens"], arrays["length"])
        return ops.cast(output["logits"], ops.float32), carry


class Reader:
    """A model that has read the first `count` tokens of a text, and can go back."""

    def __init__(self, request: Request, carry: Carry, count: int):
        self.request, self.carry, self.count = request, carry, count

    def scores(self, ids: Any, end: int) -> Any:
        """Reads on up to `end`; the scores after each token read now, float32 [b, s, v]."""
        engine, ops = self.request.engine, self.request.engine.ops
        tokens = ids[:, self.count : end]
        new = ops.shape(tokens)[1]
        if engine.traces:  # few widths; what is too much is forgotten
            width = 1 << (new - 1).bit_length()
            rows = ops.shape(ids)[0]
            tokens = ops.concat([tokens, ops.full((rows, width - new), 0, ops.int_)], 1)
        place = self.count + self.request.offset
        arrays = {"tokens": tokens, "length": ops.array(place) if engine.traces else place}
        program = Several(engine, self.request.caller)
        scores, self.carry = engine.call(self.request.model, program, self.carry, arrays)
        self.count = end
        self._cut()
        return scores[:, :new]

    def back_to(self, count: int) -> None:
        """Forgets all but the first `count` tokens."""
        if count < self.count:
            self.count = count
            self._cut()

    def _cut(self) -> None:
        length = self.count + self.request.offset
        cache = self.request.engine.caches.with_length(self.carry.cache, length)
        self.carry = self.carry._replace(cache=cache)


@dataclass(frozen=True)
class Proposal:
    """Tokens int [n] that may come next, and the probabilities [n, v] they were drawn with."""

    tokens: np.ndarray
    probabilities: Any = None


class Draft:
    """Proposals by a smaller model."""

    def __init__(self, reader: Reader, chosen: Selection, frame: Frame, key: Any):
        self.reader, self.chosen, self.frame, self.key = reader, chosen, frame, key
        config = reader.request.config
        self.count = config.num_assistant_tokens
        self.threshold = config.assistant_confidence_threshold or 0.0
        self.adapts = config.num_assistant_tokens_schedule in ("heuristic", "heuristic_transient")

    def __call__(self, ids: Any, length: int, most: int) -> Proposal:
        """At most `most` tokens after the first `length` columns of ids."""
        ops = self.reader.request.engine.ops
        tokens, probabilities = [], []
        while len(tokens) < min(self.count, most):
            end = length + len(tokens)
            scores = self.reader.scores(ids, end)[:, -1]
            scores = process(ops, self.chosen.processors, ids, end, self.frame, scores)
            weights = ops.softmax(scores)
            if self.chosen.sample:
                self.key, used = ops.split_key(self.key)
                token = ops.categorical(used, scores)
                probabilities.append(weights)
            else:
                token = ops.argmax(scores)
            ids = ops.set_column(ids, end, token)
            tokens.append(int(ops.item(token[0])))
            if tokens[-1] in self.chosen.eos:
                break
            if float(ops.item(weights[0, tokens[-1]])) < self.threshold:
                break
        stacked = ops.concat(probabilities, 0) if probabilities else None
        return Proposal(np.array(tokens, np.int64), stacked)

    def learn(self, proposed: int, accepted: int, length: int) -> None:
        """Goes on after the tokens that were accepted: bolder where all were."""
        self.reader.back_to(length - 1)
        if self.adapts:
            self.count = self.count + 2 if proposed == accepted else max(1, self.count - 1)


class Lookup:
    """Proposals from the text itself: what followed its last tokens where they stood before
    (Saxena 2023)."""

    def __init__(self, count: int, longest: int, eos: tuple[int, ...]):
        self.count, self.longest, self.eos = count, longest, eos

    def __call__(self, ids: Any, length: int, most: int) -> Proposal:
        """At most `most` tokens after the first `length` of ids int [1, c]."""
        text = np.asarray(ids)[0, :length]
        for size in range(min(self.longest, length - 1), 0, -1):
            windows = np.lib.stride_tricks.sliding_window_view(text, size)
            for start in np.flatnonzero((windows == text[-size:]).all(axis=1)):
                found = text[start + size :][: min(self.count, most)]
                ends = np.flatnonzero(np.isin(found, self.eos))
                found = found[: ends[0]] if len(ends) else found
                if len(found):
                    return Proposal(found.astype(np.int64))
        return Proposal(np.zeros(0, np.int64))

    def learn(self, proposed: int, accepted: int, length: int) -> None:
        """Nothing is learned."""


def decode(
    reader: Reader,
    proposals: Draft | Lookup,
    chosen: Selection,
    ids: Any,
    recorder: Recorder,
    stop: Stop | None,
    key: Any,
) -> Any:
    """What `generate` returns, from a buffer of ids [1, c] with room for one proposal more."""
    request = reader.request
    ops, lengths = request.engine.ops, request.lengths
    frame = Frame(lengths.prompt, lengths.maximum, request.source)
    length, finished = lengths.prompt, False
    while not finished and length < lengths.maximum:
        proposal = proposals(ids, length, lengths.maximum - length - 1)
        for place, token in enumerate(proposal.tokens):
            ids = ops.set_column(ids, length + place, ops.array([int(token)]))
        count = len(proposal.tokens)
        first = length - reader.count - 1  # tokens that are read beside the last and the proposed
        logits = reader.scores(ids, length + count)[:, first:]
        scores = [
            process(ops, chosen.processors, ids, length + place, frame, logits[:, place])
            for place in range(count + 1)
        ]
        tokens, key = _accepted(ops, chosen, proposal, scores, key)
        new = 0
        for place, token in enumerate(tokens):
            ids = ops.set_column(ids, length + place, ops.array([token]))
            new += 1
            ended = token in chosen.eos or length + new >= lengths.maximum
            if stop is not None and bool(ops.all_(stop(ids, length + new, scores[place]))):
                ended = True
            rows = Rows(ids, length + new, None, None)
            turn = Turn(rows, reader.carry, scores[place], logits[:, place], None)
            recorder.add(chosen, turn)
            if ended:
                finished = True
                break
        length += new
        reader.back_to(length - 1)
        proposals.learn(count, len(tokens) - 1, length)
    return recorder.result(chosen, Rows(ids, length, None, None), reader.carry)


def _accepted(
    ops: Any, chosen: Selection, proposal: Proposal, scores: list, key: Any
) -> tuple[list[int], Any]:
    """The proposed tokens that are kept, and one token of the model's own behind them."""
    if not chosen.sample or proposal.probabilities is None:
        own = []
        for place, step in enumerate(scores):
            if chosen.sample:
                key, used = ops.split_key(key)
                token = ops.categorical(used, step)
            else:
                token = ops.argmax(step)
            own.append(int(ops.item(token[0])))
            if place == len(proposal.tokens) or own[-1] != proposal.tokens[place]:
                break
        return own, key
    # Speculative sampling: kept with probability p / q, otherwise drawn from what p has over q.
    kept: list[int] = []
    for place, token in enumerate(proposal.tokens):
        p, q = ops.softmax(scores[place]), proposal.probabilities[place : place + 1]
        ratio = float(ops.item(p[0, int(token)])) / float(ops.item(q[0, int(token)]))
        key, used = ops.split_key(key)
        luck = ops.array([[np.log(min(ratio, 1.0)), np.log(max(1.0 - ratio, 1e-38))]])
        if ratio >= 1.0 or int(ops.item(ops.categorical(used, luck)[0])) == 0:
            kept.append(int(token))
            continue
        key, used = ops.split_key(key)
        rest = ops.log(ops.maximum(p - q, 0.0))
        return [*kept, int(ops.item(ops.categorical(used, rest)[0]))], key
    key, used = ops.split_key(key)
    return [*kept, int(ops.item(ops.categorical(used, scores[-1])[0]))], key
