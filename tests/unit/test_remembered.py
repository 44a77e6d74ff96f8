"""Values that are kept between commands, until a file they were computed of changes."""

import os

import pytest
from triptych.generator.remembered import Remembered


@pytest.fixture
def place(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("one")
    return tmp_path / "memory" / "kept.json", source


def ask(path, source, calls):
    memory = Remembered(path)

    def compute():
        calls.append(source.read_text())
        return len(calls), [source, source.parent]

    value = memory.get("key", compute)
    assert memory.get("key", compute) == value  # within one command nothing is looked at twice
    memory.save()
    return value


def test_it_holds_until_a_file_changes(place):
    path, source = place
    calls = []
    assert [ask(path, source, calls) for _ in range(3)] == [1, 2, 2]  # the memory's own folder came
    source.write_text("other")
    assert ask(path, source, calls) == 3
    (source.parent / "more.txt").touch()
    os.utime(source.parent, (1, 1))
    assert ask(path, source, calls) == 4
    assert calls == ["one", "one", "other", "other"]


@pytest.mark.parametrize("broken", ["", "[]", '{"key": 1}', '{"key": [5, {"source": 0}, 0]}', "{"])
def test_what_is_broken_is_computed_anew(place, broken):
    path, source = place
    path.parent.mkdir()
    path.write_text(broken)
    assert ask(path, source, []) == 1


def test_without_a_place_nothing_is_kept(place):
    assert ask(None, place[1], []) == 1
    assert not place[0].exists()
