"""From a checked program to the text of its files."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import black
import jinja2

from . import ir
from .configs import ConfigSchema, Field
from .language.program import Program
from .lower import trees
from .lower.flax import FlaxWriter
from .lower.module import ModuleWriter
from .lower.pytorch import PyTorchWriter
from .lower.tensorflow import TensorFlowWriter
from .spec import Spec
from .types import Config, Optional, Static, Type, strip_optional
from .yaml_loader import Map

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
WRITERS: tuple[type[ModuleWriter], ...] = (PyTorchWriter, TensorFlowWriter, FlaxWriter)
LINE_LENGTH = 100
MODE = black.Mode(line_length=LINE_LENGTH, target_versions={black.TargetVersion.PY311})


def environment(folder: Path = TEMPLATES) -> jinja2.Environment:
    """Templates are skeletons of our own; every user's text goes through `literal` or `prose`."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Python source, not HTML
    )
    env.filters["literal"] = repr
    env.filters["prose"] = prose
    env.filters["body"] = lambda lines, depth=2: textwrap.indent("\n".join(lines), "    " * depth)
    return env


def prose(text: str, width: int = 92, indent: int = 4) -> str:
    """User text inside a docstring: wrapped, without anything that could end it."""
    plain = " ".join(str(text).split()).replace("\\", "\\\\").replace('"""', "'''")
    return textwrap.fill(plain, width, subsequent_indent=" " * indent)


def render_program(
    program: Program,
    package: str = "triptych.models",
    formatter: Callable[[str], str] | None = None,
) -> dict[str, str]:
    """Every file of one spec, by path relative to the output folder."""
    env = environment()
    folder = program.spec.folder
    files = {f"{folder}/configuration_{folder}.py": render_configuration(env, program)}
    for writer in WRITERS:
        path = f"{folder}/modeling_{writer.file_infix}{folder}.py"
        files[path] = render_models(env, program, writer)
    files[f"{folder}/__init__.py"] = render_package(env, program)
    return {path: (formatter or format_source)(text) for path, text in files.items()}


def format_source(text: str) -> str:
    return black.format_str(text, mode=MODE)


def render_package(env: jinja2.Environment, program: Program) -> str:
    spec = program.spec
    exports = {f"configuration_{spec.folder}": [c["name"] for c in config_contexts(program)]}
    for writer in WRITERS:
        names = [n for model in program.models for n in public_names(program, model, writer)]
        exports[f"modeling_{writer.file_infix}{spec.folder}"] = [
            f"{writer.class_prefix}{spec.prefix}PreTrainedModel",
            *names,
        ]
    template = env.get_template("config/package.py.j2")
    return template.render(spec=spec, source=source_name(spec), exports=exports)


def public_names(program: Program, model: ir.Module, writer: type[ModuleWriter]) -> list[str]:
    prefix = f"{writer.class_prefix}{program.spec.prefix}"
    return [f"{prefix}{name}" for name in (model.name, *model.aliases)]


def source_name(spec: Spec) -> str:
    """The spec's path as it is shown in generated files: the same on every machine."""
    *folders, name = spec.path.resolve().parts
    if "specs" not in folders:
        return name
    last = len(folders) - 1 - folders[::-1].index("specs")
    return "/".join([*folders[last:], name])


# --- configuration -----------------------------------------------------------------------------


def render_configuration(env: jinja2.Environment, program: Program) -> str:
    template = env.get_template("config/configuration.py.j2")
    context = {
        "spec": program.spec,
        "source": source_name(program.spec),
        "configs": config_contexts(program),
    }
    used = used_names(template.render(**context, imports=[]))
    names = ("BackboneConfig", "PretrainedConfig", "field", "stages")
    return template.render(**context, imports=[name for name in names if name in used])


def used_names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def config_contexts(program: Program) -> list[dict[str, Any]]:
    """Sub-configurations first."""
    own = [schema for schema in program.configs.values() if not schema.interface]
    schemas = sorted(own, key=lambda schema: schema.entry == "main")
    return [config_context(program, schema) for schema in schemas]


def config_class(program: Program, entry: str) -> str:
    infix = "" if entry == "main" else entry.title().replace("_", "")
    return f"{program.spec.prefix}{infix}Config"


