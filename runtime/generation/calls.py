"""Calls of a model that continue sequences: what each gets, and what is kept between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .decoding import Decoding

MASKS = {False: "attention_mask", True: "decoder_attention_mask"}
TOKENS = {False: "input_ids", True: "decoder_input_ids"}
POSITIONS = {False: "position_ids", True: "decoder_position_ids"}
READ_AGAIN = 2  # tokens whose states are not kept


@dataclass(frozen=True)
class Caller:
    """How one model is called; known before any work, and the same for all calls.

    `takes`: the names of the model's inputs. `cache_name`: what it calls its cache; None without
    one. `sums`: whether the cache sums up all tokens, so that masks are of the new ones alone.
    `wide`: whether masks span the whole capacity, as compiled code has it. `asked`: switches for
    further outputs; `constants`: arguments that are no arrays. `origin`: the first position.
    """

    decoding: Decoding
    takes: frozenset[str]
    cache_name: str | None
    encoder: bool = False
    sums: bool = False
    wide: bool = True
    asked: tuple[str, ...] = ()
    constants: tuple[tuple[str, Any], ...] = ()
    origin: int = 0

    def prompt(
        self,
        ops: Any,
        model: Any,
        inputs: Mapping[str, Any],
        tokens: Any,
        cache: Any,
        start: int = 0,
        last: bool = True,
    ) -> tuple[Any, Carry]:
        """Reads a prompt [b, s], or vectors of tokens among the inputs; the output and the carry.

        `inputs` has all else that the caller gave; the mask [b, capacity] of decoders is among
        them where some tokens are padding, with ones for tokens to come. `start`: how many tokens
        the cache holds already. With `last`, only the scores after the last token are asked for.
        """
        names, call = self.names, dict(inputs)
        mask = call.pop(names.mask, None)
        for name in self.decoding.per_token:
            if name in call:
                call[name] = call[name][:, start:]
        lasting = self._lasting(call)
        ending = {n: call[n][:, -1:] for n in self.decoding.per_token if n in call}
        read = call["inputs_embeds"] if tokens is None else tokens
        count = ops.shape(read)[1]
        pads = None
        if mask is not None:
            seen = ops.cast(mask[:, : start + count], ops.int_)
            pads = start + count - ops.sum_(seen, axis=1)
            places = self._places(ops, seen)[:, start:]
            call[names.mask] = self._mask(mask, start + count, count)
        else:
            places = self.origin + start + ops.arange(count, like=read)[None]
        if names.positions in self.takes:
            call.setdefault(names.positions, places)
        if tokens is not None:
            call[names.tokens] = tokens
        if last and "logits_to_keep" in self.takes:
            call["logits_to_keep"] = 1
        output = self._call(model, call, cache)
        if self.encoder:
            lasting["encoder_outputs"] = [output["encoder_last_hidden_state"]]
        if mask is not None and not self.sums:
            lasting[names.mask] = mask
        return output, Carry(output[self.cache_name], pads, lasting, ending)

    def _lasting(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Those that every later call gets, too."""
        if self.encoder:
            return {name: x for name, x in inputs.items() if name == "attention_mask"}
        once = {"inputs_embeds", self.names.positions, *self.decoding.prompt}
        once.update(self.decoding.per_token)
        return {name: x for name, x in inputs.items() if name not in once}

    def unread(self, ops: Any, inputs: Mapping[str, Any], cache: Any, rows: int) -> Carry:
        """What is kept before any token of `rows` rows has been read."""
        given = self._lasting(inputs)
        ending = {n: inputs[n][:, -1:] for n in self.decoding.per_token if n in inputs}
        pads = ops.full((rows,), 0, ops.int_) if self.names.mask in given else None
        return Carry(cache, pads, given, ending)

    def step(
        self, ops: Any, model: Any, carry: Carry, tokens: Any, length: Any
    ) -> tuple[Any, Carry]:
        """Reads the next tokens [b, s], the first of which stands at place `length`."""
        names = self.names
        call = dict(carry.inputs)
        count = ops.shape(tokens)[1]
        mask = call.pop(names.mask, None)
        if mask is not None:
            call[names.mask] = self._mask(mask, length + count, count)
        if names.positions in self.takes:
            places = self.origin + length + ops.arange(count, like=tokens)[None]
            call[names.positions] = places if carry.pads is None else places - carry.pads[:, None]
        for name, x in carry.last.items():
            call[name] = x if count == 1 else ops.concat([x] * count, axis=1)
        call[names.tokens] = tokens
        output = self._call(model, call, carry.cache)
        return output, carry._replace(cache=output[self.cache_name])

    def whole(
        self, ops: Any, model: Any, inputs: Mapping[str, Any], tokens: Any, kept: Any = None
    ) -> Any:
        """The output for all tokens so far, [b, s], of a model that has no cache.

        A mask among the inputs is of the prompt; what comes after it counts. `kept`: what an
        earlier call has kept of tokens, which are not read again.
        """
        names, call = self.names, dict(inputs)
        if kept is not None:
            tokens = tokens[:, -READ_AGAIN:]
            call[self.decoding.keeps] = [x[:-READ_AGAIN] for x in kept]
            call.pop(names.mask, None)
        made = {name: function(tokens) for name, function in self.decoding.inputs}
        count = ops.shape(made.get(names.tokens, tokens))[1]
        mask = call.get(names.mask)
        if mask is not None:
            rows, length = ops.shape(mask)
            room = ops.full((rows, count - length), 1, ops.int_, like=mask)
            mask = call[names.mask] = ops.concat([ops.cast(mask, ops.int_), room], 1)
        if names.positions in self.takes:
            places = self.origin + ops.arange(count, like=tokens)[None]
            if mask is not None:
                places = self._places(ops, mask)
            call[names.positions] = places
        for name in self.decoding.per_token:
            if name in call:
                more = count - ops.shape(call[name])[1]
                call[name] = ops.concat([call[name], *[call[name][:, -1:]] * more], 1)
        return self._call(model, {**call, names.tokens: tokens, **made}, None)

    def _call(self, model: Any, inputs: dict[str, Any], cache: Any) -> Any:
        if self.cache_name is not None:
            inputs[self.cache_name] = cache
            inputs["use_cache"] = True
        elif "use_cache" in self.takes:
            inputs["use_cache"] = False
        inputs |= self.constants
        return model(**inputs, **dict.fromkeys(self.asked, True), return_dict=True)

    def _places(self, ops: Any, mask: Any) -> Any:
        """The positions of tokens that a mask [b, s] leaves; others get one that has no say."""
        hidden = self.origin - 1 if self.origin else 1
        return ops.where(mask == 0, hidden, ops.cumsum(mask, axis=1) - 1 + self.origin)

    def _mask(self, mask: Any, filled: Any, new: int) -> Any:
        if self.sums:
            return mask[:, filled - new : filled]
        return mask if self.wide else mask[:, :filled]

    @property
    def names(self) -> Names:
        """What the decoder's inputs are called."""
        return Names(TOKENS[self.encoder], MASKS[self.encoder], POSITIONS[self.encoder])


