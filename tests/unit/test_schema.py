"""The schema of specs and libraries: what is allowed, and the words in which faults are told."""

import keyword
import time
from textwrap import dedent

import pytest
from jsonschema import Draft202012Validator
from triptych.generator.diagnostics import Diagnostics
from triptych.generator.schema import check_schema, schema
from triptych.generator.yaml_loader import parse_yaml

HEAD = """\
triptych: 1
name: Tiny
model_type: tiny
prefix: Tiny
summary: A tiny model.
paper: {title: "Tiny: a model", arxiv: "1810.04805", year: 2018}
rows: [{row: Tiny, page: tiny, preset: tiny-base}]
"""


def faults(text: str, head: str = HEAD) -> list[str]:
    errors = Diagnostics()
    check_schema(parse_yaml(head + dedent(text), "x.yaml"), errors)
    return list(map(str, errors))


def test_the_schema_is_valid_and_every_value_is_described():
    Draft202012Validator.check_schema(schema())
    for name, definition in schema()["$defs"].items():
        assert definition["description"], name
        properties = definition.get("properties", {})
        if properties:
            assert definition["additionalProperties"] is False, name
        for key, value in properties.items():
            assert "$ref" in value or value["description"], (name, key)
    names = schema()["$defs"]["any_name"]["not"]["enum"]
    assert names == sorted(keyword.kwlist)


FULL = """
base: tiny
extends: other
uses: [heads, rotary]
config:
  a: 1
  b: float? = a
  c: {type: int?, default: null, doc: A number., choices: [1, 2], min: 0, max: 3.5, legacy: old}
  d: {default: [1, 2], legacy: [x, y], when_null: a + 1}
  e: [1, 2]
functions:
  half:
    {doc: Half., args: {n: int}, inputs: {x: "float[b]"}, forward: return x, returns: like x}
modules:
  Block:
    doc: |
      Several
      lines.
    config: text
    args: {width: int, flag: bool = true, rate: float?, name: str? = None}
    sizes: {half: width // 2, four: 4}
    layers: {dense: "linear(width, half) @ 'x'"}
    states: {kv: "kv_cache(1, 2)"}
    random: {noise: "normal[b, s]"}
    inputs: {x: "float[b, s]", attend: "Mask[b]?"}
    forward: |
      return dense(x)
    returns: like x
models:
  Model:
    args: {pool: bool = true}
    inputs:
      - one_of: {input_ids: "int[b, s]", inputs_embeds: "float[b, s, a]"}
      - {attention_mask: "int[b, s]?"}
    forward: return 1
    returns: {hidden: "float[b, s]", other: "float[b]?"}
    roles: {encoder: encoder}
  ForA: {use: heads.A, args: {rate: 0.1, on: true, x: a}, base: Model(pool=False), names: {x: y}}
  ForB:
    inputs: ["... [input_ids, attention_mask]", labels: "int[b]?"]
    forward: return base()
    returns: ["float[b]", "int[b]"]
    aliases: [ForC]
init: {linear: normal(0.1), "encoder.*.weight": zeros}
roles: {input_embeddings: embeddings.word_embeddings}
implements: [Encoder]
weights:
  - {when: a > 1, rename: {"^old\\\\.": new.}}
  - ignore: ["position_ids$"]
tokenizer: {kind: wordpiece, anything: [1, {x: null}]}
processor: inherit
presets: {tiny-base: {a: null, nested: {x: 1}}, owner/tiny-1.5b: {}}
"""


def test_all_of_the_language():
    assert faults(FULL) == []


