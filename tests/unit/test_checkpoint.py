"""Reading and writing checkpoints, with the safetensors library as the oracle."""

from __future__ import annotations

import gc
import json
import os

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from triptych.checkpoint import open_checkpoint, save_checkpoint, save_safetensors
from triptych.checkpoint.saving import parse_size
from triptych.checkpoint.tensors import DTYPES
from triptych.errors import CheckpointError, InputError, MissingFrameworkError


def arrays() -> dict[str, np.ndarray]:
    """Tensors of many dtypes, of odd shapes and names, in no order."""
    random = np.random.default_rng(0)
    result = {
        "z.weight": random.normal(size=(3, 5)).astype(np.float32),
        "a.weight": random.normal(size=(4,)).astype(np.float32),
        "empty": np.zeros((0, 3), np.float32),
        "scalar": np.array(7, np.int64),
        "mask": np.array([True, False]),
        'é "quoted"\n\\': np.ones((1, 1, 2), np.float16),
        "transposed": random.normal(size=(3, 4)).T,
        "strided": np.arange(10, dtype=np.int16)[::3],
        "big-endian": np.arange(3, dtype=">i4"),
    }
    for code in "bBHIQ":
        result[f"code {code}"] = np.arange(3).astype(code)
    result["complex"] = np.array([1 + 2j], np.complex64)
    return result


def test_written_byte_for_byte_like_the_library(tmp_path):
    tensors = arrays()
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    contiguous = {name: np.array(a, a.dtype.newbyteorder("=")) for name, a in tensors.items()}
    contiguous = {name: np.array(a, order="C") for name, a in contiguous.items()}
    for metadata in (None, {}, {"format": "pt"}):
        save_safetensors(ours, tensors, metadata)
        safetensors.numpy.save_file(contiguous, theirs, metadata)
        assert ours.read_bytes() == theirs.read_bytes()


def test_every_dtype_byte_for_byte_like_the_library(tmp_path):
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    raw = np.arange(16, dtype=np.uint8)
    tensors = {dtype.name: raw.view(dtype) for dtype in DTYPES.values() if dtype.name != "bool"}
    tensors["bool"] = raw > 8
    same = {
        name: torch.from_numpy(array.view(np.uint8).copy()).view(getattr(torch, name))
        for name, array in tensors.items()
    }
    save_safetensors(ours, tensors)
    safetensors.torch.save_file(same, theirs)
    assert ours.read_bytes() == theirs.read_bytes()
    with open_checkpoint(ours) as checkpoint:
        for name, array in tensors.items():
            assert checkpoint.info(name).dtype == array.dtype
            assert checkpoint.read(name).tobytes() == array.tobytes()


def test_an_empty_checkpoint(tmp_path):
    save_safetensors(tmp_path / "a.safetensors", {})
    assert (tmp_path / "a.safetensors").read_bytes() == safetensors.numpy.save({})
    assert open_checkpoint(tmp_path / "a.safetensors").names == ()


def test_read_what_the_library_wrote(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = {
        name: np.array(a, a.dtype.newbyteorder("="), order="C") for name, a in arrays().items()
    }
    safetensors.numpy.save_file(tensors, path, {"format": "pt"})
    with open_checkpoint(tmp_path) as checkpoint:
        assert checkpoint.path == path and checkpoint.metadata == {"format": "pt"}
        assert set(checkpoint.names) == set(tensors)
        for name, array in tensors.items():
            info, read = checkpoint.info(name), checkpoint.read(name)
            assert (info.shape, info.dtype, info.nbytes) == (array.shape, array.dtype, array.nbytes)
            np.testing.assert_array_equal(read, array)
            assert read.dtype == array.dtype and read.shape == array.shape


def test_tensors_are_views_that_outlive_the_checkpoint(tmp_path):
    path = tmp_path / "a.safetensors"
    save_safetensors(path, {"a": np.arange(4.0), "b": np.ones(2)})
    with open_checkpoint(path) as checkpoint:
        a, again = checkpoint.read("a"), checkpoint.read("a")
        assert np.shares_memory(a, again) and not a.flags.writeable
    del checkpoint
    gc.collect()
    np.testing.assert_array_equal(a, np.arange(4.0))


def test_a_writable_checkpoint_never_changes_the_file(tmp_path):
    path = tmp_path / "a.safetensors"
    save_safetensors(path, {"a": np.arange(4.0)})
    before = path.read_bytes()
    array = open_checkpoint(path, writable=True).read("a")
    array[:] = 9
    assert path.read_bytes() == before


def test_a_closed_checkpoint_and_unknown_names(tmp_path):
    save_safetensors(tmp_path / "a.safetensors", {"weight": np.ones(1)})
    checkpoint = open_checkpoint(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="no tensor named 'wieght'. Did you mean 'weight'"):
        checkpoint.read("wieght")
    checkpoint.close()
    with pytest.raises(CheckpointError, match="closed"):
        checkpoint.read("weight")


def test_data_that_is_not_aligned_is_copied(tmp_path):
    header = b'{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}'
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + np.arange(2.0).tobytes())
    array = open_checkpoint(path).read("a")
    assert array.flags.aligned and array.tolist() == [0, 1]


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": np.array(["x"])},
        {"a": np.array([None])},
        {"a": [1]},
        {1: np.ones(1)},
        {"\ud800": np.ones(1)},
    ],
)
def test_what_no_file_can_hold(tensors, tmp_path):
    with pytest.raises(CheckpointError):
        save_safetensors(tmp_path / "a.safetensors", tensors)
    assert not list(tmp_path.iterdir())


