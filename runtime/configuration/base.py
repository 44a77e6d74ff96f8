"""The base of all configurations, and the fields that they share."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from .. import hub
from ..errors import ConfigError, nearest, show
from ..files import atomic_write, check_plain, read_json
from . import serialization
from .conversions import dtype_names, integer_keys
from .fields import field
from .record import Record
from .registry import register_class

CONFIG_NAME = "config.json"
MAX_BYTES = 10_000_000  # of a config.json; the largest real ones (many labels) have about one
MAX_LABELS = 1_000_000
HUB_OPTIONS = ("cache_dir", "revision", "local_files_only", "token")
PROBLEMS = ("regression", "single_label_classification", "multi_label_classification")


class PretrainedConfig(Record):
    """The configuration of a model: typed fields, checked whenever one is set.

    Subclasses annotate their fields, and may define two hooks: `complete` fills fields that take
    their value from others, `validate` checks fields against each other. Keys that no field
    declares are kept, readable as attributes, and written back. All errors are ConfigErrors.
    """

    model_type: ClassVar[str] = ""
    of_any_model: ClassVar[bool] = True  # False in subclasses: they know whose they are
    default_labels: ClassVar[int] = 2  # how many there are where nothing says
    base_config_key: ClassVar[str] = ""  # where a composite's config.json holds this configuration
    always_saved: ClassVar[tuple[str, ...]] = ()  # fields that files have whatever their value
    _attn_implementation: ClassVar[str | None] = None
    _commit_hash: ClassVar[str | None] = None

    # What a call returns.
    return_dict: bool | None = True
    output_hidden_states: bool | None = False
    output_attentions: bool | None = False
    torchscript: bool | None = False
    dtype: str | dict | None = None
    tf_legacy_loss: bool | None = False
    use_bfloat16: bool | None = False

    # Structure.
    pruned_heads: dict | None = field({})
    tie_word_embeddings: bool = True
    chunk_size_feed_forward: int = 0
    is_encoder_decoder: bool = False
    is_decoder: bool = False
    cross_attention_hidden_size: int | None = None
    add_cross_attention: bool = False
    tie_encoder_decoder: bool = False

    # The task a checkpoint was trained for.
    architectures: list[str] | None = None
    finetuning_task: str | None = None
    id2label: dict | None = None
    label2id: dict | None = None
    task_specific_params: dict | None = None
    problem_type: str | None = field(None, choices=PROBLEMS)
    tokenizer_class: str | None = None
    prefix: str | None = None
    bos_token_id: int | list[int] | None = None
    pad_token_id: int | list[int] | None = None
    eos_token_id: int | list[int] | None = None
    sep_token_id: int | list[int] | None = None
    decoder_start_token_id: int | list[int] | None = None
    _name_or_path: str | None = ""

    # Generation settings that old files carry; newer ones have a generation_config.json.
    max_length: int | None = 20
    min_length: int | None = 0
    do_sample: bool | None = False
    early_stopping: bool | str | None = False
    num_beams: int | None = 1
    temperature: float | None = 1.0
    top_k: int | None = 50
    top_p: float | None = 1.0
    typical_p: float | None = 1.0
    repetition_penalty: float | None = 1.0
    length_penalty: float | None = 1.0
    no_repeat_ngram_size: int | None = 0
    encoder_no_repeat_ngram_size: int | None = 0
    bad_words_ids: list[list[int]] | None = None
    num_return_sequences: int | None = 1
    output_scores: bool | None = False
    return_dict_in_generate: bool | None = False
    forced_bos_token_id: int | list[int] | None = None
    forced_eos_token_id: int | list[int] | None = None
    remove_invalid_values: bool | None = False
    exponential_decay_length_penalty: list | dict | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    num_beam_groups: int | None = 1
    diversity_penalty: float | None = 0.0

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        cls.of_any_model = False
        if cls.model_type:
            register_class(cls.model_type, cls)

    def __init__(
        self,
        *,
        num_labels: int | None = None,
        torch_dtype: Any = None,
        name_or_path: str | None = None,
        attn_implementation: str | None = None,
        **values: Any,
    ):
        if values.get("dtype") is None and torch_dtype is not None:
            values["dtype"] = torch_dtype
        if name_or_path is not None:
            values["_name_or_path"] = os.fspath(name_or_path)
        super().__init__(**values)
        if self.id2label is None:
            self._make_labels(self.default_labels if num_labels is None else num_labels)
        if attn_implementation is not None:
            self.attn_implementation = attn_implementation
        self._finish()

    def _finish(self) -> None:
        self.complete()
        self.validate()

    def complete(self) -> None:
        """Hook: fills nullable fields that take their value from other fields."""

    def validate(self) -> None:
        """Hook: checks fields against each other; raises ConfigError."""

    def require_divisible(self, name: str, by: str) -> None:
        """Raises ConfigError unless field `name` is a multiple of `by`; lists item by item."""
        values, divisors = getattr(self, name), getattr(self, by)
        pairs = zip(
            values if isinstance(values, list | tuple) else [values],
            divisors if isinstance(divisors, list | tuple) else [divisors],
            strict=False,
        )
        for value, divisor in pairs:
            if value is None or not divisor or value % divisor:
                expected = f"a multiple of {by} ({divisor})"
                raise ConfigError(key=name, expected=expected, found=show(value))

    # Values that are kept in another form than they are asked for.

    @property
    def use_return_dict(self) -> bool:
        """Whether calls return records rather than tuples."""
        return bool(self.return_dict and not self.torchscript)

    @property
    def num_labels(self) -> int:
        """The number of labels: the length of `id2label`; setting another one renames them."""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, count: int) -> None:
        if self.id2label is None or count != len(self.id2label):
            self._make_labels(count)

    def _make_labels(self, count: int) -> None:
        if type(count) is not int or not 0 <= count <= MAX_LABELS:
            expected = f"an integer from 0 to {MAX_LABELS:,}"
            raise ConfigError(key="num_labels", expected=expected, found=show(count))
        self.id2label = {index: f"LABEL_{index}" for index in range(count)}
        self.label2id = {name: index for index, name in self.id2label.items()}

    @property
    def torch_dtype(self) -> str | dict | None:
        """The older name of `dtype`."""
        return self.dtype

    @torch_dtype.setter
    def torch_dtype(self, value: Any) -> None:
        self.dtype = value

    @property
    def name_or_path(self) -> str | None:
        """Where the configuration came from."""
        return self._name_or_path

    @name_or_path.setter
    def name_or_path(self, value: str | os.PathLike) -> None:
        self._name_or_path = os.fspath(value)

    @property
    def attn_implementation(self) -> str | None:
        """How models compute attention; None leaves it to them. No file ever holds it."""
        return self._attn_implementation

    @attn_implementation.setter
    def attn_implementation(self, name: str | None) -> None:
        self._attn_implementation = name
        for value in self.sub_configs().values():
            value.attn_implementation = name

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "dtype":
            value = dtype_names(value)
        elif name in ("id2label", "pruned_heads"):
            value = integer_keys(name, value)
        super().__setattr__(name, value)

    def sub_configs(self) -> dict[str, PretrainedConfig]:
        """The sub-configurations by field name."""
        return {k: v for k, v in vars(self).items() if isinstance(v, PretrainedConfig)}

    # Reading and writing.

    @classmethod
    def from_dict(cls, values: dict[str, Any], **overrides: Any) -> Self:
        """Builds a configuration from plain data; `overrides` win, within sub-configurations too.

        With `return_unused_kwargs=True` the result is (configuration, overrides it has no use
        for); without it such an override is a ConfigError.
        """
        return_unused = overrides.pop("return_unused_kwargs", False)
        if not isinstance(values, dict):
            raise ConfigError(expected="an object", found=show(values))
        check_plain(values, ConfigError)
        merged, unused = serialization.merge(cls, values, overrides)
        if unused and not return_unused:
            name = next(iter(unused))
            hint = nearest(name, [*cls._fields, *cls.attribute_map])
            raise ConfigError(f"{cls.__name__} has no such key", key=name, hint=hint)
        config = cls(**merged)
        return (config, unused) if return_unused else config

    @classmethod
    def from_json_file(cls, path: str | os.PathLike, **overrides: Any) -> Self:
        """Reads a configuration from a JSON file, as `from_dict` does."""
        values = read_json(path, MAX_BYTES, ConfigError)
        try:
            return cls.from_dict(serialization.own_part(cls, values), **overrides)
        except ConfigError as error:
            error.file = path
            raise

    @classmethod
    def from_pretrained(cls, path_or_id: str | os.PathLike, **overrides: Any) -> Self:
        """Reads the configuration in a folder, a file or a repository of the hub.

        `overrides` may also hold the hub's `cache_dir`, `revision`, `local_files_only`, `token`.
        """
        options = {name: overrides.pop(name) for name in HUB_OPTIONS if name in overrides}
        path = Path(path_or_id)
        if not path.is_file():
            path = hub.resolve(path_or_id, CONFIG_NAME, **options)
        return cls.from_json_file(path, **overrides)

    def to_dict(self) -> dict[str, Any]:
        """All values as plain data (a copy)."""
        return serialization.to_dict(self)

    def to_diff_dict(self) -> dict[str, Any]:
        """What a config.json holds: all but the shared fields that have their usual value."""
        return serialization.to_diff_dict(self, usual=PretrainedConfig().to_dict())

    def to_json_string(self, use_diff: bool = True) -> str:
        """The text of a config.json."""
        return serialization.to_json(self.to_diff_dict() if use_diff else self.to_dict())

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Writes config.json into `folder` (made if missing); a failure leaves an older one."""
        text = self.to_json_string()
        try:
            os.makedirs(folder, exist_ok=True)
            with atomic_write(Path(folder) / CONFIG_NAME) as file:
                file.write(text.encode())
        except OSError as reason:
            raise ConfigError(f"cannot be written ({reason})", file=folder) from reason

    def copy(self) -> Self:
        """An independent copy."""
        return copy.deepcopy(self)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return serialization.to_text(self)
