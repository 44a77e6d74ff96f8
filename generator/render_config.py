"""From a checked program to the text of its configuration classes."""

from __future__ import annotations

import ast
import re
from typing import Any

import jinja2

from . import ir
from .configs import ConfigSchema, Field
from .language.builtins import MATH
from .language.program import Program
from .language.refusals import refusals
from .lower import trees
from .lower.module import is_open_part
from .types import Config, Optional, Static, Type, strip_optional


def render_configuration(env: jinja2.Environment, program: Program, source: str) -> str:
    """The file of a spec's configuration classes."""
    template = env.get_template("config/configuration.py.j2")
    context = {
        "spec": program.spec,
        "source": source,
        "records": record_contexts(program),
        "configs": config_contexts(program),
    }
    used = used_names(template.render(**context, imports=[], used=set()))
    names = (
        "BackboneConfig", "CompositeConfig", "Kinds", "PretrainedConfig", "field", "refuse",
        "require_choice", "stages",
    )  # fmt: skip
    imports = [name for name in names if name in used]
    return template.render(**context, imports=imports, used=used)


def record_contexts(program: Program) -> list[dict[str, Any]]:
    """The records that fields have, as constants."""
    schemas = program.configs.values()
    used = {field.record: None for schema in schemas for field in schema.fields.values()}
    return [
        {
            "name": constant(record.name),
            "names": record.names,
            "kinds": {
                kind: {key: python_type(program, wanted) for key, wanted in keys.items()}
                for kind, keys in record.keys.items()
            },
        }
        for record in program.records.values()
        if record.name in used
    ]


