"""Every hostile checkpoint gives one CheckpointError that names the file; nothing is executed."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from triptych.checkpoint import open_checkpoint, save_checkpoint, save_safetensors
from triptych.errors import CheckpointError

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def packed(header, data=b"\0" * 8, length=None) -> bytes:
    """A safetensors file with any header, which may be text, and any claimed header length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return size.to_bytes(8, "little") + text + data


def entry(**changes) -> bytes:
    return packed({"a": F32 | changes})


def two(first, second, data=b"\0" * 16) -> bytes:
    offsets = [{"a": F32 | {"data_offsets": first}, "b": F32 | {"data_offsets": second}}]
    return packed(offsets[0], data)


SAFETENSORS = {
    "empty": (b"", "expected at least 8 bytes, found 0"),
    "7 bytes": (b"\x02" + b"\0" * 6, "expected at least 8 bytes, found 7"),
    "8 bytes": (b"\x02" + b"\0" * 7, "found a length of 2"),
    "header length 0": (packed(b"", length=0), "found a length of 0"),
    "header length 2^63": (packed({}, length=2**63), "found a length of 9,223,372,036,854"),
    "header length > file": (packed({}, length=50), "expected a header of 2 to 10 bytes"),
    "not UTF-8": (packed(b'{"\xff": 1}'), "not UTF-8 text"),
    "lone surrogate": (packed(b'{"\\ud800": 1}'), "expected an object with dtype"),
    "not JSON": (packed(b"{]"), "not valid JSON"),
    "not an object": (packed([1]), "expected a JSON object"),
    "deep": (packed(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "at most 64 levels"),
    "duplicate key": (packed(b'{"a": {"dtype": 1}, "a": {}}'), "'a' stands twice"),
    "metadata": (packed({"__metadata__": {"a": 1}}, b""), "__metadata__: expected an object of te"),
    "metadata list": (packed({"__metadata__": []}, b""), "__metadata__: expected an object of te"),
    "entry": (packed({"a": 5}), "'a': expected an object with dtype"),
    "no offsets": (packed({"a": {"dtype": "F32", "shape": []}}), "'a': expected an object with dt"),
    "unknown dtype": (entry(dtype="F31"), "'a': expected a known dtype, found 'F31'. Did you mean"),
    "dtype list": (entry(dtype=["F32"]), "expected a known dtype, found"),
    "negative dimension": (entry(shape=[-2]), "expected a shape"),
    "two negatives": (entry(shape=[-1, -2]), "expected a shape"),
    "float dimension": (entry(shape=[2.0]), "expected a shape"),
    "bool dimension": (entry(shape=[True, 2]), "expected a shape"),
    "huge dimension": (entry(shape=[2**62]), "expected 18446744073709551616 bytes for F32"),
    "endless digits": (
        packed(b'{"a": {"dtype": "F32", "shape": [' + b"9" * 4000 + b'], "data_offsets": [0, 8]}}'),
        "expected a shape",
    ),
    "product overflow": (entry(shape=[2**32, 2**32 + 1]), "bytes for F32 of shape .*, found 8"),
    "product wraps to fit": (entry(shape=[2**62 + 2]), "bytes for F32 of shape .*, found 8"),
    "zero hides a huge one": (entry(shape=[0, 2**62]), "expected 0 bytes for F32"),
    "many dimensions": (entry(shape=[1] * 99 + [2]), "expected a shape of at most 32"),
    "shape is text": (entry(shape="2"), "expected a shape"),
    "offsets reversed": (entry(data_offsets=[8, 0]), "expected two offsets"),
    "negative offset": (entry(data_offsets=[-8, 0]), "expected two offsets"),
    "three offsets": (entry(data_offsets=[0, 8, 8]), "expected two offsets"),
    "float offset": (entry(data_offsets=[0, 8.0]), "expected two offsets"),
    "wrong size": (entry(data_offsets=[0, 4]), "expected 8 bytes for F32"),
    "overlap": (two([0, 8], [4, 12]), "'b': overlap: expected its data to begin at byte 8"),
    "the same place": (two([0, 8], [0, 8], b"\0" * 8), "overlap"),
    "hole": (two([0, 8], [12, 20], b"\0" * 20), "'b': a hole: .* byte 8, found 12"),
    "hole at the start": (entry(data_offsets=[4, 12]), "'a': a hole"),
    "beyond the end": (entry(data_offsets=[2**40, 2**40 + 8]), "'a': a hole"),
    "bytes after the end": (
        packed({"a": F32}, b"\0" * 9),
        "bytes after the last tensor: expected 8",
    ),
    "one byte short": (packed({"a": F32}, b"\0" * 7), "the file is cut short: expected 8 bytes of"),
    "lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "found a Git LFS pointer. Run `git lfs pull`",
    ),
    "web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "found a web page"),
    "gzip": (gzip.compress(packed({"a": F32})), "found a gzip archive"),
    "zip": (b"PK\x03\x04" + b"\0" * 50, "found a zip archive"),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_hostile_safetensors(name, tmp_path):
    data, message = SAFETENSORS[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and len(text) < 600 and "\n" not in text


def test_every_cut_of_a_file(tmp_path):
    path = tmp_path / "a.safetensors"
    save_safetensors(path, {"a": np.ones(3, np.float32), "b": np.ones(2, np.int8)})
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(CheckpointError):
            open_checkpoint(path)


def test_every_changed_byte_of_a_header_is_harmless(tmp_path):
    path = tmp_path / "a.safetensors"
    save_safetensors(path, {"a": np.ones(3, np.float32), "b": np.ones(2, np.int8)})
    data = path.read_bytes()
    for position in range(len(data) - 14):
        for value in (0, 0x7F, 0xFF, ord('"'), ord("9")):
            path.write_bytes(data[:position] + bytes([value]) + data[position + 1 :])
            try:
                checkpoint = open_checkpoint(path)
            except CheckpointError:
                continue
            for name in checkpoint.names:
                assert checkpoint.read(name).nbytes <= 14


def test_a_header_beyond_the_formats_limit(tmp_path):
    path = tmp_path / "a.safetensors"
    with open(path, "wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(300_000_000)  # sparse
    with pytest.raises(CheckpointError, match="a header of 2 to 100,000,000 bytes"):
        open_checkpoint(path)


def test_valid_oddities(tmp_path):
    path = tmp_path / "a.safetensors"
    header = {
        "scalar": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
        "empty": {"dtype": "F32", "shape": [0, 3], "data_offsets": [4, 4]},
        "x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        "last": {"dtype": "U8", "shape": [0], "data_offsets": [8, 8], "note": "ignored"},
    }
    path.write_bytes(packed(header))
    with open_checkpoint(path) as checkpoint:
        shapes = {name: checkpoint.read(name).shape for name in checkpoint.names}
    assert shapes == {"scalar": (), "empty": (0, 3), "x": (1,), "last": (0,)}


def test_booleans_that_are_none(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(
        packed({"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}, b"\1\2")
    )
    with pytest.raises(CheckpointError, match="a: expected booleans"):
        open_checkpoint(path).read("a")


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_other_things_in_its_place(name, tmp_path):
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="expected a regular file, found a named pipe"):
        open_checkpoint(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CheckpointError, match="expected a regular file, found a folder"):
        open_checkpoint(tmp_path)
    path.rmdir()
    for target in ("nowhere", name, "/dev/zero"):
        path.symlink_to(target)
        with pytest.raises(CheckpointError, match="cannot be read|a special file"):
            open_checkpoint(tmp_path)
        path.unlink()


# Shards.

SHARD = "model-00001-of-00002.safetensors"


def index_of(folder, weight_map):
    path = folder / "model.safetensors.index.json"
    text = weight_map if isinstance(weight_map, str) else json.dumps({"weight_map": weight_map})
    path.write_text(text)
    return path


HOSTILE_NAMES = {
    "parent": "../evil.safetensors",
    "within": "sub/../../evil.safetensors",
    "folder": "sub/a.safetensors",
    "absolute": "/etc/passwd",
    "drive": "C:evil.safetensors",
    "backslash": "..\\evil.safetensors",
    "UNC": "\\\\host\\share\\evil.safetensors",
    "NUL": "evil\0.safetensors",
    "empty": "",
    "dot": ".",
    "dots": "..",
    "number": 5,
    "list": ["a"],
    "null": None,
}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_shard_names(name, tmp_path):
    save_safetensors(tmp_path / "evil.safetensors", {"a": np.ones(1)})
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    save_safetensors(folder / "sub" / "a.safetensors", {"a": np.ones(1)})
    path = index_of(folder, {"a": HOSTILE_NAMES[name]})
    with pytest.raises(
        CheckpointError, match="the name of a shard: expected the plain name"
    ) as caught:
        open_checkpoint(folder)
    assert str(caught.value).startswith(str(path))


def test_a_link_that_leaves_the_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    save_safetensors(tmp_path / "evil.safetensors", {"a": np.ones(1)})
    (folder / SHARD).symlink_to("../evil.safetensors")
    index_of(folder, {"a": SHARD})
    with pytest.raises(CheckpointError, match="expected a file in the same folder, found a link"):
        open_checkpoint(folder)
    (folder / SHARD).unlink()
    (folder / "inside.safetensors").write_bytes((tmp_path / "evil.safetensors").read_bytes())
    (folder / SHARD).symlink_to("inside.safetensors")
    assert open_checkpoint(folder).names == ("a",)


INDEXES = {
    "no weight_map": ("{}", "weight_map: expected an object .*, found none"),
    "empty weight_map": ('{"weight_map": {}}', "weight_map: expected an object"),
    "weight_map is a list": ('{"weight_map": ["a"]}', "weight_map: expected an object"),
    "not an object": ("[]", "expected a JSON object"),
    "not JSON": ("<html>", "not valid JSON"),
    "duplicate": ('{"weight_map": {"a": "x", "a": "y"}}', "'a' stands twice"),
    "deep": ('{"a":' * 100_000 + "1" + "}" * 100_000, "at most 64 levels"),
    "missing shard": ({"a": "model-00009.safetensors"}, "model-00009.safetensors: no such file"),
    "absent key": (
        {"a": SHARD, "b": SHARD, "c": SHARD},
        "expected tensor 'c' in model-00001.*, found none",
    ),
    "unlisted key": ({"a": SHARD}, "expected tensor 'b' listed, found it in model-00001"),
    "two shards": ({"a": SHARD, "b": "other.safetensors"}, "tensor 'b' in other.safetensors only"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_hostile_index(name, tmp_path):
    save_safetensors(tmp_path / SHARD, {"a": np.ones(1), "b": np.ones(1)})
    save_safetensors(tmp_path / "other.safetensors", {"b": np.ones(1)})
    weight_map, message = INDEXES[name]
    index_of(tmp_path, weight_map)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(tmp_path)
    assert str(caught.value).startswith(str(tmp_path)) and len(str(caught.value)) < 600


def test_a_broken_shard_is_named(tmp_path):
    save_checkpoint(tmp_path, {"a": np.ones(4), "b": np.ones(4)}, 32)
    shard = tmp_path / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="model-00002-of-00002.safetensors: the file is cut"):
        open_checkpoint(tmp_path)


# Pickled files.


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def torch_bytes(value, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["zip", "legacy", "bare"])
def test_code_in_a_pickle_never_runs(form, tmp_path):
    proof = tmp_path / "proof"
    content = {"a": torch.ones(1), "evil": Evil(proof)}
    if form == "bare":
        data = pickle.dumps(Evil(proof), protocol=2)
    else:
        data = torch_bytes(content, _use_new_zipfile_serialization=form == "zip")
    (tmp_path / "pytorch_model.bin").write_bytes(data)
    with pytest.raises(CheckpointError, match="cannot be read as plain tensors") as caught:
        open_checkpoint(tmp_path)
    assert not proof.exists()
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def bomb() -> bytes:
    """A pickled checkpoint whose archive unpacks to a thousand times its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", b"\0" * 10_000_000)
    return buffer.getvalue()


PICKLED = {
    "empty": (b"", "cannot be read as plain tensors"),
    "text": (b"hello", "cannot be read as plain tensors"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer"),
    "web page": (b"<!DOCTYPE html>", "found a web page"),
    "gzip": (gzip.compress(b"x"), "found a gzip archive"),
    "broken zip": (b"PK\x03\x04" + b"\0" * 50, "cannot be read as plain tensors"),
    "cut": (torch_bytes({"a": torch.ones(1000)})[:-100], "cannot be read as plain tensors"),
    "zip bomb": (bomb(), "expected an archive without compression"),
    "a tensor": (torch_bytes(torch.ones(1)), "expected a dictionary of tensors"),
    "nested": (torch_bytes({"model": {"a": torch.ones(1)}}), "expected tensors by name"),
    "number keys": (torch_bytes({1: torch.ones(1)}), "expected tensors by name"),
    "sparse": (torch_bytes({"a": torch.eye(3).to_sparse()}), "a: expected a dense tensor"),
    "meta": (torch_bytes({"a": torch.ones(3, device="meta")}), "a: expected a dense tensor"),
    "endless view": (
        torch_bytes({"a": torch.ones(1).expand(10**12)}),
        "a: expected no more than the file holds, found a shape of 4,000,000,000,000 bytes",
    ),
    "deep": (
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "cannot be read as plain tensors",
    ),
}


@pytest.mark.parametrize("name", PICKLED)
def test_hostile_pickles(name, tmp_path):
    data, message = PICKLED[name]
    (tmp_path / "pytorch_model.bin").write_bytes(data)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(tmp_path)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)
