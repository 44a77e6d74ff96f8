"""What a call of `generate` asks of a model of speech that goes through audio window by window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..configuration.fields import Field
from ..errors import InputError, show
from .config import GenerationConfig
from .fallback import Thresholds
from .request import settings
from .segments import Clock
from .values import to_numpy

FEATURES = "input_features"
FIRST, ALL = "first-segment", "all-segments"
# Arguments that no generation_config.json holds.
ARGUMENTS = {
    "prompt_ids": Field(None, min=0, type=list[int] | None),
    "prompt_condition_type": Field(None, choices=(FIRST, ALL), type=str | None),
    "temperature": Field(None, min=0, type=float | list[float] | None),
    "time_precision": Field(0.02, min=1e-9, type=float),
    "time_precision_features": Field(0.01, min=1e-9, type=float),
    "return_segments": Field(False, type=bool | None),
    "return_token_timestamps": Field(False, type=bool | None),
    "monitor_progress": Field(None),
}
# Those that one pass over the audio cannot heed, and settings that it cannot.
OPTIONS = ("prompt_ids", "prompt_condition_type", "return_segments", "return_token_timestamps",
           "monitor_progress")  # fmt: skip
SETTINGS = ("compression_ratio_threshold", "logprob_threshold", "no_speech_threshold",
            "condition_on_prev_tokens")  # fmt: skip
# What takes the place of features or of the first tokens.
OTHERS = ("encoder_outputs", "decoder_input_ids", "decoder_inputs_embeds")


@dataclass
class Transcription:
    """Audio to go through, and how.

    `features` float [b, c, f], of which `frames` int [b] count; `window`: how many are decoded at a
    time; `heard`: how many a mask has, where there is one. `prompt`: tokens int [n] to begin with,
    for all windows if `every`. `conditioned`: whether windows see what was said before. `before`:
    the token that earlier text begins with. `rest`: arguments for each search.
    """

    config: GenerationConfig
    features: np.ndarray
    frames: np.ndarray
    heard: np.ndarray | None
    window: int
    clock: Clock
    stamped: bool
    temperatures: tuple[float, ...]
    thresholds: Thresholds
    prompt: np.ndarray | None
    every: bool
    conditioned: bool
    before: int | None
    segments: bool
    times: bool
    monitor: Callable | None
    rest: dict[str, Any]

    @property
    def short(self) -> bool:
        """Whether all of it is in one window."""
        return self.features.shape[2] == self.window

    @property
    def records(self) -> bool:
        """Whether the searches' own outputs are wanted."""
        return bool(self.config.return_dict_in_generate)


