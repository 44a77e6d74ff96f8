"""Rows of what a search has given for several."""

from __future__ import annotations

from typing import Any

PER_STEP = ("scores", "logits")
NESTED = ("decoder_attentions", "decoder_hidden_states", "cross_attentions")
ONCE = ("encoder_attentions", "encoder_hidden_states")


def row_of(ops: Any, output: Any, row: int, extra: int = 0) -> Any:
    """One row of a search's record as a dictionary, or of its sequences alone; without the first
    `extra` tokens. Caches are left out: there is one for each window."""
    if not hasattr(output, "items"):
        return output[row, extra:]
    found = {}
    for name, x in output.items():
        if name == "past_key_values":
            found[name] = None
        elif name in PER_STEP:
            found[name] = steps_of(ops, output, name, row)
        elif name in NESTED:
            found[name] = nested_of(ops, output, name, row)
        elif name in ONCE:
            found[name] = [layer[row] for layer in x]
        else:
            found[name] = x[row, extra:] if name == "sequences" else x[row]
    return found


def steps_of(ops: Any, output: Any, name: str, row: int) -> list[Any]:
    """What led to a row's tokens in each step, [v] each."""
    steps = output[name]
    rows = _rows(ops, output, row, len(steps))
    return [step[place] for step, place in zip(steps, rows, strict=True)]


def nested_of(ops: Any, output: Any, name: str, row: int) -> tuple:
    """What there is of a row for each step and layer, [1, ...] each."""
    steps = output[name]
    rows = _rows(ops, output, row, len(steps))
    return tuple(
        tuple(layer[place : place + 1] for layer in step)
        for step, place in zip(steps, rows, strict=True)
    )


def _rows(ops: Any, output: Any, row: int, steps: int) -> list[int]:
    """Where a row comes from in each step; beams change places."""
    if "beam_indices" not in output:
        return [row] * steps
    origins = ops.to_numpy(output["beam_indices"])[row].tolist()
    origins += [-1] * (steps - len(origins))
    return [max(int(place), 0) for place in origins[:steps]]