def config_context(program: Program, schema: ConfigSchema) -> dict[str, Any]:
    model_type = schema.model_type or program.spec.model_type
    depths = stack_fields(program)
    fields = [
        field_context(program, field, depths)
        for field in schema.fields.values()
        if not field.unlisted and field.name != "stage_names"  # declared by the base
    ]
    completions = [
        {
            "name": field.name,
            "value": config_expression(field.expression),
            "always": field.derived,
        }
        for field in schema.fields.values()
        if field.expression
    ]
    return {
        "name": config_class(program, schema.entry),
        "model_type": model_type,
        "fields": fields,
        "completions": completions,
        "aliases": {old: f.name for f in schema.fields.values() for old in f.legacy},
        "divisions": divisions(program, schema),
        "base": "BackboneConfig" if schema.is_backbone else "PretrainedConfig",
    }


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
    if field.expression:
        annotation += " | None"
    limits = {"min": field.min, "max": field.max}
    if field.name in depths:
        limits = {"min": field.min or 0, "max": field.max or MAX_DEPTH}
    options = [f"{name}={value!r}" for name, value in limits.items() if value is not None]
    if field.choices:
        options.append(f"choices={tuple(field.choices)!r}")
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
        return "PretrainedConfig | None" if any_model else config_class(program, kind.name)
    if isinstance(kind, Static):
        if kind.kind == "list":
            element = strip_optional(kind.element) if kind.element else None
            known = isinstance(element, Static) and element.kind not in ("any", "none")
            return f"list[{element.kind}]" if known else "list"
        return {"pair": "int | list[int]", "any": "object", "none": "object"}.get(
            kind.kind, kind.kind
        )
    return "object"


