"""The header of a safetensors file: where each tensor lies, trusted only after every check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import CheckpointError, nearest, show
from ..files import parse_json
from .tensors import DTYPES, TensorInfo

MAX_HEADER = 100_000_000  # bytes, the limit of the format
MAX_DIMENSIONS = 32
MAX_SIZE = 2**63 - 1
LENGTH_BYTES = 8

# How files begin that are found in a checkpoint's place.
IMPOSTORS = {
    b"version https://git-lfs": ("a Git LFS pointer", "Run `git lfs pull` to get the file itself"),
    b"<": ("a web page", "The download went wrong"),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first"),
    b"PK\x03\x04": ("a zip archive, perhaps a pickled checkpoint", "Those are named .bin"),
}


@dataclass(frozen=True)
class Entry:
    """A tensor's dtype and shape, and its bytes counted from the end of the header."""

    info: TensorInfo
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """All tensors of a file in the header's order, its remarks, and where its data begins."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data_offset: int


def read_header(file: Any, size: int) -> Header:
    """Reads and checks the header of an open file of `size` bytes; raises CheckpointError."""
    start = file.read(LENGTH_BYTES)
    _check_start(start + file.read(16), size)
    length = int.from_bytes(start, "little")
    limit = min(MAX_HEADER, size - LENGTH_BYTES)
    if not 2 <= length <= limit:
        expected = f"a header of 2 to {limit:,} bytes"
        raise CheckpointError(expected=expected, found=f"a length of {length:,}")
    file.seek(LENGTH_BYTES)
    content = parse_json(file.read(length), CheckpointError)
    metadata = _metadata(content.pop("__metadata__", {}))
    entries = {name: _entry(name, item) for name, item in content.items()}
    data_offset = LENGTH_BYTES + length
    _check_layout(entries, size - data_offset)
    return Header(entries, metadata, data_offset)


def _check_start(start: bytes, size: int) -> None:
    for magic, (kind, hint) in IMPOSTORS.items():
        if start.startswith(magic):
            raise CheckpointError(expected="a safetensors file", found=kind, hint=hint)
    if size < LENGTH_BYTES:
        raise CheckpointError(expected=f"at least {LENGTH_BYTES} bytes", found=str(size))


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise CheckpointError(key="__metadata__", expected="an object of texts", found=show(value))
    return value


def _entry(name: str, item: Any) -> Entry:
    def refuse(expected: str, found: Any, hint: str = "") -> CheckpointError:
        return CheckpointError(key=show(name), expected=expected, found=show(found), hint=hint)

    wanted = {"dtype", "shape", "data_offsets"}
    if not isinstance(item, dict) or not wanted <= item.keys():
        raise refuse("an object with dtype, shape and data_offsets", item)
    dtype, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise refuse("a known dtype", dtype, nearest(dtype, DTYPES))
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise refuse(f"a shape of at most {MAX_DIMENSIONS} sizes from 0 to 2^63", shape)
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise refuse("two offsets, begin and end", offsets)
    info = TensorInfo(DTYPES[dtype], tuple(shape))
    begin, end = offsets
    if end - begin != info.nbytes:
        raise refuse(f"{info.nbytes} bytes for {dtype} of shape {show(shape)}", end - begin)
    return Entry(info, begin, end)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item <= MAX_SIZE for item in value
    )


def _check_layout(entries: dict[str, Entry], size: int) -> None:
    """The tensors must fill the data exactly, one after the other."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            what = "overlap" if entry.begin < position else "a hole"
            expected = f"its data to begin at byte {position}"
            raise CheckpointError(what, key=show(name), expected=expected, found=str(entry.begin))
        position = entry.end
    if position != size:
        what = "the file is cut short" if size < position else "bytes after the last tensor"
        raise CheckpointError(what, expected=f"{position:,} bytes of data", found=f"{size:,}")
