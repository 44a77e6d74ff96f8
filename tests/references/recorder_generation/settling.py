"""One call recorded, on the first of many prompts where no choice hangs on rounding."""

import traceback
from dataclasses import dataclass

import numpy as np

from .. import compare, generation
from ..recorder.probing import allowed
from . import choosing, prompts, running

MARGIN = 1e-3  # between the best two scores where one sequence is followed
ATTEMPTS = 30
TOKENS = 10
# Where the padding token is 0, the reference takes it for none and ends beams with eos tokens.
PAD = 3
REASON = 300  # characters of a refusal


class UnsettledError(Exception):
    """No prompt was found on which the call shows what it is there for."""


@dataclass
class Settled:
    """A call that is recorded, and its two runs."""

    record: dict
    inputs: dict
    found: running.Run
    exact: running.Run


def settle(session, call, done):
    """The record of a call: {name, prompt, kwargs, sequences, ...}, or {name, refused}.

    `done`: {name: Settled} of the calls before, to which this one is added.
    """
    try:
        settled = _like(session, call, done) if call.like else _drawn(session, call)
    except Exception as problem:
        settled = reason(problem)
    if isinstance(settled, str):
        return {"name": call.name, "reference": call.version, "refused": settled}
    done[call.name] = settled
    settled.record["outputs"] = _outputs(call.outputs, settled)
    if not settled.record["outputs"]:
        del settled.record["outputs"]
    return settled.record


def reason(problem):
    """What the reference says in refusing; what is raised elsewhere is an error of ours."""
    place = traceback.extract_tb(problem.__traceback__)[-1].filename
    if "site-packages" not in place and not isinstance(problem, UnsettledError):
        raise problem
    return " ".join(f"{type(problem).__name__}: {problem}".split())[:REASON]


def _like(session, call, done):
    if call.like not in done:
        return f"nor {call.like}"
    model = done[call.like]
    kwargs = {**model.record["kwargs"], **call.kwargs}
    if kwargs == model.record["kwargs"] and not call.special:
        return f"{call.like} is such a call"
    found = running.run(session, model.inputs, kwargs, call.special, record=call.whole)
    exact = running.agree(session, found, model.inputs, kwargs, call.special, call.whole)
    if exact is None or not np.array_equal(found.sequences, model.found.sequences):
        return f"its tokens are not those of {call.like}: {found.sequences.tolist()}"
    record = _record(call, model.record["prompt"], kwargs, found)
    return Settled(record, model.inputs, found, exact)


def _drawn(session, call):
    for attempt in range(ATTEMPTS):
        name, inputs = prompts.prompt(session, call.side, attempt, call.rows, call.embeds)
        name, inputs, special = _extended(session, call, name, inputs, attempt)
        base = {n: x for n, x in {**arguments(session), **call.kwargs}.items() if x is not None}
        if call.searches and base.get("pad_token_id") == 0 and not call.zero_pad:
            base["pad_token_id"] = PAD
        for eos in _ends(session, call, inputs, base, special):
            kwargs = {**base, "eos_token_id": eos}
            if call.tuned:
                bare = running.run(session, inputs, kwargs, {}, record=call.whole)
                kwargs |= call.tuned(bare.new)
            found = running.run(session, inputs, kwargs, special, record=call.whole)
            if not _shows(session, call, inputs, kwargs, special, found):
                continue
            if call.whole and not call.searches and found.margin() < MARGIN:
                continue
            exact = running.agree(session, found, inputs, kwargs, special, call.whole)
            if exact is not None:
                return Settled(_record(call, name, kwargs, found, special), inputs, found, exact)
    raise UnsettledError(f"{session.case}: {call.name}: no prompt in {ATTEMPTS}")


def arguments(session):
    """The arguments that every call of a class has."""
    return {**prompts.arguments(session), "max_new_tokens": TOKENS}


def _extended(session, call, name, inputs, attempt):
    """Inputs that a call has beside the prompt, and its special arguments without them."""
    special = dict(call.special)
    if "negative" in special:
        masked = special.pop("negative")
        more = prompts.negative(session, attempt, masked)
        name += ".negative_masked" if masked else ".negative"
        inputs = {**inputs, **more}
    if special.pop("target", False):
        name += ".target"
        inputs = {**inputs, **prompts.target(session, attempt)}
    if call.frames:
        name += "." + "_".join(map(str, call.frames))
        inputs = prompts.long(inputs, call.frames)
    return name, inputs, special


