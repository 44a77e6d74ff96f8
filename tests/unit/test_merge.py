"""Loading whole specs: inheritance, libraries, what must be there in the end, the flat text."""

import time
from pathlib import Path
from textwrap import dedent

import pytest
from triptych.generator.diagnostics import Location, SpecError
from triptych.generator.flat import flat
from triptych.generator.located import text_location
from triptych.generator.spec import Spec, load_library, load_spec
from triptych.generator.yaml_loader import parse_yaml

HEADS = """\
triptych: 1
library: heads
models:
  TokenClassification:
    doc: A label for each token.
    args: {rate: float, scale: float = 1.0}
    layers:
      dropout: dropout(rate)
      classifier: linear(hidden_size, num_labels)
    inputs: [..., labels: "int[b, s]?"]
    forward: |
      outputs = base()
      logits = classifier(dropout(outputs.last_hidden_state))
      loss = cross_entropy(logits, labels) if labels is not None else None
      return record(loss=loss, logits=logits)
    returns: {loss: "float[]?", logits: "float[b, s, num_labels]"}
"""

ROTARY = """\
triptych: 1
library: rotary
functions:
  rotate_half:
    inputs: {x: "float[b, d]"}
    forward: return x
    returns: like x
modules:
  RotaryEmbedding:
    inputs: {positions: "int[b, s]"}
    forward: return positions
    returns: like positions
"""

ROBERTA = """\
triptych: 1
name: RoBERTa
model_type: roberta
prefix: Roberta
base: roberta
summary: BERT, trained longer.
paper: {title: "RoBERTa: an approach", arxiv: "1907.11692", year: 2019}
rows: [{row: RoBERTa, page: roberta, preset: roberta-base}]
uses: [heads]
tokenizer: {kind: byte_bpe}
config:
  vocab_size: 50265
  hidden_size: 768
  layer_norm_eps: 1e-12
  classifier_dropout: float? = hidden_dropout_prob
  position_embedding_type: {default: absolute, choices: [absolute, relative_key]}
modules:
  Embeddings:
    layers:
      word_embeddings: embedding(vocab_size, hidden_size)
      LayerNorm: layer_norm(hidden_size, eps=layer_norm_eps)
    inputs: {input_ids: "int[b, s]"}
    forward: |
      # the comment stays
      x = word_embeddings(input_ids)
      return LayerNorm(x)
    returns: float[b, s, hidden_size]
models:
  Model:
    layers: {embeddings: Embeddings()}
    inputs: {input_ids: "int[b, s]"}
    forward: return record(last_hidden_state=embeddings(input_ids))
    returns: {last_hidden_state: "float[b, s, hidden_size]"}
  ForTokenClassification:
    use: heads.TokenClassification
    args: {rate: classifier_dropout}
    base: Model(add_pooling_layer=False)
init: {linear: normal(0.02), norm: ones}
roles: {input_embeddings: embeddings.word_embeddings}
weights: [{ignore: ["position_ids$"]}]
presets: {roberta-base: {}}
"""

CAMEMBERT = """\
triptych: 1
name: CamemBERT
model_type: camembert
prefix: Camembert
extends: roberta
summary: RoBERTa trained on French.
paper: {title: "CamemBERT: a Tasty French Language Model", arxiv: "1911.03894", year: 2019}
rows: [{row: CamemBERT, page: camembert, preset: camembert-base}]
presets: {camembert-base: {vocab_size: 32005, bos_token_id: null}}
"""


class Folder:
    """A small repository of specs."""

    def __init__(self, root: Path):
        for name in ("models", "library"):
            (root / name).mkdir()
        self.add("library/heads", HEADS)
        self.add("library/rotary", ROTARY)
        self.add("models/roberta", ROBERTA)

    def add(self, name: str, text: str) -> None:
        Path(f"{name}.yaml").write_text(text, "utf-8")

    def load(self, name: str, text: str | None = None) -> Spec:
        if text is not None:
            self.add(f"models/{name}", text)
        return load_spec(f"models/{name}.yaml", ["library"])

    def faults(self, name: str, text: str | None = None) -> list[str]:
        with pytest.raises(SpecError) as caught:
            self.load(name, text)
        return str(caught.value).splitlines()


@pytest.fixture
def specs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def child(text: str) -> str:
    """A spec that extends RoBERTa; `text` begins on line 10."""
    return CAMEMBERT + dedent(text)


