"""YAML 1.2 with positions: scalars, places inside text, and every way a file can be refused."""

import copy
import math
import os
import pickle
import time

import pytest
import yaml
from triptych.generator import yaml_loader
from triptych.generator.diagnostics import (
    Diagnostic,
    Diagnostics,
    Location,
    SpecError,
    did_you_mean,
    nearest,
    quoted,
)
from triptych.generator.located import Map, Seq, text_location, value_location
from triptych.generator.yaml_loader import load_yaml, parse_yaml


def fault(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "x.yaml")
    return str(caught.value)


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def parser(request, monkeypatch):
    """Both of PyYAML's parsers read every file here alike."""
    loader = yaml.SafeLoader if request.param == "python" else yaml_loader._PARSER
    monkeypatch.setattr(yaml_loader, "_PARSER", loader)
    return request.param


SCALARS = {
    "1e-5": 1e-5,
    "1.0e-5": 1e-5,
    "1e5": 1e5,
    "1E+5": 1e5,
    ".5": 0.5,
    "1.": 1.0,
    "+3": 3,
    "-7": -7,
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "-0": 0,
    "true": True,
    "True": True,
    "FALSE": False,
    "null": None,
    "~": None,
    "": None,
    "Null": None,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "no": "no",
    "on": "on",
    "off": "off",
    "yes": "yes",
    "y": "y",
    "tRUE": "tRUE",
    "1_000": "1_000",
    "0b11": "0b11",
    "2024-01-01": "2024-01-01",
    "12:30:45": "12:30:45",
    "1.2.3": "1.2.3",
    "1e": "1e",
    "-": None,
    "'1'": "1",
    '"true"': "true",
    "int = 3": "int = 3",
    "=": "=",
}
del SCALARS["-"]  # the start of a list


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_follow_yaml_1_2(text):
    value = parse_yaml(f"a: {text}\n", "x.yaml")["a"]
    assert value == SCALARS[text]
    assert type(value) is type(SCALARS[text])


def test_nan():
    assert math.isnan(parse_yaml("a: .nan", "x.yaml")["a"])


def test_locations():
    data = parse_yaml("a:\n  b: [x, {y: 2}]\n  'c d': z\n", "x.yaml")
    inner = data["a"]
    assert data.location == Location("x.yaml", 1, 1)
    assert inner.location == data.value_locations["a"] == Location("x.yaml", 2, 3)
    assert inner.key_locations["c d"] == Location("x.yaml", 3, 3)
    assert inner.value_locations["c d"] == Location("x.yaml", 3, 10)
    assert inner["b"].item_locations == [Location("x.yaml", 2, 7), Location("x.yaml", 2, 10)]
    assert value_location(inner["b"], 1) == inner["b"][1].location


TEXTS = r"""plain: linear(hidden, 3) + foo
multi: first line here
   second line
   third

   fifth
single: 'it''s a
  folded line

  yes'
double: "tab\there \u0041 \"q\" and
  fold \
  joined

  end"
fold: >
  some text
  continues here

  para two
    more indented
  back
literal: |2

    first
  second@@
strip: |-   # a comment
    a = b
      c = d

    e
seq: [ab, 'c''d', &x "ef"]
anchored: &a   foo bar
unicode: "añ→b 𝒳 c"
""".replace("@@", "  ")


def characters(container, key):
    for row, line in enumerate(container[key].split("\n")):
        for column, character in enumerate(line):
            yield character, text_location(container, key, row + 1, column + 1)


def test_every_character_of_a_text_has_its_place():
    data = parse_yaml(TEXTS, "x.yaml")
    lines = TEXTS.split("\n")
    seen = 0
    places = [(data, key) for key in data if key != "seq"]
    places += [(data["seq"], index) for index in range(3)]
    for container, key in places:
        for character, place in characters(container, key):
            source = lines[place.line - 1][place.column - 1 : place.column]
            assert source == character or source == "\\" or character == " ", (key, place)
            seen += 1
    assert seen > 200


def test_places_in_a_block():
    text = "m:\n  forward: |\n    a = b\n\n    return c\n"
    data = parse_yaml(text, "x.yaml")["m"]
    assert data.value_locations["forward"] == Location("x.yaml", 3, 5)
    assert text_location(data, "forward") == Location("x.yaml", 3, 5)
    assert text_location(data, "forward", 3, 8) == Location("x.yaml", 5, 12)
    assert text_location(data, "forward", 99, 99) == Location("x.yaml", 5, 13)
    assert text_location(data, "forward", 1, 99) == Location("x.yaml", 3, 10)


def test_places_after_crlf_and_byte_order_mark():
    data = parse_yaml("\ufeffa: 1\r\nf: |\r\n  x = 1\r\n  y\r\n", "x.yaml")
    assert data["f"] == "x = 1\ny\n"
    assert text_location(data, "f", 2, 1) == Location("x.yaml", 4, 3)


