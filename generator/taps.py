"""How callers ask for what is emitted inside a model."""

from __future__ import annotations


def switch_of(tap: str) -> str:
    """The input that asks for a tap: `output_attentions` for all kinds of attentions."""
    for ending in ("attentions", "hidden_states"):
        if tap.endswith(ending):
            return f"output_{ending}"
    return f"output_{tap}"
