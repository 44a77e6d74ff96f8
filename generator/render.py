"""From a checked program to the text of its files."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import black
import jinja2

from . import ir
from .forecasts import forecasts
from .generation import generates
from .language.program import Program
from .language.refusals import refusals
from .language.sources import role_path
from .located import Map
from .lower.flax import FlaxWriter
from .lower.module import ModuleWriter
from .lower.pytorch import PyTorchWriter
from .lower.tensorflow import TensorFlowWriter
from .render_config import (
    config_class,
    config_contexts,
    config_expression,
    render_configuration,
    used_names,
)
from .spec import Spec
from .types import Optional, Record, strip_optional

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
    configuration = render_configuration(env, program, source_name(program.spec))
    files = {f"{folder}/configuration_{folder}.py": configuration}
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


# --- models ------------------------------------------------------------------------------------


def render_models(env: jinja2.Environment, program: Program, writer: type[ModuleWriter]) -> str:
    names: dict[str, None] = {}
    functions, modules, models = contexts(program, writer, names)
    program.errors.raise_if_any()
    initializers = initializer_texts(program.spec.init, names)
    rules = rules_text(program.spec, names)
    template = env.get_template(f"{writer.framework}/modeling.py.j2")
    spec, base = program.spec, program.checked.get(program.base_model)
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
        "roles": role_paths(writer(program, base, {}), spec.roles) if base else {},
        "stored_prefix": stored_prefix(program),
    }
    # written once without imports, to see which names it needs
    used = used_names(template.render(**context, imports=[], used=set()))
    return template.render(**context, imports=sort_imports(names, used), used=used)


def check_code(program: Program) -> None:
    """Raises SpecError with what stands in the way of writing code, in any framework."""
    for writer in WRITERS:
        contexts(program, writer, {})
    program.errors.raise_if_any()


def contexts(
    program: Program, writer: type[ModuleWriter], names: dict[str, None]
) -> tuple[list[dict[str, Any]], ...]:
    """What templates say of the functions, modules and models."""
    functions = [
        function_context(writer(program, program.function(name), names))
        for name in program.used_functions
    ]
    modules = [class_context(writer(program, module, names)) for module in program.modules]
    models = [class_context(writer(program, module, names)) for module in program.models]
    return functions, modules, models


def stored_prefix(program: Program) -> str | None:
    """What checkpoints call the base model, where that is not the attribute's name."""
    layers = [layer for model in program.models for layer in model.layers if layer.name == "base"]
    paths = {layer.construct.naming and layer.construct.naming.path for layer in layers}
    return "" if paths == {""} else None


def role_paths(writer: ModuleWriter, roles: Map) -> dict[str, str]:
    """The layers in `roles` by the attributes that lead to them."""
    source = writer.program.source(writer.module.name)
    paths = {role: role_path(source, roles, role) for role in roles}
    return {role: ".".join(writer.attribute_steps(tuple(path))) for role, path in paths.items()}


def model_refusals(writer: ModuleWriter) -> list[str]:
    """The lines of a model's constructor that refuse configurations."""
    program, module = writer.program, writer.module
    section = program.spec.models[module.name].get("refuse", {})
    lines = []
    for item in refusals(program, section, module.config):
        writer.use("refuse")
        arguments = ", ".join(map(repr, (item.reason, *item.fields)))
        lines += [f"if {config_expression(item.condition, 'config')}:"]
        lines += [f"    refuse(config, {arguments})"]
    return lines


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
    # first what reads values that the constructor then keeps
    forward = writer.forward()
    methods = [method_context(writer, method) for method in module.methods]
    stored = writer.stored_tensors()
    checkpoint_names = writer.checkpoint_names()
    context = {
        "name": writer.class_name(module.name),
        "aliases": [writer.class_name(alias) for alias in module.aliases],
        "base": writer.base_class(),
        "doc": module.doc,
        "config": config_class(writer.program, module.config),
        "constructor_arguments": constructor_arguments(module),
        "constructor": writer.constructor(),
        "stored": stored,
        "checkpoint_names": checkpoint_names,
        "names_by_config": any("self." in name for name in checkpoint_names.values()),
        "arguments": writer.arguments(),
        "effects": writer.effect_arguments(),
        "switches": writer.effect_inputs(module) if module.model else [],
        "body": forward,
        "returns": writer.returns_annotation(),
        "shape": str(module.returns),
    }
    if module.model:
        roles = writer.program.spec.models[module.name].get("roles", {})
        context["roles"] = role_paths(writer, roles)
        context["base_prefix"] = own_base_prefix(writer)
        context["own_config"] = module.config != "main"
        context["generates"] = generates(writer.program, module)
        context["forecasts"] = forecasts(writer.program, module)
        context["output"] = writer.record_class()
        context["records"] = record_contexts(writer)
        context["constructor"] = model_refusals(writer) + context["constructor"]
        for method in module.methods:
            if isinstance(method.returns, Record):
                context["records"] += nested_records(writer, method.returns, {})
        context["methods"] = methods
        delegates = writer.state_owner is not None and not writer.calls_base
        context["cache_layout"] = writer.cache_layout() if writer.own_states or delegates else []
    return context