def for_one_pass(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without those that ask one pass over the audio for nothing."""
    kept = {name for name in arguments if name not in ARGUMENTS} | {"temperature"}
    return {name: x for name, x in arguments.items() if name in kept}


def transcription_of(
    engine: Any,
    model: Any,
    inputs: Any,
    generation_config: GenerationConfig | None,
    arguments: Mapping[str, Any],
) -> Transcription | None:
    """What is to be transcribed window by window, if anything is; InputError where it cannot be."""
    if model.decoding.windows is None:
        return None
    own = {name: x for name, x in arguments.items() if name in ARGUMENTS and x is not None}
    own = {name: _checked(name, x) for name, x in own.items()}
    rest = {name: x for name, x in arguments.items() if name not in ARGUMENTS}
    features = rest.pop(FEATURES, inputs)
    config = settings(model, generation_config)
    config.update(**{n: x for n, x in rest.items() if GenerationConfig.knows(n)})
    asked = _asked(own, rest)
    if _is_one_pass(config, asked, rest, features):
        return None
    places, stride, size = model.decoding.windows
    features = _features(engine, features, getattr(model.config, size))
    window = getattr(model.config, places) * stride
    long = features.shape[2] > window
    stamped = bool(getattr(config, "return_timestamps", None))
    asked += [name for name in SETTINGS if getattr(config, name, None) is not None]
    if not (asked or stamped or long):
        whole = config.return_dict_in_generate or config.num_return_sequences > 1
        if whole:
            return None
    if long:
        stamped = _need_times(config, window)
    temperatures = _temperatures(config, own.get("temperature"))
    timeless = getattr(config, "no_timestamps_token_id", None)
    if stamped and timeless is None:
        expected = "no_timestamps_token_id in the generation_config"
        raise InputError("this model gives no times", key="return_timestamps", expected=expected)
    heard = _heard(features, rest.pop("attention_mask", None), long)
    frames = np.full(len(features), features.shape[2]) if not long or heard is None else heard
    if features.shape[2] < window:
        features = np.pad(features, ((0, 0), (0, 0), (0, window - features.shape[2])))
    return Transcription(
        config=config,
        features=features,
        frames=frames,
        heard=heard,
        window=window,
        clock=Clock(
            model.config.vocab_size if timeless is None else timeless + 1,
            stride,
            own.get("time_precision", 0.02),
            own.get("time_precision_features", 0.01),
        ),
        stamped=stamped,
        temperatures=temperatures,
        thresholds=_thresholds(config),
        prompt=_prompt(own),
        every=_every(config, own),
        conditioned=bool(getattr(config, "condition_on_prev_tokens", None)),
        before=_before(config),
        segments=bool(own.get("return_segments")),
        times=_times(config, own),
        monitor=own.get("monitor_progress"),
        rest=rest,
    )


def _asked(own: Mapping[str, Any], rest: Mapping[str, Any]) -> list[str]:
    """The arguments that one pass over the audio could not heed."""
    asked = [name for name in OPTIONS if own.get(name)]
    asked += [name for name in SETTINGS if rest.get(name) is not None]
    return asked + (["temperature"] if isinstance(own.get("temperature"), list | tuple) else [])


def _is_one_pass(
    config: GenerationConfig, asked: list[str], rest: Mapping[str, Any], features: Any
) -> bool:
    """Whether there is one pass, since the caller says so or gives something beside features."""
    if getattr(config, "force_unique_generate_call", None):
        if asked:
            key = "force_unique_generate_call"
            raise InputError(f"one pass has no {asked[0]}", key=key, expected="False")
        return True
    given = [name for name in OTHERS if rest.get(name) is not None]
    if features is not None and not given:
        return False
    if getattr(config, "return_timestamps", None):
        asked = [*asked, "return_timestamps"]
    if asked:
        hint = "force_unique_generate_call=True decodes one window in one pass"
        found = " and ".join(given) or "None"
        raise InputError(f"{asked[0]} needs features alone", key=FEATURES, found=found, hint=hint)
    return True


def _need_times(config: GenerationConfig, window: int) -> bool:
    """True, where audio of more than a window can be transcribed."""
    if getattr(config, "return_timestamps", None) is False:
        what = f"more than {window} frames are transcribed by the times among the tokens"
        raise InputError(what, key="return_timestamps", expected="True", found="False")
    if getattr(config, "no_timestamps_token_id", None) is None:
        what = "only a model that gives times goes on after a window"
        expected = f"at most {window} frames, or no_timestamps_token_id in the generation_config"
        raise InputError(what, key=FEATURES, expected=expected)
    return True


def _checked(name: str, value: Any) -> Any:
    """An argument as plain values."""
    if hasattr(value, "shape"):
        value = to_numpy(value).tolist()
    ARGUMENTS[name].check(name, value)
    if name == "monitor_progress" and not callable(value):
        raise InputError(key=name, expected="a function", found=type(value).__name__)
    return value


def _features(engine: Any, x: Any, bins: int) -> np.ndarray:
    try:
        found = engine.ops.to_numpy(engine.ops.array(x, dtype=engine.ops.float32))
    except (TypeError, ValueError) as error:
        raise InputError(key=FEATURES, expected="an array", found=f"{show(x)} ({error})") from None
    if found.ndim != 3 or 0 in found.shape or bins != found.shape[1]:
        expected = f"[b, {bins}, frames]"
        raise InputError(key=FEATURES, expected=expected, found=str(list(found.shape)))
    return found


def _heard(features: np.ndarray, mask: Any, long: bool) -> np.ndarray | None:
    """How many frames of each row count, int [b]; None where nothing says it."""
    rows, _, count = features.shape
    expected = f"[{rows}, {count}], like the features"
    if mask is None and long and rows > 1:
        hint = "A feature extractor gives it with return_attention_mask=True"
        what = "which frames of each row count has to be known"
        raise InputError(what, key="attention_mask", expected=expected, found="None", hint=hint)
    if mask is None:
        return None
    mask = to_numpy(mask)
    if mask.shape != (rows, count):
        raise InputError(key="attention_mask", expected=expected, found=str(list(mask.shape)))
    return mask.astype(np.int64).sum(axis=1)


def _temperatures(config: GenerationConfig, given: Any) -> tuple[float, ...]:
    """The temperatures that are tried in turn; 0 stands for no sampling."""
    if given is None:
        given = float(config.temperature or 1.0) if config.do_sample else 0.0
    found = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not found:
        raise InputError(key="temperature", expected="one number or more", found="none")
    if config.num_return_sequences > 1 and 0 in found:
        found = show(config.num_return_sequences)
        raise InputError(key="num_return_sequences", expected="1 without sampling", found=found)
    return tuple(float(x) for x in found)


def _thresholds(config: GenerationConfig) -> Thresholds:
    compression, likelihood, silence = (getattr(config, name, None) for name in SETTINGS[:3])
    if silence is not None and likelihood is None:
        what = "silence is told by the text's probability, too"
        raise InputError(what, key="logprob_threshold", expected="a number", found="None")
    if silence is not None and getattr(config, "no_timestamps_token_id", None) is None:
        expected = "no_timestamps_token_id in the generation_config"
        raise InputError("silence has no token", key="no_speech_threshold", expected=expected)
    return Thresholds(compression, likelihood, silence)


def _prompt(own: Mapping[str, Any]) -> np.ndarray | None:
    prompt = own.get("prompt_ids")
    if prompt is not None and not prompt:
        raise InputError(key="prompt_ids", expected="one token or more", found="none")
    return None if prompt is None else np.array(prompt, np.int64)


def _every(config: GenerationConfig, own: Mapping[str, Any]) -> bool:
    every = own.get("prompt_condition_type") == ALL
    if every and not getattr(config, "condition_on_prev_tokens", None):
        what = f"prompt_condition_type={ALL!r} needs it"
        raise InputError(what, key="condition_on_prev_tokens", expected="True")
    return every


def _before(config: GenerationConfig) -> int | None:
    """The token that earlier text begins with; older checkpoints have it among others only."""
    found = getattr(config, "prev_sot_token_id", None)
    suppressed = config.suppress_tokens or []
    return suppressed[-2] if found is None and len(suppressed) > 1 else found


def _times(config: GenerationConfig, own: Mapping[str, Any]) -> bool:
    wanted = bool(own.get("return_token_timestamps"))
    if wanted and not getattr(config, "alignment_heads", None):
        expected = "alignment_heads in the generation_config"
        raise InputError(
            "it is not known which heads align", key="return_token_timestamps", expected=expected
        )
    return wanted