def test_a_variant_of_nine_lines(specs):
    spec = specs.load("camembert", CAMEMBERT)
    parent = specs.load("roberta")
    assert (
        spec.name == "CamemBERT" and spec.model_type == "camembert" and spec.folder == "camembert"
    )
    assert spec.base == "roberta"
    assert spec.config == parent.config and spec.modules == parent.modules
    assert spec.models == parent.models and spec.init == parent.init and spec.roles == parent.roles
    assert spec.weights == parent.weights and list(spec.libraries) == ["heads"]
    assert spec.tokenizer is None and parent.tokenizer == {"kind": "byte_bpe"}
    assert spec.presets == {"camembert-base": {"vocab_size": 32005, "bos_token_id": None}}
    assert spec.source == CAMEMBERT
    names = ["models/camembert.yaml", "models/roberta.yaml", "library/heads.yaml"]
    assert spec.dependencies == tuple(map(Path, names))


def test_the_folder_of_a_model_type_with_a_hyphen(specs):
    text = CAMEMBERT.replace("model_type: camembert", "model_type: deberta-v2")
    assert specs.load("deberta_v2", text).folder == "deberta_v2"
    again = CAMEMBERT.replace("extends: roberta", "extends: deberta-v2")
    assert specs.load("more", again).base == "roberta"


def test_maps_merge_and_positions_survive(specs):
    spec = specs.load(
        "x",
        child("""\
        tokenizer: inherit
        config:
          hidden_size: 1024
          position_embedding_type: {default: relative_key}
          extra: {type: int?, default: null}
        modules:
          Embeddings:
            layers: {LayerNorm: null, dropout: dropout(0.1)}
            forward: |
              return dropout(word_embeddings(input_ids))
        init: {norm: null}
        weights: []
        """),
    )
    assert spec.tokenizer == {"kind": "byte_bpe"}
    assert list(spec.config) == [
        "vocab_size",
        "hidden_size",
        "layer_norm_eps",
        "classifier_dropout",
        "position_embedding_type",
        "extra",
    ]
    assert spec.config["hidden_size"] == 1024
    field = spec.config["position_embedding_type"]
    assert field == {"default": "relative_key", "choices": ["absolute", "relative_key"]}
    assert spec.config["extra"] == {"type": "int?", "default": None}
    assert spec.init == {"linear": "normal(0.02)"} and spec.weights == []
    body = spec.modules["Embeddings"]
    assert list(body["layers"]) == ["word_embeddings", "dropout"]
    assert body["forward"] == "return dropout(word_embeddings(input_ids))\n"
    assert text_location(body, "forward", 1, 8) == Location("models/x.yaml", 19, 14)
    layers = body["layers"]
    assert layers.value_locations["dropout"] == Location("models/x.yaml", 17, 40)
    assert text_location(layers, "word_embeddings", 1, 11) == Location(
        "models/roberta.yaml", 20, 34
    )


def test_the_order_of_what_a_model_returns(specs):
    def returned(text):
        spec = specs.load("x", child(f"models: {{Model: {{returns: {{{text}}}}}}}\n"))
        return list(spec.models["Model"]["returns"])

    assert returned("first: 'int[b]'") == ["last_hidden_state", "first"]
    both = "first: 'int[b]', last_hidden_state: 'float[b, s, hidden_size]'"
    assert returned(both) == ["first", "last_hidden_state"]


def test_three_generations_and_not_four(specs):
    specs.add("models/a", child("config: {hidden_size: 1}\n"))
    specs.add("models/b", CAMEMBERT.replace("roberta", "a") + "tokenizer: inherit\n")
    assert specs.load("a").config["hidden_size"] == 1
    assert specs.faults("b") == ["models/b.yaml:10:12: there is no tokenizer to inherit"]
    assert specs.load("b", CAMEMBERT.replace("roberta", "a")).config["hidden_size"] == 1
    assert specs.faults("c", CAMEMBERT.replace("roberta", "b")) == [
        "models/a.yaml:5:10: 'extends' goes too deep: c -> b -> a -> roberta; "
        "expected at most 2 steps"
    ]


EXTENDS = {
    "robertta": "5:10: there is no spec 'robertta'; did you mean 'roberta'?",
    "zzz": "5:10: there is no spec 'zzz'",
    "x": "5:10: 'extends' goes round in a circle: x -> x",
}


@pytest.mark.parametrize("name", EXTENDS)
def test_extends_what_is_not_there(specs, name):
    text = CAMEMBERT.replace("roberta", name)
    assert specs.faults("x", text) == [f"models/x.yaml:{EXTENDS[name]}"]


