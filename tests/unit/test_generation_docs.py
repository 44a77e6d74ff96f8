"""Every snippet of the page on generation runs, in order."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "templates" / "docs" / "generation.md"
TEXT = PAGE.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def names():
    """What the snippets so far have defined."""
    return {"__name__": "page"}


@pytest.fixture(autouse=True)
def place(tmp_path_factory, monkeypatch):
    """All snippets run in one folder."""
    folder = tmp_path_factory.getbasetemp() / "page"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("index", range(len(SNIPPETS)), ids=lambda index: f"{index + 1}")
def test_snippet(index, names):
    for framework in ("torch", "tensorflow", "flax"):
        pytest.importorskip(framework)
    start = TEXT[: TEXT.index(SNIPPETS[index])].count("\n")
    code = compile("\n" * start + SNIPPETS[index], str(PAGE), "exec")
    exec(code, names)


def test_every_block_is_a_snippet():
    assert len(re.findall(r"^```", TEXT, re.MULTILINE)) == 2 * len(SNIPPETS)
    assert all(len(line) <= 100 for snippet in SNIPPETS for line in snippet.splitlines())