@dataclass(frozen=True)
class Names:
    """The names of a decoder's inputs."""

    tokens: str
    mask: str
    positions: str


class Carry(NamedTuple):
    """What is kept from call to call: the cache, how many places of each row are padding [b], the
    inputs that all calls get, and the last entries of those that go with each token [b, 1]."""

    cache: Any
    pads: Any
    inputs: dict[str, Any]
    last: dict[str, Any]


def expand(ops: Any, caches: Any, carry: Carry, count: int, rows: int) -> Carry:
    """Every row `count` times in a row, of `rows`."""
    if count == 1:
        return carry
    repeat = lambda x: ops.repeat_rows(x, count) if ops.shape(x)[0] == rows else x  # noqa: E731
    cache = carry.cache if carry.cache is None else caches.expanded(carry.cache, count)
    return _mapped(carry, cache, repeat)


def select(ops: Any, caches: Any, carry: Carry, index: Any, rows: int) -> Carry:
    """Row index[i] in place of row i, of `rows`."""
    take = lambda x: ops.take_rows(x, index) if ops.shape(x)[0] == rows else x  # noqa: E731
    cache = carry.cache if carry.cache is None else caches.selected(carry.cache, index)
    return _mapped(carry, cache, take)


def _mapped(carry: Carry, cache: Any, change: Any) -> Carry:
    def changed(x: Any) -> Any:
        return [change(part) for part in x] if isinstance(x, list) else change(x)

    return Carry(
        cache,
        None if carry.pads is None else change(carry.pads),
        {name: changed(x) for name, x in carry.inputs.items()},
        {name: change(x) for name, x in carry.last.items()},
    )