def test_a_circle_of_two(specs):
    specs.add("models/a", CAMEMBERT.replace("roberta", "b"))
    assert specs.faults("b", CAMEMBERT.replace("roberta", "a")) == [
        "models/a.yaml:5:10: 'extends' goes round in a circle: b -> a -> b"
    ]


def test_faults_in_the_parent_are_reported_there(specs):
    specs.add("models/roberta", ROBERTA.replace("config:", "confg:"))
    (fault,) = specs.faults("x", CAMEMBERT)
    assert fault.startswith("models/roberta.yaml:11:1: unknown key 'confg'")


def test_a_library_is_not_a_spec(specs):
    with pytest.raises(SpecError) as caught:
        load_spec("library/heads.yaml", ["library"])
    assert str(caught.value) == "library/heads.yaml:2:1: this is a library; expected a spec"
    with pytest.raises(SpecError) as caught:
        load_library("models/roberta.yaml")
    assert str(caught.value) == "models/roberta.yaml:1:1: this is a spec; expected a library"


INHERITED = "but nothing of that name is inherited"
LEAVE = "leave the key out, or give it a value"
MERGED = {
    "modules: {Embeddings: {layers: {LayerNrm: null}}}": f"10:43: null deletes 'LayerNrm', "
    f"{INHERITED}; {LEAVE}",
    "modules: {Other: null}": f"10:18: null deletes 'Other', {INHERITED}; {LEAVE}",
    "config: {pad: null}": f"10:15: null deletes 'pad', {INHERITED}; "
    "a field that is null by default is written 'TYPE? = None'",
    "functions: null": f"10:12: null deletes 'functions', {INHERITED}; {LEAVE}",
    "models: {ForTokenClassification: {names: {x: null}}}": f"10:46: null deletes 'x', "
    f"{INHERITED}; {LEAVE}",
    "modules: {Embeddings: {forward: null}}": "10:11: the module 'Embeddings' lacks the key "
    "'forward'",
    "modules: {New: {layers: {}}}": "10:11: the module 'New' lacks the key 'inputs'\n"
    "10:11: the module 'New' lacks the key 'forward'\n"
    "10:11: the module 'New' lacks the key 'returns'",
    "config: null": "1:1: a spec has either 'config' or 'configs'; found neither",
    "configs: {a: {}}": "1:1: a spec has either 'config' or 'configs'; found both",
    "models: null": "1:1: a spec has at least one model; write 'models: ...'",
    "modules: {Embeddings: {config: text}}": "10:32: there is no config 'text'; "
    "the spec has no 'configs'",
    "config: null\nconfigs: {text: {}}\nmodules: {Embeddings: {config: txt}}": "12:32: there is no "
    "config 'txt'; did you mean 'text'?",
    "config: {new: {doc: Two words.}}": "10:10: the field 'new' lacks the key 'type' or 'default'",
    "modules: {Model: {inputs: {}, forward: x, returns: x}}": "29:3: the model 'Model' is also a "
    "module; found the module on line 10",
    "functions: {Embeddings: {inputs: {}, forward: x, returns: x}}": "10:13: the function "
    "'Embeddings' is also a module; found the module on line 18",
    "weights: [{ignore: ['(']}]": "10:21: not a regular expression; "
    "found '(' (missing ), unterminated subpattern at position 0)",
    "models: {Model: {args: {x: 3}}}": "10:28: 'x' has the wrong value; expected 'int', 'float', "
    "'bool' or 'str', with '?' if it may be null, and with ' = DEFAULT' if it has one; "
    "found the number 3",
    "models: {Model: {names: {x: y}}}": "10:18: 'names' goes with 'use' only",
    "models: {Model: {aliases: [ForTokenClassification]}}": "10:28: the alias "
    "'ForTokenClassification' is also another model's name",
    'models: {Model: {inputs: [{a: "int[]"}, ..., {one_of: {a: "int[]", b: "int[]"}}, ...]}}': (
        "10:56: the input 'a' stands twice; found it on lines 10 and 10\n"
        "10:82: the input '...' stands twice; found it on lines 10 and 10"
    ),
}


@pytest.mark.parametrize("text", MERGED)
def test_faults_of_the_merged_spec(specs, text):
    found = specs.faults("x", child(text))
    expected = []
    for fault in MERGED[text].split("\n"):
        file = "roberta" if fault.startswith("29:") else "x"
        expected.append(f"models/{file}.yaml:{fault}")
    assert sorted(found) == sorted(expected)


