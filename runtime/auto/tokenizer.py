"""Text to numbers, for folders that hold a tokenizer.json."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from .. import hub
from ..configuration.base import HUB_OPTIONS
from ..errors import InputError, MissingFrameworkError, nearest, show
from ..files import read_json, regular_size

if TYPE_CHECKING:
    import tokenizers

FILE, SETTINGS, SPECIAL = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
MAX_BYTES = 200_000_000  # of a tokenizer.json; the largest real ones have about a tenth
MAX_SETTINGS = 20_000_000
NO_LIMIT = 1_000_000  # a larger `model_max_length` is a way to say that there is none
CONVERSIONS = {
    "np": ("numpy", "asarray", ""),
    "pt": ("torch", "from_numpy", "torch"),
    "tf": ("tensorflow", "convert_to_tensor", "tensorflow"),
    "jax": ("jax.numpy", "asarray", "flax"),
}
Texts = str | Sequence[str]


class Encoding(dict):
    """Arrays by input name, to be passed on as `model(**encoding)`; attributes work, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Tokenizer:
    """Encodes batches of texts as arrays; `tokenizer.backend` is the tokenizers.Tokenizer."""

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        *,
        pad_token: str | None = None,
        padding_side: str = "right",
        model_max_length: int | None = None,
        model_input_names: Iterable[str] | None = None,
    ):
        self.pad_token = pad_token or _pad_token_of(backend)
        self.padding_side = padding_side
        self.model_max_length = model_max_length
        backend.no_padding()
        backend.no_truncation()
        self.backend = backend
        if model_input_names is None:
            # Types are for models that are given pairs, whose halves then differ in them.
            model_input_names = ["input_ids", "attention_mask"]
            if any(backend.encode("a", "a").type_ids):
                model_input_names.insert(1, "token_type_ids")
        self.model_input_names = list(model_input_names)

    @classmethod
    def from_pretrained(cls, path_or_id: str | os.PathLike, **options: Any) -> Self:
        """The tokenizer in a folder or a repository of the hub.

        `options`: arguments of the constructor, and the hub's options.
        """
        for_hub = {name: options.pop(name) for name in HUB_OPTIONS if name in options}
        path = _find(path_or_id, FILE, for_hub)
        if path is None:
            hint = "Tokenizers are read from that file only; other kinds of vocabulary will follow"
            raise InputError(f"there is no {FILE}", file=path_or_id, hint=hint)
        special = _settings(path_or_id, SPECIAL, for_hub)
        settings = special | _settings(path_or_id, SETTINGS, for_hub)
        found = {
            "pad_token": _text(settings.get("pad_token")),
            "padding_side": settings.get("padding_side") or "right",
            "model_max_length": _length(settings.get("model_max_length")),
            "model_input_names": settings.get("model_input_names"),
        }
        return cls(_read(path), **found | options)

    def __call__(
        self,
        text: Texts,
        text_pair: Texts | None = None,
        *,
        padding: bool | str = True,
        truncation: bool = False,
        max_length: int | None = None,
        add_special_tokens: bool = True,
        return_tensors: str = "np",
    ) -> Encoding:
        """Encodes a text, or a list of texts, as arrays with a row for each.

        Rows are filled up to the longest one, with padding="max_length" up to `max_length`; with
        `truncation` they are cut to that, which is the model's if it is not given.
        `return_tensors`: "np", "pt", "tf" or "jax".
        """
        convert = _converter(return_tensors)
        pairs = _pairs(text, text_pair)
        if truncation:
            self.backend.enable_truncation(self._limit(max_length))
        try:
            rows = self.backend.encode_batch(pairs, add_special_tokens=add_special_tokens)
        finally:
            self.backend.no_truncation()
        width = max((len(row) for row in rows), default=0)
        if padding == "max_length":
            width = max(width, self._limit(max_length))
        elif not padding and any(len(row) != width for row in rows):
            what = "texts of different lengths are not one array"
            raise InputError(what, key="padding", expected="True", found=show(padding))
        if self.pad_token is None and any(len(row) != width for row in rows):
            hint = "Give one with from_pretrained(..., pad_token=...)"
            raise InputError("there is no token to fill rows with", key="pad_token", hint=hint)
        arrays = {
            "input_ids": self._filled([row.ids for row in rows], width, self.pad_token_id or 0),
            "token_type_ids": self._filled([row.type_ids for row in rows], width, 0),
            "attention_mask": self._filled([row.attention_mask for row in rows], width, 0),
        }
        return Encoding((n, convert(arrays[n])) for n in arrays if n in self.model_input_names)

    def _limit(self, max_length: int | None) -> int:
        limit = max_length or self.model_max_length
        if limit is None:
            raise InputError(key="max_length", expected="a number", found="none")
        return limit

    def _filled(self, rows: list[list[int]], width: int, value: int) -> np.ndarray:
        array = np.full((len(rows), width), value, dtype=np.int64)
        for line, row in zip(array, rows, strict=True):
            start = width - len(row) if self.padding_side == "left" else 0
            line[start : start + len(row)] = row
        return array

    def encode(self, text: str, text_pair: str | None = None, **options: Any) -> list[int]:
        """The token ids of one text."""
        return self.__call__(text, text_pair, **options)["input_ids"][0].tolist()

    def tokenize(self, text: str) -> list[str]:
        """The tokens of one text, without those that only models need."""
        return self.backend.encode(text, add_special_tokens=False).tokens

    def decode(self, ids: Sequence[int] | np.ndarray, skip_special_tokens: bool = False) -> str:
        """The text of token ids."""
        ids = np.asarray(ids).ravel().tolist()
        return self.backend.decode(ids, skip_special_tokens=skip_special_tokens)

    def batch_decode(self, rows: Iterable, skip_special_tokens: bool = False) -> list[str]:
        """The text of each row of token ids."""
        return [self.decode(row, skip_special_tokens) for row in rows]

    @property
    def pad_token_id(self) -> int | None:
        return None if self.pad_token is None else self.backend.token_to_id(self.pad_token)

    @property
    def vocab_size(self) -> int:
        """The number of tokens of the vocabulary itself."""
        return self.backend.get_vocab_size(with_added_tokens=False)

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} tokens)"