class Failing:
    """An array whose values cannot be had."""

    shape, dtype = (2,), np.dtype(np.float32)

    def __init__(self, error: BaseException):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError("device"), KeyboardInterrupt(), OSError(28, "full")]
)
def test_an_interrupted_save_leaves_the_older_file(error, tmp_path):
    save_checkpoint(tmp_path, {"a": np.ones(4), "b": np.ones(4)})
    before = (tmp_path / "model.safetensors").read_bytes()
    for size in ("5GB", 32):
        with pytest.raises((RuntimeError, KeyboardInterrupt, CheckpointError)):
            save_checkpoint(tmp_path, {"a": np.zeros(4), "b": Failing(error)}, size)
        assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
        assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_tensor_that_changes_its_size_while_being_saved(tmp_path):
    class Lying(Failing):
        def __array__(self, dtype=None, copy=None):
            return np.zeros(3, np.float32)

    with pytest.raises(CheckpointError, match="expected 8 bytes, found 12 bytes"):
        save_safetensors(tmp_path / "a.safetensors", {"a": Lying(RuntimeError())})


def test_a_file_can_be_saved_over_itself(tmp_path):
    save_checkpoint(tmp_path, {"a": np.arange(1000.0)})
    with open_checkpoint(tmp_path) as checkpoint:
        save_checkpoint(tmp_path, {name: checkpoint.read(name) for name in checkpoint.names})
    assert open_checkpoint(tmp_path).read("a")[999] == 999


def test_new_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        save_safetensors(tmp_path / "a.safetensors", {})
    finally:
        os.umask(old)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o640


def test_shards_and_their_index(tmp_path):
    tensors = {name: np.full(4, i, np.float32) for i, name in enumerate("dcba")}
    tensors["large"] = np.zeros(100, np.float32)
    tensors["last"] = np.zeros(1, np.float32)
    save_checkpoint(tmp_path, tensors, max_shard_size=40)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    # The large tensor's shard is closed before the one that was being filled.
    shard = "model-{:05d}-of-00003.safetensors".format
    assert index == {
        "metadata": {"total_parameters": 117, "total_size": 468},
        "weight_map": {
            "a": shard(3),
            "b": shard(3),
            "c": shard(1),
            "d": shard(1),
            "large": shard(2),
            "last": shard(3),
        },
    }
    assert list(index["weight_map"]) == sorted(index["weight_map"])
    with open_checkpoint(tmp_path) as checkpoint:
        assert set(checkpoint.names) == set(tensors)
        for name, array in tensors.items():
            assert checkpoint.info(name).shape == array.shape
            np.testing.assert_array_equal(checkpoint.read(name), array)


def test_the_split_is_the_references():
    from huggingface_hub import split_torch_state_dict_into_shards
    from triptych.checkpoint.saving import split_into_shards
    from triptych.checkpoint.tensors import TensorInfo

    sizes = np.random.default_rng(0).integers(1, 60, 200)
    theirs = split_torch_state_dict_into_shards(
        {str(i): torch.zeros(n, dtype=torch.uint8) for i, n in enumerate(sizes)}, max_shard_size=50
    )
    infos = {str(i): TensorInfo(np.dtype("u1"), (int(n),)) for i, n in enumerate(sizes)}
    assert split_into_shards(infos, 50) == list(theirs.filename_to_tensors.values())


