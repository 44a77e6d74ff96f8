"""Pages from specs: what an architecture is, how its models are called, what is proven of them.

`spec_facts` reads a checked program into plain data, which is all that pages are made of (and can
be kept in a cache); `Pages` makes the pages, `render_index` the support table, `guides` copies
what was written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from . import quickstart, registry
from .language.program import Program
from .located import plain
from .render_config import config_class
from .table import (
    CLASS_PREFIXES,
    FRAMEWORKS,
    GAP,
    NOT_YET,
    PROVEN,
    TITLES,
    Evidence,
    Row,
    Served,
    Table,
    served_rows,
)
from .types import Config, Optional, Record, Static, Type

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "docs"
PER_LAYER, CACHE = "one per layer", "cache"
# --- facts ---------------------------------------------------------------------------------------


def spec_facts(program: Program) -> dict[str, Any]:
    """What pages and `describe` say of a spec, as plain data."""
    from .render import source_name

    spec = program.spec
    return {
        "name": spec.name,
        "model_type": spec.model_type,
        "folder": spec.folder,
        "prefix": spec.prefix,
        "summary": spec.summary,
        "paper": plain(spec.paper),
        "source": source_name(spec),
        "registry": registry.entries(program),
        "rows": plain(spec.rows),
        "presets": plain(spec.presets),
        "differences": plain(spec.differences),
        "configs": [
            {
                "name": config_class(program, entry),
                "main": entry == "main",
                "fields": [_field_facts(program, f) for f in schema.fields.values() if f.saved],
            }
            for entry, schema in program.configs.items()
            if not schema.interface and not schema.shared
        ],
        "models": [_model_facts(program, model) for model in program.models],
    }


def _field_facts(program: Program, field) -> dict[str, Any]:
    default = repr(field.default)
    if field.subconfig:
        default = f"{config_class(program, field.subconfig)}()"
    elif field.expression:
        default = f"= {field.expression}"
    return {
        "name": field.name,
        "type": type_text(program, field.type),
        "default": default,
        "value": plain(field.default),
        "doc": field.doc,
        "choices": [repr(choice) for choice in field.choices],
        "kinds": _kinds_text(program, field),
        "min": field.min,
        "max": field.max,
        "when_null": None if field.when_null is None else str(field.when_null),
    }


def _kinds_text(program: Program, field) -> list[str]:
    """The kinds of a dictionary, each with the keys that it needs."""
    if field.record is None:
        return []
    keys = program.records[field.record].keys
    needed = {k: [n for n, t in v.items() if not isinstance(t, Optional)] for k, v in keys.items()}
    return [f"{kind} ({', '.join(names)})" if names else kind for kind, names in needed.items()]


def _model_facts(program: Program, model) -> dict[str, Any]:
    prefix = program.spec.prefix
    outputs = _output_facts(model.returns) if isinstance(model.returns, Record) else []
    cache = program.spec.cache
    if model.returns_cache and all(output["name"] != cache for output in outputs):
        outputs.append({"name": cache, "type": CACHE})
    outputs += [{"name": tap, "type": PER_LAYER} for tap in model.shown_taps]
    return {
        "name": model.name,
        "classes": {f: f"{CLASS_PREFIXES[f]}{prefix}{model.name}" for f in FRAMEWORKS},
        "aliases": [f"{prefix}{alias}" for alias in model.aliases],
        "doc": model.doc,
        "generates": program.spec.models[model.name].get("generates") is not None,
        "forecasts": program.spec.models[model.name].get("forecasts") is not None,
        "arguments": [
            {"name": a.name, "type": type_text(program, a.type), "default": _default(a)}
            for a in model.arguments
        ],
        "inputs": [
            {
                "name": f"{i.mapping}.{i.entry}" if i.mapping else i.name,
                "type": _shape(i.type),
                "one_of": i.one_of,
                "group": i.group,
                "unless": i.unless,
                "required": i.default is ... and not i.one_of,
                "default": _default(i),
                "array": None if i.mapping else quickstart.array_of(i.type),
            }
            for i in model.inputs
        ],
        "outputs": outputs,
        "record": isinstance(model.returns, Record),
        "methods": [_method_facts(method) for method in model.methods],
    }


def _output_facts(record: Record, prefix: str = "") -> list[dict[str, str]]:
    """Outputs by name; those of a record inside with its own before them."""
    found = []
    for name, kind in record.fields:
        if isinstance(kind, Record):
            found += _output_facts(kind, f"{prefix}{name}.")
        else:
            found.append({"name": f"{prefix}{name}", "type": _shape(kind)})
    return found


def _method_facts(method) -> dict[str, Any]:
    inputs = (f"{i.name}: {_shape(i.type)}" for i in method.inputs)
    text = f"{method.name}({', '.join(inputs)})"
    return {"text": text, "doc": method.doc, "result": _shape(method.returns)}


def _shape(kind: Type) -> str:
    """A type for the reader; sizes that have no name are numbered inside the compiler only."""
    return re.sub(r"\?\d+", "?", str(kind)).removeprefix("static ")


def _default(parameter) -> str | None:
    return None if parameter.default is ... else repr(parameter.default)


def type_text(program: Program, kind: Type) -> str:
    """A configuration field's type as specs write it."""
    if isinstance(kind, Optional):
        return f"{type_text(program, kind.inner)}?"
    if isinstance(kind, Config):
        return config_class(program, kind.name)
    if isinstance(kind, Static):
        known = kind.kind == "list" and kind.element and str(kind.element) != "static any"
        return f"list<{type_text(program, kind.element)}>" if known else kind.kind
    return str(kind)


# --- text --------------------------------------------------------------------------------------

_SPECIAL = re.compile(r"[\\*_\[\]#|~$!]")
_SPAN = re.compile(r"(`[^`]+`)")


