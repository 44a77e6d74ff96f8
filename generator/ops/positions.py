"""Where keys are, and how far away."""

from __future__ import annotations

from ..dims import Dim
from ..types import Tensor, Type
from .table import op


def _key_positions(call) -> Type:
    return Tensor("int", (Dim.of(1), call.unknown("keys")))


# the positions of all keys, those of earlier calls and of `count` new tokens: int[1, t]
op(
    "key_positions(count)",
    _key_positions,
    "key_positions(count, past, device=device)",
    "key_positions(count, past)",
    "key_positions(count, past)",
    effects=("past",),
)


def _log_buckets(call) -> Type:
    distance = call.tensor("distance")
    if distance.dtype != "int":
        call.fail("log_buckets takes whole numbers", found=str(distance), at="distance")
    return distance


# the class of a distance: near ones each their own, far ones in steps that grow
op(
    "log_buckets(distance, exact, count, limit)",
    _log_buckets,
    "log_buckets(distance, exact, count, limit)",
)


def _fourier_waves(call) -> Type:
    count, bands = call.dim("count"), call.dim("bands")
    width = call.unknown("waves") if bands is None else bands + bands + 1
    return Tensor("float32", (call.unknown("count") if count is None else count, width))


# places from -1 to 1, and their waves up to the Nyquist frequency: float32[count, 1 + 2 * bands]
op(
    "fourier_waves(count, resolution, bands, closed=True)",
    _fourier_waves,
    "fourier_waves(count, resolution, bands, closed=closed, device=device)",
    "fourier_waves(count, resolution, bands, closed=closed)",
    "fourier_waves(count, resolution, bands, closed=closed)",
)


def _sinusoidal_positions(call) -> Type:
    count, width = call.dim("count"), call.dim("width")
    return Tensor("float32", (count or call.unknown("count"), width or call.unknown("width")))


# sines, then cosines of positions: float32[count, width]
op(
    "sinusoidal_positions(count, width, steps)",
    _sinusoidal_positions,
    "sinusoidal_positions(count, width, steps, device=device)",
    "sinusoidal_positions(count, width, steps)",
    "sinusoidal_positions(count, width, steps)",
)