def test_a_number_has_the_place_of_its_start():
    data = parse_yaml("a: 12", "x.yaml")
    assert text_location(data, "a", 1, 2) == Location("x.yaml", 1, 4)


def test_aliases_share_what_they_refer_to():
    data = parse_yaml("a: &a {x: 'yz'}\nb: *a\n", "x.yaml")
    assert data["b"] is data["a"]
    assert data.value_locations["b"] == Location("x.yaml", 1, 7)
    assert text_location(data["b"], "x", 1, 2) == Location("x.yaml", 1, 13)


def test_data_is_immutable_and_can_be_sent_to_another_process():
    data = parse_yaml(TEXTS, "x.yaml")
    assert copy.deepcopy(data) is data
    again = pickle.loads(pickle.dumps(data))
    assert again == data and isinstance(again, Map) and isinstance(again["seq"], Seq)
    assert text_location(again, "fold", 2, 3) == text_location(data, "fold", 2, 3)
    with pytest.raises(TypeError, match="a located Map is immutable"):
        data["new"] = 1
    with pytest.raises(TypeError, match="a located Seq is immutable"):
        data["seq"].append(1)


REFUSED = {
    "": "x.yaml:1:1: the file is empty; expected a mapping",
    "# nothing\n": "x.yaml:1:1: the file is empty; expected a mapping",
    "a\n": "x.yaml:1:1: the file is not a mapping; expected a mapping; found the text 'a'",
    "[1]": "x.yaml:1:1: the file is not a mapping; expected a mapping; found a list",
    "a: 1\n---\nb: 2\n": "x.yaml:2:1: a second document; expected one a file",
    "%YAML 1.1\n---\na: 1\n": "x.yaml:1:1: a directive; expected none but '%YAML 1.2'",
    "a: 1\nb: 2\na: 3\n": "x.yaml:3:1: duplicate key 'a'; found it on lines 1 and 3",
    "a: !!python/object/apply:os.system [x]": "x.yaml:1:4: tags are not allowed; "
    "found the tag 'tag:yaml.org,2002:python/object/apply:os.system'",
    "a: !!str 1": "x.yaml:1:4: tags are not allowed; found the tag 'tag:yaml.org,2002:str'",
    "a: ! x": "x.yaml:1:4: tags are not allowed; found the tag '!'",
    "<<: {a: 1}": "x.yaml:1:1: merge keys ('<<') are not allowed",
    "1: a": "x.yaml:1:1: a key is not text; expected text; found the number 1; put it in quotes",
    "true: a": "x.yaml:1:1: a key is not text; expected text; found the truth value true; "
    "put it in quotes",
    "[a]: 1": "x.yaml:1:1: a key is not text; expected text; found a list",
    "a: *b": "x.yaml:1:4: unknown alias '*b'",
    "a: &a [*a]": "x.yaml:1:8: the alias '*a' stands inside what it refers to",
    "a: 1e999": "x.yaml:1:4: a number too large; found '1e999'",
    "a: \x00": "x.yaml:1:4: the character U+0000 is not allowed",
    'a: "\\0"': "x.yaml:1:4: the character U+0000 is not allowed",
    "a: x\u0085y": "x.yaml:1:5: the character U+0085 is not allowed",
    "a: x\u2028y": "x.yaml:1:5: the character U+2028 is not allowed",
    "a: x\u202ey": "x.yaml:1:5: the character U+202E is not allowed",
    'a: "\\u202E"': "x.yaml:1:4: the character U+202E is not allowed",
    "a: 1\n\ufeffb: 2": "x.yaml:2:1: the character U+FEFF is not allowed",
    "a: \ud800": "x.yaml:1:4: the character U+D800 is not allowed",
    "a:\n\tb: 1": "x.yaml:2:1: a tab in the indentation; expected spaces",
    "a: |\n  x\n  \ty\n": "x.yaml:3:3: a tab in the indentation; expected spaces",
    "a: b: c": "x.yaml:1:5: not valid YAML: a second ':' in one entry; "
    "put a value that holds ': ' in quotes, and check the indentation",
    "a: {x: float[b, s]}": "x.yaml:1:13: not valid YAML: a ',' or the closing bracket is missing; "
    "inside { } and [ ], put a value that holds , [ ] { } or ': ' in quotes",
    "a: @b": "x.yaml:1:4: not valid YAML: a value cannot start with this character; "
    "put the value in quotes",
    "a: 'x' + y": "x.yaml:1:8: not valid YAML: a key was expected here; "
    "check the indentation; quote a value as a whole, not only its start",
    "a: 'x": "x.yaml:1:6: not valid YAML: a quote is not closed",
    "a: |\n x\nfoo\n": "x.yaml:4:1: not valid YAML: a ':' is missing; "
    "write 'key: value', with a space after the colon",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text, parser):
    message = fault(text)
    if parser == "libyaml" or "not valid YAML" not in REFUSED[text]:
        assert message == REFUSED[text]
    else:  # the same place within a line, maybe other words
        assert message.startswith("x.yaml:") and "not valid YAML: " in message