def constant(name: str) -> str:
    """RopeScaling -> ROPE_SCALING."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def config_contexts(program: Program) -> list[dict[str, Any]]:
    """Sub-configurations first."""
    schemas = program.configs.values()
    own = [schema for schema in schemas if not schema.interface and not schema.shared]
    schemas = sorted(own, key=lambda schema: schema.entry == "main")
    return [config_context(program, schema) for schema in schemas]


def config_class(program: Program, entry: str) -> str:
    """The class of a configuration; of those that a module may have, all."""
    if shared := program.configs[entry].shared:
        return " | ".join(config_class(program, part) for part in shared)
    infix = "" if entry == "main" else entry.title().replace("_", "")
    return f"{program.spec.prefix}{infix}Config"


def config_context(program: Program, schema: ConfigSchema) -> dict[str, Any]:
    own = schema.model_type  # parts that are no models of their own may have an empty one
    model_type = program.spec.model_type if own is None else own
    depths = stack_fields(program)
    fields = [
        field_context(program, field, depths)
        for field in schema.fields.values()
        # names of stages are declared by the base
        if field.saved and not field.unlisted and field.name != "stage_names"
    ]
    completions = [
        {
            "name": field.name,
            "value": config_expression(field.expression),
            "always": field.derived,
        }
        for field in schema.fields.values()
        if field.expression and field.saved
    ]
    properties = [
        {
            "name": field.name,
            "annotation": python_type(program, field.type),
            "value": config_expression(field.expression),
            "doc": field.doc,
        }
        for field in schema.fields.values()
        if not field.saved
    ]
    return {
        "name": config_class(program, schema.entry),
        "model_type": model_type,
        "fields": fields,
        "completions": completions,
        "properties": properties,
        "aliases": {old: f.name for f in schema.fields.values() for old in f.legacy},
        "labels": schema.labels,
        "always_saved": tuple(f.name for f in schema.fields.values() if f.always_saved),
        "divisions": divisions(program, schema),
        "choices": {
            field.name: tuple(field.choices)
            for field in schema.fields.values()
            if field.unlisted and field.choices
        },
        "refusals": refusal_contexts(program, schema),
        "base": config_base(program, schema),
    }


def refusal_contexts(program: Program, schema: ConfigSchema) -> list[dict[str, Any]]:
    """What the configuration class refuses."""
    if schema.entry != program.main_entry:
        return []
    return [
        {
            "condition": config_expression(item.condition),
            "arguments": ", ".join(map(repr, (item.reason, *item.fields))),
        }
        for item in refusals(program, program.spec.refuse, schema.entry)
    ]


def config_base(program: Program, schema: ConfigSchema) -> str:
    """What a configuration class derives from."""
    if schema.is_backbone:
        return "BackboneConfig"
    parts = any(is_open_part(program, field) for field in schema.fields.values())
    return "CompositeConfig" if parts else "PretrainedConfig"


MAX_DEPTH = 10_000  # layers of one stack: a hostile config.json must not ask for more


def stack_fields(program: Program) -> set[str]:
    """Fields that say how many layers a stack has."""
    counts = [
        layer.loop[1].arguments[-1]
        for module in [*program.modules, *program.models]
        for layer in module.layers
        if layer.loop and isinstance(layer.loop[1], ir.PythonCall)
    ]
    return {count.path[-1] for count in counts if isinstance(count, ir.ConfigField)}


def field_context(program: Program, field: Field, depths: set[str]) -> dict[str, Any]:
    annotation = python_type(program, field.type)
    if annotation == "PretrainedConfig" and field.default is None:
        annotation += " | None"
    if field.expression:
        annotation += " | None"
    limits = {"min": field.min, "max": field.max}
    if field.name in depths:
        limits = {"min": field.min or 0, "max": field.max or MAX_DEPTH}
    options = [f"{name}={value!r}" for name, value in limits.items() if value is not None]
    if field.choices:
        options.append(f"choices={tuple(field.choices)!r}")
    if field.record:
        options.append(f"kinds={constant(field.record)}")
    if field.doc:
        options.append(f"doc={field.doc!r}")
    default = repr(field.default)
    mutable = isinstance(field.default, (list, dict)) or field.subconfig
    if options or mutable:
        default = f"field({', '.join([default, *options])})"
    return {"name": field.name, "annotation": annotation, "default": default, "doc": field.doc}


def python_type(program: Program, kind: Type) -> str:
    if isinstance(kind, Optional):
        return f"{python_type(program, kind.inner)} | None"
    if isinstance(kind, Config):
        any_model = program.configs[kind.name].interface
        return "PretrainedConfig" if any_model else config_class(program, kind.name)
    if isinstance(kind, Static):
        if kind.kind == "list":
            element = strip_optional(kind.element) if kind.element else None
            known = isinstance(element, Static) and element.kind not in ("any", "none")
            return f"list[{element.kind}]" if known else "list"
        return {"pair": "int | list[int]", "any": "object", "none": "object"}.get(
            kind.kind, kind.kind
        )
    return "object"


def config_expression(text: str, owner: str = "self") -> str:
    """An expression over fields, with the configuration's name before each."""

    class Prefix(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.expr:
            if isinstance(node.func, ast.Name) and node.func.id == "exact":
                left, right = map(self.visit, node.args)
                return ast.BinOp(left, ast.FloorDiv(), right)
            if isinstance(node.func, ast.Name) and node.func.id in MATH:
                node.func = trees.attribute(trees.name("math"), node.func.id)
            elif isinstance(node.func, ast.Attribute):  # a method of a field
                node.func = self.visit(node.func)
            node.args = [self.visit(argument) for argument in node.args]
            return node

        def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
            targets = [n for part in node.generators for n in ast.walk(part.target)]
            loops.update(n.id for n in targets if isinstance(n, ast.Name))
            return self.generic_visit(node)

        def visit_Name(self, node: ast.Name) -> ast.expr:
            return node if node.id in loops else trees.attribute(trees.name(owner), node.id)

    loops: set[str] = set()  # variables of comprehensions, which are no fields
    return trees.text(Prefix().visit(ast.parse(text, mode="eval").body))


def divisions(program: Program, schema: ConfigSchema) -> list[dict[str, str]]:
    """What `exact(a, b)` demands of two fields, whatever the others are: checked when a
    configuration is built."""
    found: dict[tuple[str, str], None] = {}
    built = program.always_built()
    for module in [*program.modules, *program.models]:
        if module.name not in built:
            continue
        if schema.entry not in (module.config, *program.configs[module.config].shared):
            continue
        for node in ir.walk(module, certain=True):
            if isinstance(node, ir.PythonCall) and node.function == "exact":
                left, right = node.arguments
                fields = [side for side in (left, right) if isinstance(side, ir.ConfigField)]
                if len(fields) == 2 and all(len(side.path) == 1 for side in fields):
                    found.setdefault((left.path[0], right.path[0]))
    return [{"left": left, "right": right} for left, right in found]


def used_names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
