"""The kinds of caches by name, and what may be asked of them; each framework makes its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import InputError, nearest, show
from ..states import Layout, StateSpec

# Names of one line are the same; `hybrid` ones are where only some layers have a window.
SLIDING = ("sliding_window", "hybrid", "hybrid_chunked")
OFFLOADED = ("offloaded", "offloaded_static", "offloaded_hybrid", "offloaded_hybrid_chunked")
GROWING = ("dynamic", "dynamic_full", "offloaded")  # the others have a capacity
KINDS = ("dynamic", "dynamic_full", "static", "quantized", *SLIDING, *OFFLOADED)

OPTIONS: Mapping[str, Mapping[str, tuple]] = {"quantized": {"nbits": (8,)}}  # and their values


def check_kind(
    kind: Any, batch: int | None, capacity: int | None, options: Mapping[str, Any]
) -> None:
    """Raises InputError unless there is such a kind of cache, of such a size."""
    if kind not in KINDS:
        known, hint = ", ".join(KINDS), nearest(kind, KINDS)
        raise InputError(
            key="cache_implementation", expected=f"one of {known}", found=show(kind), hint=hint
        )
    if kind not in GROWING:
        for name, size in (("batch", batch), ("capacity", capacity)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                what = f"a {kind} cache has a size"
                raise InputError(what, key=name, expected="an integer above 0", found=show(size))
    _check_options(kind, options)


def _check_options(kind: str, options: Mapping[str, Any]) -> None:
    known = OPTIONS.get(kind, {})
    for name, value in options.items():
        if name not in known:
            expected = f"options of a {kind} cache: {', '.join(known) or 'none'}"
            raise InputError(
                key="cache_config", expected=expected, found=name, hint=nearest(name, known)
            )
        if value not in known[name]:
            expected = " or ".join(map(str, known[name]))
            raise InputError(key=f"cache_config.{name}", expected=expected, found=show(value))


def refuse_kind(kind: str, framework: str, lacking: Iterable[str]) -> None:
    """Raises InputError if this kind is among those that a framework lacks."""
    if kind in lacking:
        expected = ", ".join(name for name in KINDS if name not in lacking)
        raise InputError(
            f"there is no such cache in {framework}",
            key="cache_implementation",
            expected=f"one of {expected}",
            found=kind,
        )


def without_windows(layout: Layout) -> Layout:
    """The same states, none of which drops tokens."""
    return [{n: replace(spec, window=None) for n, spec in states.items()} for states in layout]


def ring_size(spec: StateSpec, capacity: int) -> int | None:
    """How many tokens a layer's window needs, if these are fewer than the capacity."""
    small = spec.kind == "kv" and spec.window is not None and spec.window < capacity
    return spec.window if small else None


def check_ring_crop(length: int, dropped: int, room: int, window: int) -> None:
    """Raises InputError if a ring of `room` places has overwritten what would be read then."""
    spare = room - (window - 1)
    if length > room and dropped > spare:
        raise InputError(
            "the cache has overwritten tokens that its windows would need",
            key="past_key_values",
            expected=f"at most {spare} of {length} tokens to forget",
            found=str(dropped),
        )


def check_fits(length: int, capacity: int) -> None:
    """Raises InputError if so many tokens do not fit."""
    if length > capacity:
        raise InputError(
            "the tokens of the cache do not fit",
            key="capacity",
            expected=f"at least {length}",
            found=str(capacity),
        )


def refuse_empty() -> None:
    """A cache without tokens does not tell the size of its tensors."""
    raise InputError(
        "the cache is empty",
        key="past_key_values",
        expected="tokens in every layer",
        hint="An empty cache of fixed size is made by make_cache",
    )


def check_length(wanted: int, length: int) -> None:
    """Raises InputError unless a cache of `length` tokens can be cut to the first `wanted`."""
    if not 0 <= wanted <= length:
        raise InputError(
            "a cache can only be made shorter",
            key="length",
            expected=f"0 to {length}",
            found=str(wanted),
        )
