"""Prompts: what the generate probes of a class's cases get, drawn anew for each attempt."""

from dataclasses import replace

import numpy as np

from ..recorder import recipes
from ..recorder.inputs import Filled

PADDED = ("generate_left_padded", "generate_padded")


def options(spec):
    """What the case list says of its generate probes."""
    return next((spec.probes[n] for n in (*PADDED, "generate") if n in spec.probes), {})


def can_pad(session):
    """Whether a class is recorded with padding: where its case has such a probe."""
    return any(name in session.spec.probes for name in PADDED)


def prompt(session, side, attempt, rows=None, embeds=False):
    """(name, inputs) of a prompt: `side` is padded, plain, or single without a mask."""
    maker, spec = session.maker, session.spec
    padded = side == "padded" and can_pad(session)
    names = PADDED if padded else ("generate",)
    own = next((spec.probes[name] for name in names if name in spec.probes), options(spec))
    own = {key: value for key, value in own.items() if key not in ("rows", "kwargs")}
    name = f"{side}.{attempt}"
    recipe = "generate_left_padded" if padded else "generate"
    plan = recipes.plan(maker, name, {**own, "recipe": recipe})
    inputs = {n: x for n, x in plan.calls[0][0].items() if n in session.inputs_of_call}
    if rows:
        inputs = {n: _first(x, rows) for n, x in inputs.items() if n != "attention_mask"}
    if embeds:
        inputs = _embedded(maker, name, inputs)
        name = f"embeds_{name}"
    return name, inputs


def long(inputs, frames):
    """Features of audio that lasts so many frames in each row, with a mask where they differ."""
    features = inputs["input_features"]
    shape = (len(frames), features.shape[1], max(frames))
    result = {"input_features": replace(features, shape=shape)}
    if len(set(frames)) > 1:
        places = np.arange(max(frames))[None]
        result["attention_mask"] = (places < np.array(frames)[:, None]).astype(np.int64)
    return result


def negative(session, attempt, masked):
    """negative_prompt_ids and their mask, which is padded on the left."""
    shape = (2, 4)
    ids = session.maker.draw(f"negative.{attempt}", "ids", shape, 5, session.maker.vocabulary())
    mask = np.ones(shape, np.int64)
    if masked:
        mask[0, :2] = 0
    return {"negative_prompt_ids": ids, "negative_prompt_attention_mask": mask}


def describe(inputs):
    """What a file says of a prompt."""
    result = {}
    for name, item in inputs.items():
        if isinstance(item, Filled):
            entry = {"dtype": "float32", "shape": list(item.shape)}
            entry |= {"key": item.key, "fill": list(item.rule)}
        else:
            entry = {"dtype": str(item.dtype), "shape": list(item.shape)}
            entry["values"] = item.reshape(-1).tolist()
        result[name] = entry
    return result


def _first(item, rows):
    if isinstance(item, Filled):
        return replace(item, shape=(rows, *item.shape[1:]))
    return item[:rows]


def _embedded(maker, name, inputs):
    shape = (*inputs["input_ids"].shape, maker.embedding_size())
    filled = maker.filled(name, "inputs_embeds", shape, "normal", 0.0, 0.5)
    rest = {n: x for n, x in inputs.items() if n != "input_ids"}
    return {"inputs_embeds": filled, **rest}


def again(session, name):
    """The inputs of a prompt without extras, by its name."""
    side, attempt = name.split(".")
    return prompt(session, side, int(attempt), 1 if side == "single" else None)[1]


def arguments(session):
    """The arguments that every call of a class has."""
    kwargs = recipes.plan(session.maker, "arguments", {"recipe": "generate"}).calls[0][1]
    own = {**kwargs, **options(session.spec).get("kwargs", {})}
    own.pop("max_new_tokens")
    own = {name: value for name, value in own.items() if name not in session.alone}
    if session.spec.class_name.startswith("WhisperForCond"):
        own["return_dict_in_generate"] = True  # or it gives the tokens without start and end
    return own


def target(session, attempt):
    """The start of the target, three tokens."""
    start = session.maker.config.decoder_start_token_id
    ids = session.maker.draw(f"target.{attempt}", "ids", (2, 3), 5, session.maker.vocabulary())
    ids[:, 0] = start
    return {"decoder_input_ids": ids}
