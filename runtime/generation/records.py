"""What is kept of the steps of a search for its result, and handed to streams."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from .beams import BeamSearch
from .diverse import DiverseBeamSearch
from .outputs import record_class
from .request import Request

# Names of outputs: of the model, and of the result, for decoders alone and behind encoders.
PER_STEP = {
    False: {"attentions": "attentions", "hidden_states": "hidden_states"},
    True: {
        "decoder_attentions": "decoder_attentions",
        "cross_attentions": "cross_attentions",
        "decoder_hidden_states": "decoder_hidden_states",
    },
}
ONCE = ("encoder_attentions", "encoder_hidden_states")
ASKED = {"attentions": "output_attentions", "hidden_states": "output_hidden_states"}


class Recorder:
    """The outputs of all steps that the settings ask for."""

    def __init__(self, request: Request, streamer: Any):
        self.request, self.streamer = request, streamer
        self.config = request.config
        self.encoder = request.caller.encoder
        self.lists: dict[str, list] = {name: [] for name in self._wanted()}
        self.once: dict[str, Any] = {}

    def _wanted(self) -> list[str]:
        if not self.config.return_dict_in_generate:
            return []
        names = [n for n in ("scores", "logits") if getattr(self.config, f"output_{n}")]
        return names + [n for n in PER_STEP[self.encoder] if self._asked(n)]

    def _asked(self, name: str) -> bool:
        return any(bool(getattr(self.config, f)) for end, f in ASKED.items() if name.endswith(end))

    @property
    def looks_inside(self) -> bool:
        """Whether steps have to be seen one by one."""
        return bool(self.lists) or self.streamer is not None

    def refuse_inside(self, search: str) -> None:
        """Refuses outputs of single steps that a search does not have, because it takes several."""
        for name in self.lists:
            if name not in ("scores", "logits"):
                asked = next(field for end, field in ASKED.items() if name.endswith(end))
                raise InputError(f"{search} does not give these", key=asked, expected="False")

    def add(self, strategy: Any, turn: Any) -> None:
        """One step of a loop in Python."""
        for name, values in self.lists.items():
            if name in ("scores", "logits"):
                values.append(getattr(turn, name))
            elif turn.output is not None:
                layers = turn.output[PER_STEP[self.encoder][name]]
                layers = [self._as_rows(x, strategy.width) for x in layers]
                if name in ("attentions", "decoder_attentions"):
                    # of a cache with room for more
                    filled = int(turn.state.length) - 1 + self.request.offset
                    layers = [x[..., :filled] for x in layers]
                values.append(tuple(layers))
        if (
            self.encoder
            and not self.once
            and turn.output is not None
            and self.config.return_dict_in_generate
        ):
            self.once = {n: turn.output[n] for n in ONCE if n in turn.output and self._asked(n)}
        if self.streamer is not None:
            ops = self.request.engine.ops
            self.streamer.put(ops.to_numpy(strategy.last(ops, turn.state)))

    def _as_rows(self, x: Any, width: int) -> Any:
        """An output with a row for each sequence; the prompt has been read once for all."""
        ops = self.request.engine.ops
        once = width > 1 and ops.shape(x)[0] == self.request.rows
        return ops.repeat_rows(x, width) if once else x

    def result(self, strategy: Any, state: Any, carry: Any) -> Any:
        """What `generate` returns."""
        if self.streamer is not None:
            self.streamer.end()
        fields = self._sequences(strategy, state)
        if not self.config.return_dict_in_generate:
            return self.request.engine.result(fields["sequences"])
        fields["sequences"] = self.request.engine.result(fields["sequences"])
        if not self.config.output_scores:
            fields.pop("sequences_scores", None)
        fields |= {name: tuple(values) for name, values in self.lists.items()} | self.once
        if carry is not None:
            fields["past_key_values"] = getattr(carry, "cache", None)
        beams = "beam_indices" in fields
        return record_class(self.encoder, beams)(**fields)

    def _sequences(self, strategy: Any, state: Any) -> dict[str, Any]:
        if isinstance(strategy, BeamSearch):
            return self._of_beams(state)
        if isinstance(strategy, DiverseBeamSearch):
            return self._of_groups(strategy, state)
        return {"sequences": state.ids[:, : int(state.length)]}

    def _of_beams(self, state: Any) -> dict[str, Any]:
        ops, count = self.request.engine.ops, self.config.num_return_sequences
        rows = self.request.rows * count
        capacity, steps = ops.shape(state.ended_ids)[2], ops.shape(state.ended_origins)[2]
        ids = ops.reshape(state.ended_ids[:, :count], (rows, capacity))
        origins = ops.reshape(state.ended_origins[:, :count], (rows, steps))
        new = int((ops.to_numpy(origins) >= 0).sum(axis=1).max())
        length = self.request.lengths.prompt + new
        return {
            "sequences": ids[:, :length],
            "sequences_scores": ops.reshape(state.ended_scores[:, :count], (rows,)),
            "beam_indices": origins[:, :new],
        }

    def _of_groups(self, strategy: DiverseBeamSearch, state: Any) -> dict[str, Any]:
        """Sequences of different lengths, which end in a token of their own if there is room."""
        ops, count = self.request.engine.ops, self.config.num_return_sequences
        ids, scores, lengths, origins = strategy.finish(ops, state, self.request.lengths.prompt)
        rows = self.request.rows * count
        capacity, steps = ops.shape(ids)[2], ops.shape(origins)[2]
        ids = ops.to_numpy(ops.reshape(ids[:, :count], (rows, capacity)))
        lengths = ops.to_numpy(ops.reshape(lengths[:, :count], (rows,)))
        origins = ops.to_numpy(ops.reshape(origins[:, :count], (rows, steps)))
        longest = int(min(lengths.max() + 1, self.request.lengths.maximum))
        places = np.arange(longest)[None]
        if strategy.eos:
            behind = np.where(places == lengths[:, None], strategy.eos[0], strategy.pad)
        else:
            behind = np.full((rows, longest), strategy.pad)
        shown = ids[:, :longest]
        if shown.shape[1] < longest:
            shown = np.pad(shown, ((0, 0), (0, longest - shown.shape[1])))
        sequences = np.where(places < lengths[:, None], shown, behind)
        new = longest - self.request.lengths.prompt
        return {
            "sequences": ops.array(sequences),
            "sequences_scores": ops.reshape(scores[:, :count], (rows,)),
            "beam_indices": ops.array(origins[:, :new]),
        }
