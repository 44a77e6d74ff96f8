"""Greedy decoding by a plain loop over model and cache."""

import numpy as np

SEQUENCES = ("decoder_input_ids", "decoder_inputs_embeds", "input_ids", "inputs_embeds")


def token_count(inputs):
    """(batch, number of tokens) of a call's inputs."""
    return next(inputs[name].shape[:2] for name in SEQUENCES if name in inputs)


def widened(inputs, capacity, session):
    """Inputs whose attention mask spans a preallocated cache, where shapes must not change.

    Where a cache sums up all tokens, nothing but new ones is masked.
    """
    two = any(name.startswith("decoder") for name in inputs)
    name = "decoder_attention_mask" if two else "attention_mask"
    mask = inputs.get(name)
    if mask is None or not session.form.compiled:
        return inputs
    if session.model.cache_name != "past_key_values":
        return {**inputs, "attention_mask": mask[:, -token_count(inputs)[1] :]}
    wide = np.zeros((mask.shape[0], capacity), mask.dtype)
    wide[:, : mask.shape[1]] = mask
    return {**inputs, name: wide}


def greedy(session, recorded, first=()):
    """The prompt and the tokens chosen, int [b, s].

    As the reference does it: positions count the tokens that the mask keeps. The cache grows in
    eager forms and is preallocated in compiled ones. `first`: inputs of the prompt alone.
    """
    adapter, kwargs = session.adapter, recorded.kwargs
    given = recorded.inputs()
    if "decoder_start_token_id" in kwargs:
        return greedy_target(session, given, kwargs)
    ids, mask = given.pop("input_ids"), given.pop("attention_mask")
    cached, compiled = kwargs.get("use_cache", True), session.form.compiled
    has_positions = "position_ids" in adapter.parameters_of_call(session.model_class)
    total = ids.shape[1] + kwargs["max_new_tokens"]
    past = session.model.init_cache(len(ids), total) if cached and compiled else None
    caller, new = session.caller, ids.shape[1]
    for _ in range(kwargs["max_new_tokens"]):
        positions = np.where(mask == 0, 1, np.cumsum(mask, axis=1) - 1)
        inputs = {"input_ids": ids[:, -new:], "attention_mask": mask, **given}
        if has_positions:
            inputs["position_ids"] = positions[:, -new:]
        if past is not None and compiled:
            inputs = widened(inputs, total, session)
        inputs = adapter.inputs(inputs)
        if past is not None:
            inputs[session.model.cache_name] = past
        output = caller(inputs, {"use_cache": cached})
        scores = adapter.array(output["logits"])[:, -1]
        ids = np.concatenate([ids, scores.argmax(axis=-1)[:, None].astype(ids.dtype)], axis=1)
        mask = np.concatenate([mask, np.ones_like(mask[:, :1])], axis=1)
        if cached:
            past, new = output[session.model.cache_name], 1
            given = {name: array for name, array in given.items() if name not in first}
        else:
            new = ids.shape[1]
    return ids


def greedy_target(session, given, kwargs):
    """The start of the target and the tokens chosen, by a decoder above the encoder's states."""
    adapter, count = session.adapter, kwargs["max_new_tokens"]
    rows = len(next(iter(given.values())))
    ids = np.full((rows, 1), kwargs["decoder_start_token_id"], np.int64)
    compiled = session.form.compiled
    past = session.model.init_cache(rows, 1 + count) if compiled else None
    inputs = adapter.inputs(given)
    for _ in range(count):
        inputs |= adapter.inputs({"decoder_input_ids": ids[:, -1:]})
        if past is not None:
            inputs["past_key_values"] = past
        output = session.caller(inputs, {"use_cache": True})
        past = output["past_key_values"]
        mask = {n: x for n, x in inputs.items() if n == "attention_mask"}
        inputs = {**mask, "encoder_outputs": [output["encoder_last_hidden_state"]]}
        scores = adapter.array(output["logits"])[:, -1]
        ids = np.concatenate([ids, scores.argmax(axis=-1)[:, None].astype(ids.dtype)], axis=1)
    return ids
