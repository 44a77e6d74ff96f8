"""Greedy decoding by a plain loop over model and cache."""

import numpy as np

SEQUENCES = ("input_ids", "inputs_embeds")


def token_count(inputs):
    """(batch, number of tokens) of a call's inputs."""
    return next(inputs[name].shape[:2] for name in SEQUENCES if name in inputs)


def widened(inputs, capacity, session):
    """Inputs whose attention mask spans a preallocated cache, where shapes must not change.

    Where a cache sums up all tokens, nothing but new ones is masked.
    """
    mask = inputs.get("attention_mask")
    if mask is None or not session.form.compiled:
        return inputs
    if session.model.cache_name != "past_key_values":
        return {**inputs, "attention_mask": mask[:, -token_count(inputs)[1] :]}
    wide = np.zeros((mask.shape[0], capacity), mask.dtype)
    wide[:, : mask.shape[1]] = mask
    return {**inputs, "attention_mask": wide}


def greedy(session, recorded):
    """The prompt and the tokens chosen, int [b, s].

    As the reference does it: positions count the tokens that the mask keeps. The cache grows in
    eager forms and is preallocated in compiled ones.
    """
    adapter, kwargs = session.adapter, recorded.kwargs
    given = recorded.inputs()
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
        else:
            new = ids.shape[1]
    return ids