def markdown(text: object) -> str:
    """A user's text as one line of Markdown, where only `code` has a meaning."""
    parts = _SPAN.split(" ".join(str(text).split()))
    line = "".join(code(part[1:-1]) if i % 2 else _escaped(part) for i, part in enumerate(parts))
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", line)  # no list, rule or heading


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda match: "\\" + match[0], text.replace("`", "&#96;"))


def code(text: object) -> str:
    """A user's text as a span of code, also inside a table."""
    plain_text = " ".join(str(text).split()).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", plain_text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest and plain_text.startswith("`") or plain_text.endswith("`") else ""
    return f"{fence}{space}{plain_text or ' '}{space}{fence}"


def number(value: object) -> str:
    """A measured number; evidence may hold anything."""
    return f"{value:.1e}" if isinstance(value, float) else "-"


def environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown: every text of a user goes through `md` or `code`
    )
    env.filters.update(md=markdown, code=code, number=number)
    env.globals.update(titles=TITLES, frameworks=FRAMEWORKS, per_layer=PER_LAYER, cache=CACHE)
    return env


# --- pages -------------------------------------------------------------------------------------


class Pages:
    """Makes the pages of rows; one that serves several rows has a part for each."""

    def __init__(self, rows: Mapping[str, Row], evidence: Evidence):
        self.rows, self.evidence = rows, evidence
        self.env = environment()
        self.template = self.env.get_template("model.md.j2")
        self.meanings = yaml.safe_load((TEMPLATES / "meanings.yaml").read_text(encoding="utf-8"))

    def render(self, specs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """docs/model_doc/<page>.md of every row that a spec serves."""
        specs = {spec["name"]: spec for spec in specs}
        pages: dict[str, list[Served]] = {}
        for entries in served_rows(specs.values()).values():
            for entry in entries:
                pages.setdefault(entry.page, []).append(entry)
        files = {}
        for page, entries in sorted(pages.items()):
            sources = ", ".join(dict.fromkeys(sorted(entry.source for entry in entries)))
            parts = [f"<!-- Generated by Triptych from {sources}; do not edit. -->\n"]
            ordered = sorted(entries, key=lambda e: (e.row.casefold(), e.row, e.spec))
            parts += [self.part(specs[entry.spec], entry) for entry in ordered]
            files[f"docs/model_doc/{page}.md"] = "\n".join(parts)
        return files

    def part(self, spec: Mapping[str, Any], entry: Served) -> str:
        models = [m for m in spec["models"] if entry.serves(m["classes"]["pytorch"])]
        evidence = self.evidence_rows(entry, models)
        return self.template.render(
            spec=spec,
            row=entry,
            shared=self.rows[entry.row].code_of if entry.row in self.rows else None,
            models=models,
            base=models[0]["inputs"] if models else [],
            meanings=self.meanings,
            examples=quickstart.examples(spec, models, entry.preset),
            call=quickstart.config_call(spec, entry.preset),
            presets=quickstart.preset_calls(spec),
            evidence=evidence,
            measured=any(line["state"] != NOT_YET for line in evidence),
        )

    def evidence_rows(self, entry: Served, models: Sequence[Mapping[str, Any]]) -> list[dict]:
        """Class x framework x form, worst case first seen; what is not current shows no numbers."""
        facts = self.rows.get(entry.row)
        names = facts.classes["pytorch"] if facts else [m["classes"]["pytorch"] for m in models]
        lines = []
        for name in names:
            for framework in FRAMEWORKS:
                state = NOT_YET
                if entry.serves(name):
                    state = self.evidence.status(entry.folder, name, framework)
                line = {"class": f"{CLASS_PREFIXES[framework]}{name}", "framework": framework}
                line |= {
                    "state": state,
                    "form": "-",
                    "cases": "-",
                    "error": None,
                    "tolerance": None,
                }
                forms = self._forms(entry.folder, name, framework) if state != NOT_YET else []
                lines += [line | form for form in forms] or [line]
        return lines

    def _forms(self, folder: str, name: str, framework: str) -> list[dict[str, Any]]:
        forms: dict[str, list[dict[str, Any]]] = {}
        for item in self.evidence.entries(folder):
            if (item["class"], item["framework"]) == (name, framework):
                forms.setdefault(str(item["form"]), []).append(item)
        return [
            {"form": form, "cases": len(items)} | _worst(items)
            for form, items in sorted(forms.items())
        ]


def _worst(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def share(item) -> float:
        try:
            return float(item["error"]) / float(item["tolerance"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return 0.0

    worst = max(items, key=share)
    return {"error": worst.get("error"), "tolerance": worst.get("tolerance")}


def render_index(table: Table) -> str:
    """docs/index.md."""
    template = environment().get_template("index.md.j2")
    titles = {Path(path).name: _title(text) for path, text in guides().items()}
    counts = table.counts()
    return template.render(table=table, counts=counts, proven=PROVEN, gap=GAP, guides=titles)


def guides() -> dict[str, str]:
    """docs/<name>.md of every guide in templates/docs: its text as it is, below a first line."""
    return {
        f"docs/{path.name}": "<!-- Generated by Triptych from "
        f"templates/docs/{path.name}; do not edit. -->\n{path.read_text(encoding='utf-8')}"
        for path in sorted(TEMPLATES.glob("*.md"))
    }


def _title(guide: str) -> str:
    """The first heading of a guide."""
    return re.search(r"^# (.+)$", guide, re.MULTILINE)[1]


README = """\
<!-- Generated by Triptych from specs/; do not edit. -->
Everything here was generated by `triptych generate` from `specs/`; edit the specs, not these files.
What is supported, and how it was measured: [docs/index.md](docs/index.md).
"""