def test_null_needs_something_to_delete_without_a_parent_too(specs):
    text = ROBERTA.replace("init: {linear: normal(0.02), norm: ones}", "init: {linear: null}")
    assert specs.faults("x", text) == [
        f"models/x.yaml:38:16: null deletes 'linear', {INHERITED}; {LEAVE}"
    ]
    assert specs.faults("x", ROBERTA.replace("{kind: byte_bpe}", "inherit")) == [
        "models/x.yaml:10:12: there is no tokenizer to inherit; 'inherit' needs 'extends'"
    ]


def test_a_row_names_a_preset(specs):
    assert specs.faults(
        "x", CAMEMBERT.replace("preset: camembert-base", "preset: camembert-bas")
    ) == ["models/x.yaml:8:50: there is no preset 'camembert-bas'; did you mean 'camembert-base'?"]


def test_using_a_head(specs):
    spec = specs.load(
        "x",
        child("""\
        models:
          ForTokenClassification:
            names: {classifier: score}
            layers: {classifier: "linear(hidden_size, num_labels, bias=False)", dropout: null}
            aliases: [ForTagging]
        """),
    )
    model = spec.models["ForTokenClassification"]
    library = load_library("library/heads.yaml")["models"]["TokenClassification"]
    assert model["use"] == "heads.TokenClassification"
    assert model["args"] == library["args"] == {"rate": "float", "scale": "float = 1.0"}
    assert model["bindings"] == {"rate": "classifier_dropout"}
    assert model["names"] == {"classifier": "score"}
    assert model["layers"] == {"score": "linear(hidden_size, num_labels, bias=False)"}
    assert model["base"] == "Model(add_pooling_layer=False)"
    assert model["aliases"] == ["ForTagging"]
    for key in ("doc", "inputs", "forward", "returns"):
        assert model[key] is library[key]
    assert text_location(model, "forward", 2, 10) == Location("library/heads.yaml", 13, 16)
    assert model.location.file == "models/x.yaml"
    assert "TokenClassification" in load_library("library/heads.yaml")["models"]
    assert list(library["layers"]) == ["dropout", "classifier"]  # untouched


def test_a_head_without_names_has_empty_ones(specs):
    model = specs.load("roberta").models["ForTokenClassification"]
    assert model["names"] == {} and list(model["layers"]) == ["dropout", "classifier"]


def test_another_head_replaces_the_inherited_model(specs):
    specs.add(
        "library/heads",
        HEADS + "  Plain: {inputs: [...], forward: return base(), returns: like hidden}\n",
    )
    spec = specs.load("x", child("models: {ForTokenClassification: {use: heads.Plain}}\n"))
    model = spec.models["ForTokenClassification"]
    assert model["bindings"] == {} and "base" not in model and model["inputs"] == ["..."]


def test_a_module_may_be_nearly_a_librarys(specs):
    spec = specs.load(
        "x",
        child("""\
        uses: [heads, rotary]
        modules:
          Embeddings:
            use: rotary.RotaryEmbedding
            layers: {norm: layer_norm(hidden_size)}
            forward: return positions + 1
        """),
    )
    module = spec.modules["Embeddings"]
    library = load_library("library/rotary.yaml")["modules"]["RotaryEmbedding"]
    assert module["layers"] == {"norm": "layer_norm(hidden_size)"}  # nothing of RoBERTa's is left
    assert module["inputs"] is library["inputs"] and module["returns"] is library["returns"]
    assert module["forward"] == "return positions + 1" and "use" not in module
    assert spec.merged["modules"]["Embeddings"]["use"] == "rotary.RotaryEmbedding"
    assert library["forward"] == "return positions"  # untouched