def test_a_new_save_is_what_is_read_next(tmp_path):
    tensors = {name: np.ones(4) for name in "abc"}
    for size, files in ((32, 4), ("1KB", 1), (64, 3), (32, 4)):
        tensors["a"] += 1
        save_checkpoint(tmp_path, tensors, size)
        assert len(list(tmp_path.iterdir())) == files
        np.testing.assert_array_equal(open_checkpoint(tmp_path).read("a"), tensors["a"])


def test_sizes():
    assert [parse_size(size) for size in (5, "5GB", "1.5 kb", "2MiB")] == [
        5,
        5 * 10**9,
        1500,
        2**21,
    ]
    for size in ("", "x", "-1GB", 0, True, "5XB", None):
        with pytest.raises(InputError, match="max_shard_size"):
            parse_size(size)


@pytest.mark.parametrize("legacy", [False, True])
def test_pickled_files(legacy, tmp_path):
    tensors = {
        "f32": torch.randn(2, 3),
        "bf16": torch.randn(4).bfloat16(),
        "transposed": torch.randn(2, 3).T,
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 2),
        "flag": torch.tensor([True]),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    if not legacy:  # which PyTorch itself cannot read back with this dtype
        tensors["f8"] = torch.ones(4).to(torch.float8_e4m3fn)
    torch.save(tensors, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
    with open_checkpoint(tmp_path) as checkpoint:
        assert checkpoint.names == tuple(tensors)
        for name, tensor in tensors.items():
            read = checkpoint.read(name)
            assert checkpoint.info(name).shape == read.shape == tuple(tensor.shape)
            np.testing.assert_array_equal(read.astype(np.float32), tensor.detach().float().numpy())
        assert checkpoint.read("bf16").dtype == ml_dtypes.bfloat16
        if not legacy:
            assert checkpoint.read("f8").dtype == ml_dtypes.float8_e4m3fn


def test_sharded_pickled_files(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "one.bin")
    torch.save({"b": torch.zeros(2)}, tmp_path / "two.bin")
    index = {"weight_map": {"a": "one.bin", "b": "two.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert open_checkpoint(tmp_path).read("b").tolist() == [0, 0]


def test_preference(tmp_path):
    torch.save({"a": torch.tensor([1])}, tmp_path / "pytorch_model.bin")
    assert open_checkpoint(tmp_path).read("a") == 1
    save_checkpoint(tmp_path, {"a": np.array([2]), "b": np.array([2])}, 8)
    assert open_checkpoint(tmp_path).read("a") == 2
    save_safetensors(tmp_path / "model.safetensors", {"a": np.array([3])})
    assert open_checkpoint(tmp_path).read("a") == 3


def test_nothing_to_open(tmp_path):
    with pytest.raises(CheckpointError, match="expected one of model.safetensors.* found none"):
        open_checkpoint(tmp_path)
    (tmp_path / "tf_model.h5").touch()
    with pytest.raises(CheckpointError, match="found only tf_model.h5"):
        open_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="found another name"):
        open_checkpoint(tmp_path / "tf_model.h5")
    with pytest.raises(CheckpointError, match="cannot be read .*No such file"):
        open_checkpoint(tmp_path / "nothing.safetensors")


def test_pytorch_is_needed_for_pickled_files_only(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingFrameworkError, match=r"pip install triptych\[torch\]"):
        open_checkpoint(tmp_path)
    save_checkpoint(tmp_path, {"a": np.ones(1)})
    assert open_checkpoint(tmp_path).names == ("a",)


def test_links_of_the_hubs_cache(tmp_path):
    """The cache keeps files in blobs/ and links to them from snapshots/<revision>/."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    save_checkpoint(blobs, {"a": np.ones(4), "b": np.ones(4)}, 32)
    for path in blobs.iterdir():
        (snapshot / path.name).symlink_to(os.path.join("..", "..", "blobs", path.name))
    assert open_checkpoint(snapshot).read("b").tolist() == [1] * 4