def test_all_faults_at_once():
    assert fault("b: 1\nb: 2\n1: x\n<<: {}\n").splitlines() == [
        "x.yaml:2:1: duplicate key 'b'; found it on lines 1 and 2",
        "x.yaml:3:1: a key is not text; expected text; found the number 1; put it in quotes",
        "x.yaml:4:1: merge keys ('<<') are not allowed",
    ]


def test_an_integer_of_a_thousand_digits():
    assert fault("a: " + "9" * 1000).startswith("x.yaml:1:4: a number too large; found '999")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)
)
LADDER = "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200))
TOO_MANY = "too many values; expected at most 100,000 values, aliases expanded"
TOO_DEEP = "nested too deeply; expected at most 64 levels"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, TOO_MANY),
        (LADDER, TOO_DEEP),
        ("a: " + "[" * 900_000, TOO_DEEP),
        ("a: " + "{a: " * 200_000, TOO_DEEP),
        ("- " * 400_000, TOO_DEEP),
        ("? " * 400_000, TOO_DEEP),
        ("\n".join(" " * i + "a:" for i in range(1300)), TOO_DEEP),
    ],
    ids=["alias bomb", "alias ladder", "lists", "maps", "dashes", "questions", "indentation"],
)
def test_bombs(text, message, parser):
    if parser == "python" and len(text) > 100_000:
        text = text[:3000]
    start = time.perf_counter()
    assert fault(text).endswith(message)
    assert time.perf_counter() - start < 5


def test_too_many_values(parser):
    if parser == "libyaml":
        assert fault("a: [" + "1," * 200_000 + "]").endswith(TOO_MANY)


def write(tmp_path, data: bytes):
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    return path


def file_fault(path) -> str:
    with pytest.raises(SpecError) as caught:
        load_yaml(path)
    return str(caught.value)


def test_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_yaml(write(tmp_path, b"a: 1")) == {"a": 1}
    assert file_fault(tmp_path / "no.yaml") == "no.yaml:1:1: no such file"
    assert file_fault(tmp_path).endswith(":1:1: not a regular file")
    path = write(tmp_path, b"#" * 1_000_001)
    assert file_fault(path) == "x.yaml:1:1: the file is too large; expected at most 1,000,000 bytes"
    path = write(tmp_path, b"a: 1\nb: \xc3\xa9\xff\n")
    assert file_fault(path) == "x.yaml:2:5: the file is not UTF-8 text; found byte 0xff"
    path = write(tmp_path, "a: 1".encode("utf-16"))
    assert file_fault(path) == "x.yaml:1:1: the file is not UTF-8 text; found UTF-16 or UTF-32"
    path = write(tmp_path, b"a: \xed\xa0\x80")
    assert file_fault(path) == "x.yaml:1:4: the file is not UTF-8 text; found byte 0xed"
    assert file_fault("a\0b") in (
        "a\\x00b:1:1: the file cannot be read: embedded null byte",
        "a\\x00b:1:1: no such file",
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert file_fault(tmp_path / "pipe.yaml").endswith("pipe.yaml:1:1: not a regular file")


def test_diagnostics_are_sorted_and_deduplicated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    errors = Diagnostics()
    errors.raise_if_any()
    here = str(tmp_path / "specs" / "x.yaml")
    errors.error(Location(here, 10, 2), "late", expected="e", found="f", hint="h")
    errors.error(Location(here, 9, 2), "early")
    errors.error(Location(here, 9, 2), "early")
    errors.error(Location("/elsewhere/x.yaml", 1, 1), "far\x1b[31m\n")
    assert len(errors) == 3
    with pytest.raises(SpecError) as caught:
        errors.raise_if_any()
    lines = str(caught.value).splitlines()
    assert sorted(lines) == sorted(
        [
            "specs/x.yaml:9:2: early",
            "specs/x.yaml:10:2: late; expected e; found f; h",
            "/elsewhere/x.yaml:1:1: far\\x1b[31m\\n",
        ]
    )
    assert lines.index("specs/x.yaml:9:2: early") + 1 == lines.index(
        "specs/x.yaml:10:2: late; expected e; found f; h"
    )
    assert isinstance(caught.value.diagnostics[0], Diagnostic)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_nearest():
    assert nearest("hiden_size", ["hidden_size", "head_dim"]) == "hidden_size"
    assert nearest("LAYERNORM", ["LayerNorm"]) == "LayerNorm"
    assert nearest("zzz", ["hidden_size"]) is None
    assert did_you_mean("Modle", ["Model"]) == "did you mean 'Model'?"
    assert nearest("x" * 100_000, ["xx"]) is None


def test_quoted_is_short_and_on_one_line():
    assert quoted("a\nb") == "'a\\nb'"
    assert len(quoted("x" * 10_000)) == 66