USES = {
    "models: {A: {use: heds.TokenClassification}}": "10:19: the library 'heds' is not among those "
    "used; write 'uses: [heds]'",
    "models: {A: {use: heads.TokenClasification}}": "10:19: the library 'heads' has no model "
    "'TokenClasification'; did you mean 'heads.TokenClassification'?",
    "models: {A: {use: heads.TokenClassification}}": "10:19: 'heads.TokenClassification' needs a "
    "value for its argument 'rate'; write 'args: {rate: ...}'",
    "models: {ForTokenClassification: {args: {rte: 1}}}": "10:42: 'heads.TokenClassification' has "
    "no argument 'rte'; did you mean 'rate'?",
    "models: {ForTokenClassification: {names: {clasifier: score}}}": "10:43: the library's model "
    "has no layer 'clasifier'; did you mean 'classifier'?",
    "models: {ForTokenClassification: {names: {classifier: dropout}}}": "10:55: two layers are "
    "called 'dropout'",
    "models: {ForTokenClassification: {names: {classifier: s}, layers: {s: a, classifier: b}}}": (
        "10:74: the layer 's' stands twice, under its old name and its new one"
    ),
    "models: {ForTokenClassification: {layers: {dropt: null}}}": "10:51: null deletes 'dropt', "
    f"{INHERITED}; {LEAVE}",
    "models: {ForTokenClassification: {use: null, args: null}}": "10:10: the model "
    "'ForTokenClassification' lacks the key 'inputs'\n"
    "10:10: the model 'ForTokenClassification' lacks the key 'forward'\n"
    "10:10: the model 'ForTokenClassification' lacks the key 'returns'",
    "modules: {A: {use: rotary.RotaryEmbedding}}": "10:20: the library 'rotary' is not among those "
    "used; write 'uses: [rotary]'",
    "uses: [heads, rotary]\nmodules: {A: {use: rotary.RotaryEmbeding}}": "11:20: the library "
    "'rotary' has no module 'RotaryEmbeding'; did you mean 'rotary.RotaryEmbedding'?",
    "uses: [heads, rotary]\nmodules: {A: {use: rotary.RotaryEmbedding, layers: {x: null}}}": (
        f"11:56: null deletes 'x', {INHERITED}; {LEAVE}"
    ),
    "uses: [rotary]": "models/roberta.yaml:35:10: the library 'heads' is not among those used; "
    "write 'uses: [heads]'",
    "uses: [heads, rotry]": "10:15: there is no library 'rotry'; did you mean 'rotary'?",
    "uses: [heads, rotary]\nmodules: {RotaryEmbedding: {inputs: {}, forward: x, returns: x}}": (
        "11:11: 'RotaryEmbedding' is already declared by the library 'rotary'; "
        "see library/rotary.yaml:9:3"
    ),
    "uses: [heads, rotary]\nmodules: {rotate_half: {inputs: {}, forward: x, returns: x}}": (
        "11:11: 'rotate_half' is already declared by the library 'rotary'; "
        "see library/rotary.yaml:4:3"
    ),
}


@pytest.mark.parametrize("text", USES)
def test_faults_of_uses(specs, text):
    found = specs.faults("x", child(text))
    assert found == [
        fault if fault.startswith("models/") else f"models/x.yaml:{fault}"
        for fault in USES[text].split("\n")
    ]


def test_the_lookup_table(specs):
    spec = specs.load("x", child("uses: [heads, rotary]\n"))
    kinds = {name: (item.kind, item.library) for name, item in spec.lookup.items()}
    assert kinds == {
        "heads.TokenClassification": ("model", "heads"),
        "rotate_half": ("function", "rotary"),
        "RotaryEmbedding": ("module", "rotary"),
    }
    assert spec.lookup["rotate_half"].location == Location("library/rotary.yaml", 4, 3)


def test_two_libraries_may_only_declare_the_same(specs):
    specs.add("library/again", ROTARY.replace("library: rotary", "library: again"))
    specs.load("x", child("uses: [heads, rotary, again]\n"))
    specs.add(
        "library/again",
        ROTARY.replace("library: rotary", "library: again").replace("return x", "return 2 * x"),
    )
    assert specs.faults("x") == [
        "models/x.yaml:10:23: the libraries 'rotary' and 'again' both declare 'rotate_half'"
    ]


LIBRARY = {
    ("library: rotary", "library: other"): "2:10: a library has its file's name; expected 'rotary'",
    ("    forward: return positions\n", ""): "9:3: the module 'RotaryEmbedding' lacks the key "
    "'forward'",
    ("  RotaryEmbedding:\n", "  RotaryEmbedding:\n    use: rotary.Other\n"): "10:5: a library's "
    "module cannot 'use' another's",
    ("forward: return x", "forward: null"): f"6:14: null deletes 'forward', {INHERITED}; {LEAVE}",
    ("library: rotary", "library: rotary\nuses: [heads]"): "3:1: unknown key 'uses'; expected "
    "triptych, library, summary, config, records, functions, modules, models, interfaces, axes or "
    "init",
}


