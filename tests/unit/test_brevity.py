"""The table of lines in specs/README.md is up to date, and no line of a spec is too long.

`UPDATE_TABLES=1 pytest tests/unit/test_brevity.py` writes it anew.
"""

import os
import re
from pathlib import Path

import pytest
from triptych.generator.brevity import Measure, count_lines, markdown, measure, ratio

SPECS = Path(__file__).resolve().parents[2] / "specs"
README = SPECS / "README.md"
TABLE = re.compile(r"(?<=<!-- lines -->\n).*?(?=<!-- end -->)", re.S)


def test_the_table_is_up_to_date():
    text = README.read_text(encoding="utf-8")
    wanted = markdown(measure(SPECS, SPECS / "rows.json"))
    if "UPDATE_TABLES" in os.environ:
        text = TABLE.sub(lambda _: wanted, text)
        README.write_text(text, encoding="utf-8")
    assert TABLE.search(text).group() == wanted


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_no_line_is_longer_than_100_columns(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 100] == []


def test_blank_lines_and_comments_do_not_count(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(
        "# what it is\n\nname: Small  # counts\n  # inside\nrows: []\n", encoding="utf-8"
    )
    assert count_lines(path) == 2


def test_libraries_count_in_the_whole_only():
    measures = [Measure("A", 30, 900), Measure("B", 10, 0), Measure("library: c", 20, None)]
    assert ratio(measures) == 15.0
    assert markdown(measures).splitlines()[2:] == [
        "| A | 30 | 900 | 30.0 |",
        "| B | 10 |  |  |",
        "| library: c | 20 |  |  |",
        "| **all** | **60** | **900** | **15.0** |",
    ]
