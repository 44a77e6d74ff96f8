"""What encoder-decoders are given beside the source: the target, and calls token by token."""

import numpy as np

from .plans import Plan

SHORTER = 4  # tokens that the target has less than the source
STEPS = 3
CARRY = {"past_key_values": "past_key_values", "encoder_last_hidden_state": "encoder_outputs.0"}


def has_decoder(maker):
    """Does the class read a source and a target?"""
    return bool(maker.config.is_encoder_decoder) and maker.takes("decoder_input_ids")


def reads_ends(maker):
    """Is the class a classifier that reads the target where the source has its end?"""
    return has_decoder(maker) and "SequenceClassification" in maker.name


def target_length(maker, length):
    """Tokens of the target; where the source has them if places of the source are looked up."""
    return length if reads_ends(maker) else max(length - SHORTER, 1)


def target(maker, probe, length, side, embeds):
    """Ids (or embeddings) of the target and, with a side, their mask."""
    count = target_length(maker, length)
    mask = np.ones((2, count), dtype=np.int64)
    if side == "right":
        mask[1, count - 2 :] = 0
    elif side == "left":
        mask[1, :2] = 0
    result = {}
    if embeds:
        size = (2, count, maker.embedding_size())
        result["decoder_inputs_embeds"] = maker.filled(
            probe, "decoder_inputs_embeds", size, "normal", 0.0, 0.5
        )
    else:
        ids = maker.draw(probe, "decoder_input_ids", mask.shape, 5, maker.config.vocab_size)
        ids[mask == 0] = getattr(maker.config, "pad_token_id", None) or 0
        result["decoder_input_ids"] = ids
    if side is not None and maker.takes("decoder_attention_mask"):
        result["decoder_attention_mask"] = mask
    return result


def target_labels(maker, probe, length):
    """A label for each token of the target; the last ones of the second row do not count."""
    shape = (2, target_length(maker, length))
    labels = maker.draw(probe, "labels", shape, 5, maker.config.vocab_size)
    labels[1, -2:] = -100
    return {"labels": labels}


def end_tokens(maker, ids, mask):
    """Makes the last token of each sequence the one that ends it, where the class reads it."""
    if reads_ends(maker):
        last = np.where(mask.any(axis=1), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1), -1)
        ids[np.arange(len(ids)), last] = maker.config.eos_token_id


def cache(maker, probe, whole):
    """A prefill of the target and three steps of one token, on the states of the encoder."""
    length = whole["decoder_input_ids"].shape[1]
    source = ("input_ids", "inputs_embeds", "input_features", "input_values")
    calls, start = [], 0
    for stop in range(length - STEPS, length + 1):
        inputs = {}
        for name, item in whole.items():
            if name == "decoder_input_ids":
                inputs[name] = item[:, start:stop]
            elif name == "decoder_attention_mask":
                inputs[name] = item[:, :stop]
            elif name != "labels" and (not start or name not in source):
                inputs[name] = item
        calls.append((inputs, {"use_cache": True}))
        start = stop
    return Plan(probe, calls, kind="cache", carry=CARRY)


def encoder_outputs(maker, probe, options):
    """The encoder's states handed in."""
    if not maker.takes("encoder_outputs") or reads_ends(maker):
        return "no encoder_outputs"
    whole = maker.whole(probe, side="right")
    length = whole["attention_mask"].shape[1] if "attention_mask" in whole else 7
    inputs = {
        name: item
        for name, item in whole.items()
        if name.startswith("decoder") or name == "attention_mask"
    }
    shape = (2, options.get("length", length), maker.config.hidden_size)
    inputs["encoder_outputs.0"] = maker.filled(probe, "encoder_outputs", shape)
    return Plan(probe, [(inputs, options.get("kwargs", {}))])
