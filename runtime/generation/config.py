"""The settings of generation, as generation_config.json holds them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from .. import hub
from ..configuration.base import HUB_OPTIONS, MAX_BYTES
from ..configuration.fields import field
from ..configuration.record import Record
from ..errors import ConfigError, InputError, nearest, show
from ..files import atomic_write, check_plain, read_json
from . import validation
from .compilation import CompileConfig
from .modes import GenerationMode, mode_of
from .speech import SPEECH

CONFIG_NAME = "generation_config.json"
SCHEDULES = ("constant", "heuristic", "heuristic_transient")
CACHES = (
    *("dynamic", "dynamic_full", "static", "offloaded", "offloaded_static", "quantized"),
    # Older names of static caches.
    *("sliding_window", "hybrid", "hybrid_chunked", "offloaded_hybrid", "offloaded_hybrid_chunked"),
)
# Keys that describe where a configuration came from, not how to generate.
NOT_READ = {"transformers_version", "_commit_hash", "_original_object_hash", "compile_config"}
NOT_COMPARED = {"_from_model_config"}
# Where a configuration of several models holds the one that writes text.
DECODERS = ("decoder", "generator", "text_config")
OUTPUTS = ("output_attentions", "output_hidden_states", "output_scores", "output_logits")


class GenerationConfig(Record):
    """How to generate: typed fields, each checked when it is set.

    Keys that no field declares are kept if a file has them, readable as attributes, and written
    back; as arguments and attributes they are refused. All errors are ConfigErrors.
    """

    # Length.
    max_length: int | None = field(20, min=0)
    max_new_tokens: int | None = field(None, min=1)
    min_length: int | None = field(0, min=0)
    min_new_tokens: int | None = field(None, min=0)
    early_stopping: bool | str = False
    max_time: float | None = field(None, min=0)
    stop_strings: str | list[str] | None = None

    # Strategy.
    do_sample: bool = False
    num_beams: int = field(1, min=1)
    num_beam_groups: int = field(1, min=1)
    diversity_penalty: float | None = field(0.0, min=0)
    penalty_alpha: float | None = field(None, min=0)

    # Cache.
    use_cache: bool = True
    cache_implementation: str | None = field(None, choices=CACHES)
    cache_config: dict | None = None
    return_legacy_cache: bool | None = None
    prefill_chunk_size: int | None = field(None, min=1)

    # Scores.
    temperature: float | None = field(1.0, min=0)
    top_k: int | None = field(50, min=0)
    top_p: float | None = field(1.0, min=0, max=1)
    min_p: float | None = field(None, min=0, max=1)
    typical_p: float | None = field(1.0, min=0, max=1)
    epsilon_cutoff: float | None = field(0.0, min=0, max=1)
    eta_cutoff: float | None = field(0.0, min=0, max=1)
    repetition_penalty: float | None = field(1.0, min=0)
    encoder_repetition_penalty: float | None = field(1.0, min=0)
    length_penalty: float | None = 1.0
    no_repeat_ngram_size: int | None = field(0, min=0)
    encoder_no_repeat_ngram_size: int | None = field(0, min=0)
    bad_words_ids: list[list[int]] | None = field(None, min=0)
    renormalize_logits: bool = False
    forced_bos_token_id: int | list[int] | None = None
    forced_eos_token_id: int | list[int] | None = None
    remove_invalid_values: bool | None = False
    exponential_decay_length_penalty: tuple[int, float] | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    sequence_bias: list[tuple[list[int], float]] | None = None
    guidance_scale: float | None = None

    # What is returned.
    num_return_sequences: int = field(1, min=1)
    output_attentions: bool | None = False
    output_hidden_states: bool | None = False
    output_scores: bool | None = False
    output_logits: bool | None = None
    return_dict_in_generate: bool | None = False

    # Special tokens.
    pad_token_id: int | None = None
    bos_token_id: int | list[int] | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | list[int] | None = None

    # Assisted decoding.
    is_assistant: bool = False
    num_assistant_tokens: int | None = field(20, min=1)
    num_assistant_tokens_schedule: str | None = field("constant", choices=SCHEDULES)
    assistant_confidence_threshold: float | None = field(0.4, min=0, max=1)
    prompt_lookup_num_tokens: int | None = field(None, min=1)
    max_matching_ngram_size: int | None = field(None, min=1)
    assistant_lookbehind: int | None = field(10, min=1)
    target_lookbehind: int | None = field(10, min=1)

    # Compilation.
    compile_config: CompileConfig | None = None
    disable_compile: bool = False

    # Known, and refused by `validate` when they ask for anything.
    token_healing: bool | None = False
    watermarking_config: Any = None
    dola_layers: Any = None
    assistant_early_exit: int | None = None
    constraints: Any = None
    force_words_ids: Any = None
    low_memory: bool | None = None

    _from_model_config: bool = False

    def __init__(self, **values: Any):
        for name in values:
            if name not in NOT_READ and not self.knows(name):
                self._refuse(name)
        super().__init__(**values)
        self.validate()

    def __setattr__(self, name: str, value: Any) -> None:
        if not self.knows(name) and not hasattr(type(self), name) and name not in self._extra:
            self._refuse(name)
        super().__setattr__(name, _plain(name, value))

    def _keep(self, name: str, value: Any) -> None:
        if name in NOT_READ:
            return
        if name in SPEECH:
            SPEECH[name].check(name, value)
        super()._keep(name, value)

    @classmethod
    def knows(cls, name: str) -> bool:
        """Whether `name` is a field, or a key of models of speech."""
        return name in cls._fields or name in SPEECH

    @classmethod
    def names(cls) -> list[str]:
        """All that can be given as an argument."""
        return [*cls._fields, *SPEECH]

    def _refuse(self, name: str) -> NoReturn:
        what = "GenerationConfig has no such key"
        raise ConfigError(what, key=name, hint=nearest(name, self.names()))

    def validate(self, strict: bool = False) -> None:
        """Checks fields against each other, and refuses what is not supported.

        Settings that have no effect beside the others are a warning, or an error if `strict`.
        """
        validation.validate(self, strict)

    def get_generation_mode(self, assistant_model: Any = None) -> GenerationMode:
        """The way to decode that the fields ask for."""
        return mode_of(self, assistant_model is not None)

    def update(self, **values: Any) -> dict[str, Any]:
        """Sets all the keys that there are, or none if one is wrong; returns the others."""
        changed = self.copy()
        unused = {}
        for name, value in values.items():
            if self.knows(name) or name in self._extra:
                setattr(changed, name, value)
            else:
                unused[name] = value
        changed.validate()
        vars(self).update(vars(changed))
        return unused

    def copy(self) -> Self:
        """An independent copy."""
        return copy.deepcopy(self)

    # Reading.

    @classmethod
    def from_dict(cls, values: dict[str, Any], **overrides: Any) -> Self:
        """Builds a configuration from plain data, whose unknown keys are kept; `overrides` win.

        With `return_unused_kwargs=True` the result is (configuration, overrides it has no use
        for); without it such an override is a ConfigError.
        """
        return_unused = overrides.pop("return_unused_kwargs", False)
        if not isinstance(values, dict):
            raise ConfigError(expected="an object", found=show(values))
        check_plain(values, ConfigError)
        config = cls.__new__(cls)
        used = {name: x for name, x in overrides.items() if cls.knows(name) or name in values}
        kept = {name: x for name, x in values.items() if name not in NOT_READ}
        Record.__init__(config, **kept | used)
        unused = {name: x for name, x in overrides.items() if name not in used}
        if unused and not return_unused:
            config._refuse(next(iter(unused)))
        config.validate()
        return (config, unused) if return_unused else config

    @classmethod
    def from_json_file(cls, path: str | os.PathLike, **overrides: Any) -> Self:
        """Reads a configuration from a JSON file, as `from_dict` does."""
        values = read_json(path, MAX_BYTES, ConfigError)
        try:
            return cls.from_dict(values, **overrides)
        except ConfigError as error:
            error.file = path
            raise

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | os.PathLike,
        config_file_name: str = CONFIG_NAME,
        **overrides: Any,
    ) -> Self:
        """Reads the configuration in a folder, a file or a repository of the hub.

        `overrides` may also hold the hub's `cache_dir`, `revision`, `local_files_only`, `token`.
        """
        options = {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}
        path = Path(path_or_id)
        if not path.is_file():
            path = hub.resolve(path_or_id, config_file_name, **options)
        return cls.from_json_file(path, **overrides)

    @classmethod
    def from_model_config(cls, model_config: Any) -> Self:
        """Takes token ids, and settings that older files hold, over from a model's configuration.

        Fields that still have their default then come from the decoder's, where it has its own.
        """
        own = _settings(model_config, cls)
        config = cls.from_dict(own | {"_from_model_config": True})
        defaults = cls()
        for name, value in _settings(_decoder(model_config), cls).items():
            if getattr(config, name) == getattr(defaults, name):
                setattr(config, name, value)
        if any(getattr(config, name) for name in OUTPUTS):
            config.return_dict_in_generate = True
        return config

    @classmethod
    def of_checkpoint(
        cls, path_or_id: str | os.PathLike, model_config: Any, **options: Any
    ) -> Self:
        """The configuration of a checkpoint; without a file of its own, `from_model_config`.

        `options` are the hub's. A file that is there and cannot be used is an error.
        """
        folder = Path(path_or_id) if Path(path_or_id).is_dir() else Path(path_or_id).parent
        if Path(path_or_id).exists():
            path = folder / CONFIG_NAME
            if not path.exists():
                return cls.from_model_config(model_config)
            return cls.from_json_file(path)
        try:
            path = hub.resolve(path_or_id, CONFIG_NAME, **options)
        except InputError:
            return cls.from_model_config(model_config)
        return cls.from_json_file(path)

    # Writing.

    def to_dict(self) -> dict[str, Any]:
        """All values as plain data (a copy)."""
        values = {name: getattr(self, name) for name in self._fields if name not in NOT_READ}
        return copy.deepcopy(values | self._extra)

    def to_diff_dict(self) -> dict[str, Any]:
        """What a generation_config.json holds: the values that differ from the defaults."""
        return {
            name: value
            for name, value in self.to_dict().items()
            if name not in self._fields or value != self._fields[name].default
        }

    def to_json_string(self, use_diff: bool = True) -> str:
        """The text of a generation_config.json."""
        values = self.to_diff_dict() if use_diff else self.to_dict()
        try:
            return json.dumps(values, indent=2, sort_keys=True) + "\n"
        except (TypeError, ValueError) as reason:
            raise ConfigError(f"cannot be written as JSON ({reason})") from None

    def save_pretrained(
        self, folder: str | os.PathLike, config_file_name: str = CONFIG_NAME
    ) -> None:
        """Writes the file into `folder` (made if missing); a failure leaves an older one."""
        self.validate()
        text = self.to_json_string()
        try:
            os.makedirs(folder, exist_ok=True)
            with atomic_write(Path(folder) / config_file_name) as file:
                file.write(text.encode())
        except OSError as reason:
            raise ConfigError(f"cannot be written ({reason})", file=folder) from reason

    # Comparison, by value.

    def key(self) -> tuple:
        """A hashable value, equal for equal settings: what compiled loops are remembered by."""
        values = {name: getattr(self, name) for name in self._fields} | self._extra
        return _hashable({name: x for name, x in values.items() if name not in NOT_COMPARED})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GenerationConfig):
            return NotImplemented
        return self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        values = self.to_diff_dict()
        if self.compile_config is not None:
            values["compile_config"] = self.compile_config
        text = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f"{type(self).__name__}({text})"


def _plain(name: str, value: Any) -> Any:
    """Arrays and tensors as lists and numbers, and values that have several forms in one."""
    if name == "compile_config":
        return CompileConfig.from_value(value)
    if name == "sequence_bias" and isinstance(value, Mapping):
        # JSON has no tuples as keys.
        if not all(isinstance(ids, tuple) for ids in value):
            expected = "tuples of token ids as keys"
            raise ConfigError(key=name, expected=expected, found=show(value))
        return [[list(ids), bias] for ids, bias in value.items()]
    return value.tolist() if hasattr(value, "tolist") else value


def _hashable(value: Any) -> Any:
    if isinstance(value, CompileConfig):
        value = value.to_dict()
    if isinstance(value, Mapping):
        items = [(str(name), _hashable(item)) for name, item in value.items()]
        return tuple(sorted(items, key=lambda item: item[0]))
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)
    return value


def _settings(model_config: Any, cls: type[GenerationConfig]) -> dict[str, Any]:
    """What a model's configuration says about generation."""
    if model_config is None:
        return {}
    values = model_config if isinstance(model_config, Mapping) else model_config.to_dict()
    skipped = NOT_READ | NOT_COMPARED
    return {
        name: value
        for name, value in values.items()
        if name in cls._fields and name not in skipped and value is not None
    }


def _decoder(model_config: Any) -> Any:
    parts = (getattr(model_config, name, None) for name in DECODERS)
    return next((part for part in parts if hasattr(part, "to_dict")), None)
