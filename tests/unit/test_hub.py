"""Files of a model: local folders first, then the hub, whose client is replaced here."""

from __future__ import annotations

import json

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub.errors import EntryNotFoundError, HFValidationError, LocalEntryNotFoundError
from triptych.checkpoint import open_checkpoint, resolve_checkpoint, save_checkpoint
from triptych.errors import CheckpointError, InputError
from triptych.hub import resolve


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder that plays the repository "user/model"."""
    folder = tmp_path / "repository"
    folder.mkdir()

    def download(repo, filename, **options):
        assert repo == "user/model" and set(options) >= {"cache_dir", "revision", "token"}
        if not (folder / filename).exists():
            raise EntryNotFoundError("404")
        return str(folder / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return folder


def failing(monkeypatch, error):
    def download(*arguments, **options):
        raise error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)


def test_a_local_folder_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failing(monkeypatch, AssertionError())
    (tmp_path / "user" / "model").mkdir(parents=True)
    (tmp_path / "user" / "model" / "config.json").touch()
    assert resolve("user/model", "config.json").name == "config.json"
    with pytest.raises(InputError, match="no such file. Did you mean 'config.json'"):
        resolve("user/model", "confg.json")


@pytest.mark.parametrize("path", ["./nothing", "/nothing/here", "a/b/c", "~/x", "C:\\x"])
def test_a_folder_that_does_not_exist_is_not_looked_for_on_the_hub(path, monkeypatch):
    failing(monkeypatch, AssertionError())
    with pytest.raises(InputError, match="no such folder"):
        resolve(path, "config.json")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            LocalEntryNotFoundError("x"),
            "config.json is neither in the cache nor can the hub be .*Down",
        ),
        (EntryNotFoundError("x"), "the repository has no config.json"),
        (HFValidationError("x"), "neither a folder nor the name of a repository"),
        (ConnectionError("first\nsecond"), r"config.json cannot be downloaded \(first\)"),
        (ValueError(""), r"config.json cannot be downloaded \(ValueError\)"),
    ],
)
def test_one_clear_error(error, message, monkeypatch):
    failing(monkeypatch, error)
    with pytest.raises(InputError, match=f"^user/model: {message}"):
        resolve("user/model", "config.json")


@pytest.mark.parametrize("size", ["5GB", 32])
def test_checkpoints_and_all_their_shards(size, repository):
    save_checkpoint(repository, {"a": np.ones(4), "b": np.ones(4)}, size)
    path = resolve_checkpoint("user/model")
    assert open_checkpoint(path).read("b").tolist() == [1] * 4
    assert resolve_checkpoint(repository) == repository


def test_no_checkpoint(repository):
    with pytest.raises(InputError, match="the repository has no model.safetensors"):
        resolve_checkpoint("user/model")


def test_a_hostile_name_is_never_fetched(repository):
    index = {"weight_map": {"a": "../evil.safetensors"}}
    (repository / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="the name of a shard"):
        resolve_checkpoint("user/model")
