"""The tokens that a transcript begins with: its language, what is to be done, and whether times are
given, in models that one says it to in this way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import InputError, nearest, show
from .config import GenerationConfig

TASKS = ("transcribe", "translate")


def is_transcription(config: GenerationConfig) -> bool:
    """Whether a configuration has tokens for languages, tasks or times."""
    names = ("lang_to_id", "task_to_id", "no_timestamps_token_id")
    return any(getattr(config, name, None) is not None for name in names)


def first_tokens(
    config: GenerationConfig, start: Sequence[int], detect: Callable[[list[int]], np.ndarray]
) -> np.ndarray:
    """The first tokens of each transcript, int [b, n], from its start tokens.

    `detect`: which of some tokens is the likeliest second one, int [b], where no language is asked
    for.
    """
    rows = len(start)
    languages = getattr(config, "lang_to_id", None)
    tasks = getattr(config, "task_to_id", None)
    columns = [np.asarray(start)]
    language, task = getattr(config, "language", None), getattr(config, "task", None)
    forced = _forced(config) if language is None and task is None else []
    detected = not forced or forced[0] is None
    if languages and (detected or language is not None):
        if language is None:
            columns.append(detect(list(languages.values())))
        else:
            columns.append(_language_tokens(language, languages, rows))
    elif language is not None:
        raise InputError("this model knows one language", key="language", expected="None")
    columns += [np.full(rows, token) for token in forced if token is not None]
    if task is not None or (language is not None and tasks):
        columns.append(np.full(rows, _task_token(task or TASKS[0], tasks)))
    timeless = getattr(config, "no_timestamps_token_id", None)
    if timeless is not None and not getattr(config, "return_timestamps", None):
        columns.append(np.full(rows, timeless))
    return np.stack(columns, axis=1)


def _forced(config: GenerationConfig) -> list[int | None]:
    """The tokens behind the start that older checkpoints begin with, None for the language; whether
    times are given is not theirs to say."""
    pairs = getattr(config, "forced_decoder_ids", None) or []
    timeless = getattr(config, "no_timestamps_token_id", None)
    tokens = [token for _, token in pairs]
    if not pairs or pairs[0][0] != 1:
        return []
    if [place for place, _ in pairs] != list(range(1, len(pairs) + 1)):
        expected = "a token for each place from 1 on"
        raise InputError(key="forced_decoder_ids", expected=expected, found=show(pairs))
    return tokens[:-1] if tokens[-1] == timeless else tokens


def _language_tokens(language: Any, known: dict[str, int], rows: int) -> np.ndarray:
    wanted = [language] * rows if isinstance(language, str) else list(language)
    if len(wanted) != rows:
        raise InputError(key="language", expected=f"one, or {rows}", found=str(len(wanted)))
    return np.array([_language_token(name, known) for name in wanted])


def _language_token(language: str, known: dict[str, int]) -> int:
    """The token of a language by its code, its code in brackets, or its English name."""
    text = str(language).lower()
    code = NAMES.get(text, text)
    for name in (text, f"<|{code}|>"):
        if name in known:
            return known[name]
    codes = [name.strip("<|>") for name in known]
    hint = nearest(text, [*codes, *(name for name, code in NAMES.items() if code in codes)])
    raise InputError(key="language", expected=", ".join(codes), found=show(language), hint=hint)


def _task_token(task: str, known: dict[str, int] | None) -> int:
    if not known:
        raise InputError("this model knows one task", key="task", expected="None", found=show(task))
    if task not in known:
        hint = nearest(task, known)
        raise InputError(key="task", expected=", ".join(known), found=show(task), hint=hint)
    return known[task]


# English names of languages by their ISO 639 codes, as transcribing models use them.
NAMES = {
    "english": "en", "chinese": "zh", "german": "de", "spanish": "es", "russian": "ru",
    "korean": "ko", "french": "fr", "japanese": "ja", "portuguese": "pt", "turkish": "tr",
    "polish": "pl", "catalan": "ca", "dutch": "nl", "arabic": "ar", "swedish": "sv",
    "italian": "it", "indonesian": "id", "hindi": "hi", "finnish": "fi", "vietnamese": "vi",
    "hebrew": "he", "ukrainian": "uk", "greek": "el", "malay": "ms", "czech": "cs",
    "romanian": "ro", "danish": "da", "hungarian": "hu", "tamil": "ta", "norwegian": "no",
    "thai": "th", "urdu": "ur", "croatian": "hr", "bulgarian": "bg", "lithuanian": "lt",
    "latin": "la", "maori": "mi", "malayalam": "ml", "welsh": "cy", "slovak": "sk",
    "telugu": "te", "persian": "fa", "latvian": "lv", "bengali": "bn", "serbian": "sr",
    "azerbaijani": "az", "slovenian": "sl", "kannada": "kn", "estonian": "et",
    "macedonian": "mk", "breton": "br", "basque": "eu", "icelandic": "is", "armenian": "hy",
    "nepali": "ne", "mongolian": "mn", "bosnian": "bs", "kazakh": "kk", "albanian": "sq",
    "swahili": "sw", "galician": "gl", "marathi": "mr", "punjabi": "pa", "sinhala": "si",
    "khmer": "km", "shona": "sn", "yoruba": "yo", "somali": "so", "afrikaans": "af",
    "occitan": "oc", "georgian": "ka", "belarusian": "be", "tajik": "tg", "sindhi": "sd",
    "gujarati": "gu", "amharic": "am", "yiddish": "yi", "lao": "lo", "uzbek": "uz",
    "faroese": "fo", "haitian creole": "ht", "pashto": "ps", "turkmen": "tk", "nynorsk": "nn",
    "maltese": "mt", "sanskrit": "sa", "luxembourgish": "lb", "myanmar": "my", "tibetan": "bo",
    "tagalog": "tl", "malagasy": "mg", "assamese": "as", "tatar": "tt", "hawaiian": "haw",
    "lingala": "ln", "hausa": "ha", "bashkir": "ba", "javanese": "jw", "sundanese": "su",
    "cantonese": "yue", "burmese": "my", "valencian": "ca", "flemish": "nl", "haitian": "ht",
    "letzeburgesch": "lb", "pushto": "ps", "panjabi": "pa", "moldavian": "ro",
    "moldovan": "ro", "sinhalese": "si", "castilian": "es", "mandarin": "zh",
}  # fmt: skip