@pytest.mark.parametrize("change", LIBRARY, ids=lambda change: change[1][:25])
def test_faults_of_a_library(specs, change):
    specs.add("library/rotary", ROTARY.replace(*change))
    found = specs.faults("x", child("uses: [heads, rotary]\n"))
    assert found == [f"library/rotary.yaml:{LIBRARY[change]}"]


def test_the_flat_text_is_the_same_spec(specs):
    texts = [
        CAMEMBERT,
        child("""\
        tokenizer: inherit
        processor: {a: [1, [2, {b: null}]], c: "x: y #z", "1": .inf, d: "tab\\there", e: ["a,b"]}
        uses: [heads, rotary]
        implements: [Encoder]
        models:
          ForTokenClassification: {names: {classifier: score}, layers: {dropout: null}}
          Plain:
            doc: "first line\\n\\n  second line"
            inputs:
              - one_of: {input_ids: "int[b, s]", inputs_embeds: "float[b, s, hidden_size]"}
              - ...
              - {a_rather_long_name: "int[b, s]?", another_rather_long_name: "float[b, s, d]?"}
            forward: "  odd\\n"
            returns: ["a", "null", "12", "true", "b "]
        """),
        ROBERTA,
    ]
    for text in texts:
        spec = specs.load("x", text)
        again = specs.load("y", flat(spec))
        assert again.merged == spec.merged and again.models == spec.models
        assert list(again.config) == list(spec.config)
        assert flat(again) == flat(spec)
        assert "extends" not in again.merged


def test_the_flat_text_reads_well(specs):
    assert flat(specs.load("camembert", CAMEMBERT)) == dedent("""\
        triptych: 1
        name: CamemBERT
        model_type: camembert
        prefix: Camembert
        base: roberta
        summary: RoBERTa trained on French.
        paper: {title: "CamemBERT: a Tasty French Language Model", arxiv: "1911.03894", year: 2019}

        rows:
          - {row: CamemBERT, page: camembert, preset: camembert-base}
        uses: [heads]

        config:
          vocab_size: 50265
          hidden_size: 768
          layer_norm_eps: 1e-12
          classifier_dropout: float? = hidden_dropout_prob
          position_embedding_type:
            default: absolute
            choices: [absolute, relative_key]

        modules:
          Embeddings:
            layers:
              word_embeddings: embedding(vocab_size, hidden_size)
              LayerNorm: layer_norm(hidden_size, eps=layer_norm_eps)
            inputs: {input_ids: "int[b, s]"}
            forward: |
              # the comment stays
              x = word_embeddings(input_ids)
              return LayerNorm(x)
            returns: float[b, s, hidden_size]

        models:
          Model:
            layers: {embeddings: Embeddings()}
            inputs: {input_ids: "int[b, s]"}
            forward: return record(last_hidden_state=embeddings(input_ids))
            returns: {last_hidden_state: "float[b, s, hidden_size]"}
          ForTokenClassification:
            use: heads.TokenClassification
            args: {rate: classifier_dropout}
            base: Model(add_pooling_layer=False)
        init: {linear: normal(0.02), norm: ones}
        roles: {input_embeddings: embeddings.word_embeddings}

        weights:
          - ignore: [position_ids$]

        presets:
          camembert-base: {vocab_size: 32005, bos_token_id: null}
        """)


def test_the_flat_text_of_what_yaml_makes_difficult():
    from triptych.generator.flat import _scalar

    for text in (
        "a: b",
        "a #b",
        "a:",
        "no",
        "null",
        "~",
        "",
        " a",
        "-1",
        "1e5",
        "x\\y",
        '"',
        "a'b",
    ):
        for inline in (True, False):
            shown = _scalar(text, inline)
            wrapped = f"{{k: {shown}}}" if inline else f"k: {shown}"
            assert parse_yaml(wrapped, "x") == {"k": text}


def test_loading_is_fast(specs):
    modules = "".join(
        f"  M{i}:\n    layers: {{a: 'linear(1, {i})'}}\n    inputs: {{x: 'float[b]'}}\n"
        "    forward: |\n      return a(x)\n    returns: like x\n"
        for i in range(20)
    )
    specs.add("models/big", ROBERTA.replace("modules:\n", "modules:\n" + modules))
    specs.load("roberta")
    start = time.perf_counter()
    specs.load("big")
    assert time.perf_counter() - start < 0.25  # 10 ms on a quiet machine
