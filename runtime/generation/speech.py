"""Keys of generation_config.json that models of speech add; absent unless a file has them."""

from __future__ import annotations

from ..configuration.fields import Field

SPEECH = {
    "alignment_heads": Field(None, min=0, type=list[list[int]] | None),
    "compression_ratio_threshold": Field(None, min=0, type=float | None),
    "condition_on_prev_tokens": Field(None, type=bool | None),
    "force_unique_generate_call": Field(None, type=bool | None),
    "forced_decoder_ids": Field(None, type=list[tuple[int, int | None]] | None),
    "is_multilingual": Field(None, type=bool | None),
    "lang_to_id": Field(None, min=0, type=dict[str, int] | None),
    "language": Field(None, type=str | list[str] | None),
    "logprob_threshold": Field(None, type=float | None),
    "max_initial_timestamp_index": Field(None, min=0, type=int | None),
    "no_speech_threshold": Field(None, min=0, max=1, type=float | None),
    "no_timestamps_token_id": Field(None, min=0, type=int | None),
    "prev_sot_token_id": Field(None, min=0, type=int | None),
    "return_timestamps": Field(None, type=bool | str | None),
    "task": Field(None, choices=("transcribe", "translate"), type=str | None),
    "task_to_id": Field(None, min=0, type=dict[str, int] | None),
}