def test_a_library():
    text = """
    triptych: 1
    library: parts
    summary: Parts.
    config: {hidden_size: 4}
    functions: {f: {inputs: {x: "float[b]"}, forward: return x, returns: like x}}
    modules: {M: {inputs: {}, forward: return 1, returns: "float[]"}}
    models: {Head: {args: {rate: float}, inputs: [..., labels: "int[b]?"], forward: x, returns: y}}
    interfaces:
      Encoder:
        doc: Encodes.
        inputs: {input_ids: "int[b, s]?"}
        returns: {last_hidden_state: "float[b, s, hidden_size]"}
        config: [hidden_size]
        overrides: {is_decoder: true}
        roles: {input_embeddings: "embedding(9, 9)"}
    axes: {embed: {size: hidden_size}, batch: data, list: [a]}
    init: {linear: zeros}
    """
    assert faults(text, "") == []
    assert faults("triptych: 1\nlibrary: parts\nrows: []\n", "") == [
        "x.yaml:3:1: unknown key 'rows'; expected triptych, library, summary, config, records, "
        "functions, modules, models, interfaces, axes or init"
    ]
    head = "triptych: 1\nlibrary: parts\nmodels: {H: {use: heads.X}}\n"
    assert faults(head, "") == [
        "x.yaml:3:14: unknown key 'use' in 'H'; expected doc, config, args, sizes, layers, states, "
        "random, roles, inputs, forward, returns, base, without or generates"
    ]