def _ends(session, call, inputs, base, special):
    """Candidates for eos_token_id: None, a token or several."""
    if not call.eos:
        return [call.kwargs.get("eos_token_id")]
    kwargs = {**base, "eos_token_id": None}
    if call.effective and not call.tuned:
        kwargs = _without(session, call, kwargs)
    record = call.whole or "generation_config" not in special
    rows = running.run(session, inputs, kwargs, special, record=record).new
    found = choosing.candidates(rows, call.eos, base["pad_token_id"])
    return [tokens[0] if call.eos == 1 else tokens for tokens in found]


def _without(session, call, kwargs):
    """The arguments without those that a processor has."""
    kept = {"num_beams", "do_sample", *arguments(session)}
    return {name: value for name, value in kwargs.items() if name in kept or name == "eos_token_id"}


def _shows(session, call, inputs, kwargs, special, found):
    """Whether the call shows what it is there for."""
    if call.shows and not call.shows(found):
        return False
    if call.effective:
        kept = {n: v for n, v in special.items() if n in ("generation_config", "alone")}
        names = ("negative_prompt_ids", "negative_prompt_attention_mask")
        given = {n: x for n, x in inputs.items() if n not in names}
        bare = running.run(session, given, _without(session, call, kwargs), kept)
        return not np.array_equal(bare.sequences, found.sequences)
    if not call.eos:
        return True
    if not call.whole:
        bare = running.run(session, inputs, {**kwargs, "eos_token_id": None}, special, record=False)
        return not np.array_equal(bare.sequences, found.sequences)
    eos = kwargs["eos_token_id"]
    tokens = eos if isinstance(eos, list) else [eos]
    return choosing.ends_apart(found.new, tokens, kwargs.get("max_new_tokens", len(found.new[0])))


def _record(call, prompt, kwargs, found, special=None):
    record = {"name": call.name, "reference": call.version, "prompt": prompt, "kwargs": kwargs}
    special = call.special if special is None else special
    record |= {"reference_kwargs" if n == "alone" else n: x for n, x in special.items()}
    record["sequences"] = found.sequences.tolist()
    if call.whole and not call.searches:
        margin = found.margin()
        record["margin"] = float(f"{margin:.4g}") if np.isfinite(margin) else None
    return record


def _outputs(names, settled):
    """{name: what is recorded of an output}."""
    found, exact = settled.found.output, settled.exact.output
    result = {}
    for name in names:
        if name == "segments":
            result[name] = {"rows": [[_segment(s) for s in row] for row in found[name]]}
        elif found.get(name) is None:
            result[name] = {"shapes": None}
        elif name in ("sequences_scores", "beam_indices"):
            result[name] = _numbers(name, found[name].numpy(), exact[name].numpy())
        elif name == "token_timestamps":
            result[name] = _digest(name, found[name].numpy(), exact[name].numpy())
        elif name in ("scores", "logits"):
            result[name] = _digest(name, _stack(found[name]), _stack(exact[name]))
        else:
            result[name] = {"shapes": _shapes(found[name])}
    return result


def _segment(segment):
    """What is recorded of a segment."""
    found = {
        "start": float(segment["start"]),
        "end": float(segment["end"]),
        "tokens": segment["tokens"].tolist(),
        "idxs": [int(place) for place in segment["idxs"]],
    }
    if "token_timestamps" in segment:
        found["token_timestamps"] = [round(x, 6) for x in segment["token_timestamps"].tolist()]
    return found


def _stack(steps):
    return np.stack([step.numpy() for step in steps])


def _numbers(name, mine, true):
    if mine.dtype.kind in "iub":
        return {"dtype": "int64", "values": mine.tolist(), "tolerance": 0}
    values = [float(f"{number:.{generation.DIGITS}g}") for number in mine.tolist()]
    limit = allowed(compare.error(mine, true), name)
    return {"dtype": "float32", "values": values, "tolerance": limit}


def _digest(name, mine, true):
    expected = generation.summary(mine)
    return {**expected, "tolerance": allowed(generation.summary_error(true, expected), name)}


def _shapes(nest):
    """Shapes of what there is for each layer, or each step and layer."""
    return [list(part.shape) if hasattr(part, "shape") else _shapes(part) for part in nest]


def repeats(session, record):
    """Whether this reference gives the tokens that another one gave."""
    inputs = prompts.again(session, record["prompt"])
    found = running.run(session, inputs, record["kwargs"], {})
    return found.sequences.tolist() == record["sequences"]