def config_expression(text: str) -> str:
    """An expression over fields, with `self.` before each."""

    class Prefix(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.expr:
            if isinstance(node.func, ast.Name) and node.func.id == "exact":
                left, right = map(self.visit, node.args)
                return ast.BinOp(left, ast.FloorDiv(), right)
            node.args = [self.visit(argument) for argument in node.args]
            return node

        def visit_Name(self, node: ast.Name) -> ast.expr:
            return trees.attribute(trees.name("self"), node.id)

    return trees.text(Prefix().visit(ast.parse(text, mode="eval").body))


def divisions(program: Program, schema: ConfigSchema) -> list[dict[str, str]]:
    """What `exact(a, b)` demands of two fields: checked when a configuration is built."""
    found: dict[tuple[str, str], None] = {}
    for module in [*program.modules, *program.models]:
        if module.config != schema.entry:
            continue
        for node in walk(module):
            if isinstance(node, ir.PythonCall) and node.function == "exact":
                left, right = node.arguments
                fields = [side for side in (left, right) if isinstance(side, ir.ConfigField)]
                if len(fields) == 2 and all(len(side.path) == 1 for side in fields):
                    found.setdefault((left.path[0], right.path[0]))
    return [{"left": left, "right": right} for left, right in found]


def walk(node):
    """Every node of IR below one."""
    if isinstance(node, (tuple, list)):
        for item in node:
            yield from walk(item)
    elif isinstance(
        node, (ir.Expr, ir.Statement, ir.Module, ir.LayerDeclaration, ir.StateDeclaration)
    ):
        yield node
        for name in node.__dataclass_fields__:
            if name not in ("type", "location", "definition", "op"):
                yield from walk(getattr(node, name))


# --- models ------------------------------------------------------------------------------------


def render_models(env: jinja2.Environment, program: Program, writer: type[ModuleWriter]) -> str:
    names: dict[str, None] = {}
    functions = [
        function_context(writer(program, program.function(name), names))
        for name in program.used_functions
    ]
    modules = [class_context(writer(program, module, names)) for module in program.modules]
    models = [class_context(writer(program, module, names)) for module in program.models]
    initializers = initializer_texts(program.spec.init, names)
    rules = rules_text(program.spec, names)
    template = env.get_template(f"{writer.framework}/modeling.py.j2")
    spec = program.spec
    context = {
        "spec": spec,
        "source": source_name(spec),
        "prefix": f"{writer.class_prefix}{spec.prefix}",
        "config_class": config_class(program, "main"),
        "config_classes": [context["name"] for context in config_contexts(program)],
        "functions": functions,
        "modules": modules,
        "models": models,
        "initializers": initializers,
        "rules": rules,
        "roles": dict(spec.roles),
    }
    # written once without imports, to see which names it needs
    used = used_names(template.render(**context, imports=[], used=set()))
    return template.render(**context, imports=sort_imports(names, used), used=used)


def function_context(writer: ModuleWriter) -> dict[str, Any]:
    return {
        "name": writer.node.name,
        "doc": writer.node.doc,
        "body": writer.forward(),
        "arguments": writer.arguments(),
        "returns": writer.returns_annotation(),
    }


def class_context(writer: ModuleWriter) -> dict[str, Any]:
    module = writer.module
    forward = writer.forward()
    stored = writer.stored_tensors()
    context = {
        "name": writer.class_name(module.name),
        "aliases": [writer.class_name(alias) for alias in module.aliases],
        "base": writer.base_class(),
        "doc": module.doc,
        "config": config_class(writer.program, module.config),
        "constructor_arguments": constructor_arguments(module),
        "constructor": writer.constructor(),
        "stored": stored,
        "checkpoint_names": writer.checkpoint_names(),
        "arguments": writer.arguments(),
        "effects": writer.effect_arguments(),
        "switches": writer.effect_inputs(module) if module.model else [],
        "body": forward,
        "returns": writer.returns_annotation(),
        "shape": str(module.returns),
    }
    if module.model:
        context["output"] = writer.record_class()
        context["fields"] = output_fields(writer)
        context["cache_layout"] = writer.cache_layout() if writer.own_states else []
    return context


def constructor_arguments(module: ir.Module) -> list[str]:
    texts = []
    for parameter in module.arguments:
        kind = strip_optional(parameter.type)
        text = f"{parameter.name}: {kind.kind}"
        text += " | None" if isinstance(parameter.type, Optional) else ""
        texts.append(text if parameter.default is ... else f"{text} = {parameter.default!r}")
    return texts


def output_fields(writer: ModuleWriter) -> list[dict[str, str]]:
    module = writer.module
    fields = [{"name": name, "shape": str(kind)} for name, kind in module.returns.fields]
    if module.returns_cache:
        fields.append({"name": "past_key_values", "shape": "cache"})
    return fields + [{"name": tap, "shape": "one per layer"} for tap in writer.ordered_taps()]


def initializer_texts(init: Map, names: dict[str, None]) -> dict[str, str]:
    """`normal(initializer_range)` -> `normal("initializer_range")`: the runtime reads the field."""
    texts = {}
    for key, rule in init.items():
        node = ast.parse(rule, mode="eval").body
        function = node if isinstance(node, ast.Name) else node.func
        arguments = [] if isinstance(node, ast.Name) else node.args
        values = [repr(a.id) if isinstance(a, ast.Name) else ast.unparse(a) for a in arguments]
        names.setdefault(function.id)
        texts[key] = f"{function.id}({', '.join(values)})"
    return texts


def rules_text(spec: Spec, names: dict[str, None]) -> str | None:
    """Old names of the spec's `weights`, in order."""
    renames, ignored = [], []
    for rule in spec.weights:
        renames += list(rule.get("rename", {}).items())
        ignored += list(rule.get("ignore", ()))
    if not renames and not ignored:
        return None
    names.setdefault("Rules")
    parts = [f"rename={tuple(renames)!r}"] if renames else []
    return f"Rules({', '.join(parts + ([f'ignore={tuple(ignored)!r}'] if ignored else []))})"


FRAMEWORK_NAMES = {
    "math",
    "transforms",
    "torch",
    "nn",
    "F",
    "Tensor",
    "tf",
    "jax",
    "jnp",
    "nnx",
    "np",
}
RUNTIME_NAMES = {"Cache", "ModelOutput", "PreTrainedModel"}


def sort_imports(names: dict[str, None], used: set[str]) -> list[str]:
    """What is imported from the runtime: classes first, as isort has it."""
    wanted = (set(names) | RUNTIME_NAMES) & used - FRAMEWORK_NAMES
    return sorted(wanted, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