TYPE = "a type such as 'float[b, s, hidden_size]', in quotes"
FAULTS = {
    "model: {}": "8:1: unknown key 'model'; expected triptych, name, model_type, prefix, base, "
    "summary, paper, rows, extends, uses, config, configs, records, functions, modules, models, "
    "init, roles, refuse, implements, weights, cache, differences, tokenizer, processor or "
    "presets; did you mean 'models'?",
    "modules: {A: {layer: {}}}": "8:15: unknown key 'layer' in 'A'; expected doc, config, args, "
    "sizes, layers, states, random, inputs, forward, returns or use; did you mean 'layers'?",
    "config: {a: {defualt: 1}}": "8:14: unknown key 'defualt' in 'a'; expected type, default, "
    "fixed, doc, choices, min, max, value, always_saved, saved, unlisted, legacy or when_null; "
    "did you mean 'default'?",
    "config: 3": "8:9: 'config' has the wrong kind of value; "
    "expected a mapping from config fields to their defaults; found the number 3",
    "modules: []": "8:10: 'modules' has the wrong kind of value; "
    "expected a mapping from names to modules; found a list",
    "modules: {A: {inputs: {x: 1}}}": "8:27: 'x' has the wrong kind of value; "
    f"expected {TYPE}; found the number 1; put it in quotes",
    "modules: {A: {inputs: [x]}}": "8:23: 'inputs' has the wrong kind of value; "
    "expected a mapping from input names to types; found a list",
    "models: {A: {inputs: [x]}}": "8:23: item 1 of 'inputs' has the wrong value; "
    "expected '...', a mapping from input names to types, or '{one_of: {...}}'; found the text 'x'",
    'models: {A: {inputs: [{one_of: {a: "int[b]", b: "int[b]"}, c: "int[b]"}]}}': "8:60: 'c' "
    "cannot be a name here; expected nothing beside 'one_of' but 'group' and 'unless'",
    "models: {A: {inputs: [{one_of: {}}]}}": "8:32: 'one_of' has too few entries; "
    "expected at least 1; found 0",
    "modules: {A: {args: {x: tensor}}}": "8:25: 'x' has the wrong value; expected 'int', 'float', "
    "'bool' or 'str', with '?' if it may be null, and with ' = DEFAULT' if it has one; "
    "found the text 'tensor'",
    "modules: {A: {layers: {x: [1]}}}": "8:27: 'x' has the wrong kind of value; expected a layer's "
    "constructor such as 'linear(hidden_size, num_labels)'; found a list",
    "modules: {A: {sizes: {h: exact(a, b)}}}": "8:35: 'b)' cannot be a name here; expected an "
    "identifier: letters, digits and underscores, at most 64, not a word that Python or the "
    "language needs; inside { }, put a value that holds ',' in quotes",
    "models: {A: {use: heads}}": "8:19: 'use' has the wrong value; "
    "expected a library's model such as 'heads.TokenClassification'; found the text 'heads'",
    "uses: [heads, heads]": "8:15: the text 'heads' stands twice in 'uses'; "
    "found it first on line 8",
    "uses: [../x]": "8:8: item 1 of 'uses' has the wrong value; expected a library's name: lower "
    "case letters, digits and '_'; found the text '../x'",
    "extends: ../../etc/passwd": "8:10: 'extends' has the wrong value; expected a file's name in "
    "the same folder, without '.yaml': lower case letters, digits, '_' and '-'; "
    "found the text '../../etc/passwd'",
    "weights: [{when: x}]": "8:11: item 1 of 'weights' is not complete or says too much; "
    "expected a mapping with either 'rename' or 'ignore', and maybe 'when'; found when",
    "weights: [{ignore: []}]": "8:20: 'ignore' has too few entries; expected at least 1; found 0",
    "presets: {../x: {}}": "8:11: '../x' cannot be a name here; "
    "expected a preset's name such as 'bert-base-uncased' or 'owner/name'",
    "roles: {a: 'x y'}": "8:12: 'a' has the wrong value; "
    "expected a layer's path such as 'encoder.layer'; found the text 'x y'",
    "init: {linear: ''}": "8:16: 'linear' is too short; "
    "expected a rule such as 'normal(initializer_range)'; found the text ''",
    "presets: null": "8:10: 'presets' has the wrong kind of value; expected a mapping from presets "
    "to config values; found nothing (null); write a value, or leave the key out",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults(text):
    assert faults(text) == [f"x.yaml:{FAULTS[text]}"]


TOP = {
    ("triptych: 1", "triptych: 2"): "1:11: 'triptych' has the wrong value; "
    "expected 1, the version of the language; found the number 2",
    ("triptych: 1", "triptych: true"): "1:11: 'triptych' has the wrong kind of value; "
    "expected 1, the version of the language; found the truth value true",
    ("model_type: tiny", "model_type: ../up"): "3:13: 'model_type' has the wrong value; "
    "expected lower case letters, digits, '_' and '-'; found the text '../up'",
    ("model_type: tiny", 'model_type: "tiny\\n"'): "3:13: 'model_type' has the wrong value; "
    "expected lower case letters, digits, '_' and '-'; found the text 'tiny\\n'",
    ("prefix: Tiny", "prefix: tiny"): "4:9: 'prefix' has the wrong value; expected the start of "
    "the class names, such as 'Bert': letters and digits, first a capital; found the text 'tiny'",
    ("prefix: Tiny\n", ""): "1:1: the file lacks the key 'prefix'; expected the start of the class "
    "names, such as 'Bert': letters and digits, first a capital",
    ("A tiny model.", '"two\\nlines"'): "5:10: 'summary' has the wrong value; "
    "expected one line of printable text; found the text 'two\\nlines'",
    ("A tiny model.", "x" * 10_000): "5:10: 'summary' is too long; "
    f"expected at most 500 characters; found the text '{'x' * 61}...'",
    ('"1810.04805"', "1810.04805"): "6:40: 'arxiv' has the wrong kind of value; expected an arXiv "
    'number in quotes such as "1810.04805"; found the number 1810.04805; put it in quotes',
    ("2018", "'2018'"): "6:60: 'year' has the wrong kind of value; "
    "expected a year; found the text '2018'",
    ("2018", "20"): "6:60: 'year' has the wrong value; expected a year; found the number 20",
    (", preset: tiny-base", ""): "7:8: item 1 of 'rows' lacks the key 'preset'; "
    "expected a preset's name such as 'bert-base-uncased' or 'owner/name'",
    ("page: tiny", "page: ../x"): "7:26: 'page' has the wrong value; expected a page's name: "
    "lower case letters, digits, '_', '-' and single dots; found the text '../x'",
}


@pytest.mark.parametrize("change", TOP, ids=lambda change: change[1][:20])
def test_faults_at_the_top(change):
    assert change[0] in HEAD
    assert faults("", HEAD.replace(*change)) == [f"x.yaml:{TOP[change]}"]


ID = (
    "expected an identifier: letters, digits and underscores, at most 64, "
    "not a word that Python or the language needs"
)
PYTHON = "it is a word of Python"
FRAMEWORK = "the frameworks give it a meaning of their own"
BUILTIN = "generated code needs Python's own"
LANGUAGE = "it is a word of the spec language"


@pytest.mark.parametrize(
    ("section", "name", "fault"),
    [
        ("inputs", "mask", f"the name 'mask' is reserved; {FRAMEWORK}"),
        ("inputs", "training", f"the name 'training' is reserved; {FRAMEWORK}"),
        ("inputs", "rngs", f"the name 'rngs' is reserved; {FRAMEWORK}"),
        ("inputs", "self", f"the name 'self' is reserved; {FRAMEWORK}"),
        ("inputs", "len", f"the name 'len' is reserved; {BUILTIN}"),
        ("inputs", "lambda", f"the name 'lambda' is reserved; {PYTHON}"),
        ("layers", "class", f"the name 'class' is reserved; {PYTHON}"),
        ("layers", "None", f"the name 'None' is reserved; {PYTHON}"),
        ("layers", "base", f"the name 'base' is reserved; {LANGUAGE}"),
        ("layers", "range", f"the name 'range' is reserved; {LANGUAGE}"),
        ("sizes", "int", f"the name 'int' is reserved; {BUILTIN}"),
        ("args", "a-b", f"'a-b' cannot be a name here; {ID}"),
        ("layers", "__class__", f"'__class__' cannot be a name here; {ID}"),
        ("layers", "ﬁx", f"'ﬁx' cannot be a name here; {ID}"),
        ("layers", "аttention", f"'аttention' cannot be a name here; {ID}"),
        ("layers", "{{ x }}", f"'{{{{ x }}}}' cannot be a name here; {ID}"),
        ("layers", 'a"""b', f'\'a"""b\' cannot be a name here; {ID}'),
        ("layers", "a\\nb", f"'a\\nb' cannot be a name here; {ID}"),
        ("layers", "ab\\n", f"'ab\\n' cannot be a name here; {ID}"),
        ("layers", "", f"'' cannot be a name here; {ID}"),
        (
            "layers",
            "x" * 500,
            f"the name '{'x' * 17}...' is too long; expected at most 64 characters",
        ),
    ],
)
def test_names(section, name, fault):
    key = '"' + name.replace('"', '\\"') + '"'
    value = "int" if section == "args" else "x"
    assert faults(f"modules: {{A: {{{section}: {{{key}: {value}}}}}}}") == [
        f"x.yaml:8:{15 + len(section) + 3}: {fault}"
    ]


@pytest.mark.parametrize("name", ["output", "dropout", "attention", "type", "input", "filter"])
def test_layer_names_of_checkpoints_are_allowed(name):
    assert faults(f"modules: {{A: {{layers: {{{name}: dropout(1)}}}}}}") == []


def test_all_faults_at_once_in_file_order():
    found = faults("zzz: 1\nconfig: {class: 1}\nmodels: {A: {forward: 1, yyy: 2}}\n")
    assert [fault.split(";")[0] for fault in found] == [
        "x.yaml:8:1: unknown key 'zzz'",
        "x.yaml:9:10: the name 'class' is reserved",
        "x.yaml:10:23: 'forward' has the wrong kind of value",
        "x.yaml:10:26: unknown key 'yyy' in 'A'",
    ]


def test_many_faults_are_cut_off():
    start = time.perf_counter()
    assert len(faults("\n".join(f"key_{i}: 1" for i in range(20_000)))) == 100
    layers = "\n".join(f"      {i}a: []" for i in range(20_000))
    assert len(faults("modules:\n  A:\n    layers:\n" + layers)) == 100
    assert time.perf_counter() - start < 10