def method_context(writer: ModuleWriter, method: ir.Module) -> dict[str, Any]:
    """A method of a model; what its body reads of the model is kept there."""
    inner = type(writer)(writer.program, method, writer.names)
    inner.kept = writer.kept
    return {**function_context(inner), "shape": str(method.returns)}


def own_base_prefix(writer: ModuleWriter) -> str | None:
    """The attribute that keeps a head's base model, where it is not the usual one."""
    base = next((layer for layer in writer.module.layers if writer.is_base(layer)), None)
    path = ".".join(writer.path_of(base)) if base is not None else writer.program.spec.base
    return None if path == writer.program.spec.base else path


def constructor_arguments(module: ir.Module) -> list[str]:
    texts = []
    for parameter in module.arguments:
        kind = strip_optional(parameter.type)
        text = f"{parameter.name}: {kind.kind}"
        text += " | None" if isinstance(parameter.type, Optional) else ""
        texts.append(text if parameter.default is ... else f"{text} = {parameter.default!r}")
    return texts


def record_contexts(writer: ModuleWriter) -> list[dict[str, Any]]:
    """The class of a model's outputs, after those of records inside it."""
    module = writer.module
    parts = {record: dict(module.scopes)[layer] for layer, record in module.inner}
    added = list(writer.ordered_taps())
    if module.returns_cache:
        added.insert(0, (writer.program.spec.cache, "object"))
    return list(nested_records(writer, module.returns, {**parts, module.name: added}))


def nested_records(writer: ModuleWriter, record: Record, added: dict) -> Iterator[dict[str, Any]]:
    fields = []
    one_per_layer = f"tuple[{writer.tensor_annotation}, ...]"
    for name, kind in record.fields:
        if isinstance(kind, Record):
            yield from nested_records(writer, kind, added)
            annotation, note = writer.class_name(f"{kind.name}Output"), ""
        else:
            annotation, note = writer.annotation(strip_optional(kind), False), str(kind)
        fields.append({"name": name, "annotation": annotation, "note": note})
    for tap in added.get(record.name, ()):
        name, annotation = tap if isinstance(tap, tuple) else (tap, one_per_layer)
        fields.append({"name": name, "annotation": annotation, "note": ""})
    if record.name == writer.module.name:
        order = writer.output_order([field["name"] for field in fields])
        fields.sort(key=lambda field: order.index(field["name"]))
    yield {"name": writer.class_name(f"{record.name}Output"), "fields": fields}


def initializer_texts(init: Map, names: dict[str, None]) -> dict[str, str]:
    """`normal(initializer_range)` -> `normal("initializer_range")`: the runtime reads the field.

    What is computed from fields becomes a function of the configuration.
    """
    texts = {}
    for key, rule in init.items():
        node = ast.parse(rule, mode="eval").body
        function = node if isinstance(node, ast.Name) else node.func
        arguments = [] if isinstance(node, ast.Name) else node.args
        values = [initializer_number(argument) for argument in arguments]
        names.setdefault(function.id)
        texts[key] = f"{function.id}({', '.join(values)})"
    return texts


def initializer_number(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return repr(node.id)
    text = ast.unparse(node)
    if any(isinstance(inner, ast.Name) for inner in ast.walk(node)):
        return f"lambda config: {config_expression(text, 'config')}"
    return text


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
RUNTIME_NAMES = {"Cache", "ModelOutput", "PreTrainedModel", "method"}


def sort_imports(names: dict[str, None], used: set[str]) -> list[str]:
    """What is imported from the runtime: classes first, as isort has it."""
    wanted = (set(names) | RUNTIME_NAMES) & used - FRAMEWORK_NAMES
    return sorted(wanted, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