class AutoTokenizer:
    """The tokenizer in a folder or in a repository of the hub."""

    def __init__(self) -> NoReturn:
        call = "AutoTokenizer.from_pretrained(path_or_id)"
        raise TypeError(f"AutoTokenizer has no instances: use {call}")

    @staticmethod
    def from_pretrained(path_or_id: str | os.PathLike, **options: Any) -> Tokenizer:
        """See Tokenizer.from_pretrained."""
        return Tokenizer.from_pretrained(path_or_id, **options)


def _find(path_or_id: str | os.PathLike, name: str, options: dict[str, Any]) -> Path | None:
    """The file of that name; None where there is a folder or a repository without it."""
    folder = Path(path_or_id)
    if folder.is_dir():
        return folder / name if (folder / name).exists() else None
    try:
        return hub.resolve(path_or_id, name, **options)
    except InputError as error:
        if error.what.startswith("the repository has no"):
            return None
        raise


def _settings(path_or_id: str | os.PathLike, name: str, options: dict[str, Any]) -> dict[str, Any]:
    path = _find(path_or_id, name, options)
    return {} if path is None else read_json(path, MAX_SETTINGS, InputError)


def _read(path: Path) -> tokenizers.Tokenizer:
    import tokenizers

    if (size := regular_size(path, InputError)) > MAX_BYTES:
        raise InputError(file=path, expected=f"at most {MAX_BYTES:,} bytes", found=f"{size:,}")
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as reason:  # the library knows no other type
        raise InputError(f"not a tokenizer ({reason})", file=path) from None


def _pad_token_of(backend: tokenizers.Tokenizer) -> str | None:
    """What the file fills rows with, or a token whose name says so."""
    if backend.padding:
        return backend.padding["pad_token"]
    names = ("[PAD]", "<pad>", "<|padding|>")
    return next((name for name in names if backend.token_to_id(name) is not None), None)


def _text(token: Any) -> str | None:
    token = token.get("content") if isinstance(token, dict) else token
    return token if isinstance(token, str) else None


def _length(value: Any) -> int | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < NO_LIMIT
    return int(value) if usable else None


def _pairs(text: Texts, pair: Texts | None) -> list:
    texts = _listed(text, "text")
    if pair is None:
        return texts
    others = _listed(pair, "text_pair")
    if len(texts) != len(others):
        expected, found = f"{len(texts)} texts", str(len(others))
        raise InputError(key="text_pair", expected=expected, found=found)
    return list(zip(texts, others, strict=True))


def _listed(texts: Texts, name: str) -> list[str]:
    texts = [texts] if isinstance(texts, str) else list(texts)
    wrong = next((item for item in texts if not isinstance(item, str)), None)
    if wrong is not None:
        raise InputError(key=name, expected="a text or a list of texts", found=show(wrong))
    return texts


def _converter(name: str) -> Callable[[np.ndarray], Any]:
    if name not in CONVERSIONS:
        expected, hint = ", ".join(CONVERSIONS), nearest(name, CONVERSIONS)
        raise InputError(key="return_tensors", expected=expected, found=show(name), hint=hint)
    module, function, extra = CONVERSIONS[name]
    try:
        return getattr(importlib.import_module(module), function)
    except ImportError as error:
        raise MissingFrameworkError(extra) from error
