"""What a result depends on, definition by definition: a new kernel does not touch old models.

A *place* is a file and a top-level name in it, or a whole file (name None). From a definition the
way leads to the names that it mentions, and through imports to other files of the package; from
every file that is reached at all, also to its statements that are no definitions, and to decorated
definitions, because importing runs them. Comments, docstrings and the annotations of functions do
not count; nor does what gives a model its `generate`, which has no part in its calls.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .remembered import Computed, Remembered

Place = tuple[Path, str | None]
Name = tuple[str, ...]

PURE_DECORATORS = ("cache", "cached_property", "contextmanager", "dataclass", "lru_cache")
GENERATION = ("generation.mixin", "generation.forecasts")  # modules of what gives `generate`:
GENERATES = ("GenerationMixin", "ForecastMixin")  # base classes
DECODING, FORECASTING = "decoding", "forecasting"  # and what models say for them
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Definition:
    """A top-level statement: its text and the names it mentions, or where it is imported from."""

    text: str
    mentions: frozenset[str]
    source: tuple[Name, str] | None = None  # (module, name) of an import

    def as_json(self) -> list:
        """For `from_json`."""
        return [self.text, sorted(self.mentions), self.source]

    @classmethod
    def from_json(cls, data: list) -> Definition:
        text, mentions, source = data
        return cls(text, frozenset(mentions), source and (tuple(source[0]), source[1]))


@dataclass
class Module:
    """A file: definitions by name, and what is run whenever it is imported."""

    definitions: dict[str, Definition] = field(default_factory=dict)
    always: list[Definition] = field(default_factory=list)
    whole: str = ""

    def as_json(self) -> list:
        """For `from_json`."""
        named = {name: one.as_json() for name, one in self.definitions.items()}
        return [named, [one.as_json() for one in self.always], self.whole]

    @classmethod
    def from_json(cls, data: list) -> Module:
        named, always, whole = data
        definitions = {name: Definition.from_json(one) for name, one in named.items()}
        return cls(definitions, [Definition.from_json(one) for one in always], whole)


class Dependencies:
    """Closures within one import package, as its files are when they are first looked at.

    `folders`: {subpackage or "": its folder}; `memory` keeps what is said of files that are not in
    a subpackage.
    """

    def __init__(self, package: str, folders: Mapping[str, Path], memory: Remembered | None = None):
        self.package, self.folders = package, dict(folders)
        self.memory = memory or Remembered()
        self._modules: dict[Path, Module] = {}
        self._nexts: dict[Place, tuple[Place, ...]] = {}
        self._digests: dict[Place, str] = {}

    def closure(self, roots: Iterable[Path]) -> set[Place]:
        """Every place that some whole files lead to, with those files."""
        found: set[Place] = set()
        pending: list[Place] = [(path, None) for path in roots]
        while pending:
            place = pending.pop()
            if place not in found:
                found.add(place)
                if place not in self._nexts:
                    self._nexts[place] = tuple(self._next(place))
                pending.extend(self._nexts[place])
        return found

    def digest(self, place: Place) -> str:
        """The hash of a place's text; of a definition, with what its file always runs."""
        if place not in self._digests:
            path, name = place
            module = self.module(path)
            texts = [one.text for one in module.always] if name else [module.whole]
            texts += [module.definitions[name].text] if name else []
            self._digests[place] = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        return self._digests[place]

    def module(self, path: Path) -> Module:
        """A parsed file."""
        if path not in self._modules:
            own = self._own_package(path)
            if own and own[0] in self.folders:  # one of very many
                found = _module(path, stamp(path), own, self.package)
            else:
                known = self.memory.get(f"module {path}", lambda: self._described(path, own))
                found = Module.from_json(known)
            self._modules[path] = found
        return self._modules[path]

    def _described(self, path: Path, own: Name | None) -> Computed:
        return _module(path, stamp(path), own, self.package).as_json(), [path, Path(__file__)]

    def _next(self, place: Place) -> Iterator[Place]:
        path, name = place
        module = self.module(path)
        if name is None:
            for other in module.definitions.values():
                if other.source is not None:
                    yield from self._imported(*other.source)
            return
        own = module.definitions[name]
        if own.source is not None:
            yield from self._imported(*own.source)
        mentioned = own.mentions.union(*(statement.mentions for statement in module.always))
        for other in mentioned & module.definitions.keys():
            yield path, other
        if path.name == "__init__.py":
            # modules that a package imports as a whole are there for what they do
            here = self._own_package(path)
            sources = [definition.source for definition in module.definitions.values()]
            whole = [self._file((*here, one[1])) for one in sources if one and one[0] == here]
            yield from ((file, None) for file in whole if file is not None)

    def _imported(self, base: Name, name: str) -> Iterator[Place]:
        """What `from base import name` leads to: what the module defines goes before its parts."""
        path = self._file(base)
        definition = self.module(path).definitions.get(name) if path is not None else None
        if definition is not None and definition.source != (base, name):
            yield path, name
        elif (whole := self._file((*base, name))) is not None:
            yield whole, None
        elif path is not None:
            yield path, None

    def _file(self, name: Name) -> Path | None:
        """The file of a dotted name below the package, if it is a module or a package."""
        prefix = name[0] if name and name[0] in self.folders else ""
        place = self.folders[prefix].joinpath(*name[1:] if prefix else name)
        both = (place.parent / f"{place.name}.py", place / "__init__.py")
        return next((path for path in both if path.is_file()), None)

    def _own_package(self, path: Path) -> Name | None:
        """The package a file is in, below the whole one; None for what is not in it."""
        for prefix in sorted(self.folders, reverse=True):
            if path.is_relative_to(self.folders[prefix]):
                parts = path.relative_to(self.folders[prefix]).parts[:-1]
                return (prefix, *parts) if prefix else parts
        return None


def stamp(path: Path) -> tuple[int, int]:
    """What changes with a file."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@cache
def _module(path: Path, stamp: tuple, own: Name | None, package: str) -> Module:
    text = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    _blank_comments(text, lines)
    for node in ast.walk(tree):
        _blank_docstring(node, lines)
    _leave_generation_out(tree, lines)
    module = Module(whole=_text(lines, 1, len(lines)))
    for node in tree.body:
        if isinstance(node, IMPORTS):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        statement = Definition(_text(lines, first, node.end_lineno), _mentions(node))
        names = _defined(node)
        for name in names:
            module.definitions[name] = statement
        if not names or _is_registered(node):
            module.always.append(statement)
    for node in ast.walk(tree):
        if isinstance(node, IMPORTS):
            module.definitions |= dict(_imports(node, own, package))
    return module


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [n for target in targets for n in ast.walk(target)]
        if all(isinstance(n, (ast.Name, ast.Tuple, ast.Store)) for n in names):
            return [n.id for n in names if isinstance(n, ast.Name)]
    return []


def _is_registered(node: ast.stmt) -> bool:
    """Whether a decorator may have made the definition known elsewhere."""
    for decorator in getattr(node, "decorator_list", ()):
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
        if name not in PURE_DECORATORS:
            return True
    return False


def _mentions(node: ast.stmt) -> frozenset[str]:
    names, pending = set(), [node]
    while pending:
        item = pending.pop()
        if isinstance(item, ast.Name):
            names.add(item.id)
        elif isinstance(item, IMPORTS):
            names |= {alias.asname or alias.name for alias in item.names}
        elif isinstance(item, FUNCTIONS):
            pending += [*item.decorator_list, *item.args.defaults, *item.body]
            pending += [default for default in item.args.kw_defaults if default is not None]
        else:
            pending += ast.iter_child_nodes(item)
    return frozenset(names)


def _imports(
    node: ast.Import | ast.ImportFrom, own: Name | None, package: str
) -> Iterator[tuple[str, Definition]]:
    """The names that an import gives; those from elsewhere count with how they are imported."""
    module = tuple(node.module.split(".")) if getattr(node, "module", None) else ()
    level = getattr(node, "level", 0)
    for alias in node.names:
        bound = alias.asname or alias.name
        if isinstance(node, ast.Import):
            parts = tuple(alias.name.split("."))
            source = (parts[1:-1], parts[-1]) if parts[0] == package and parts[1:] else None
        elif level and own is not None:
            source = own[: len(own) - level + 1] + module, alias.name
        else:
            source = (module[1:], alias.name) if not level and module[:1] == (package,) else None
        text = "" if source else f"{'.' * level}{'.'.join(module)} {alias.name} as {bound}"
        yield bound, Definition(text, frozenset(), source)


def _blank_comments(text: str, lines: list[str]) -> None:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]


def _blank_docstring(node: ast.AST, lines: list[str]) -> None:
    if not isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) or not node.body:
        return
    first = node.body[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return
    if lines[first.lineno - 1][: first.col_offset].strip() == "":
        lines[first.lineno - 1 : first.end_lineno] = [""] * (first.end_lineno - first.lineno + 1)


def _leave_generation_out(tree: ast.Module, lines: list[str]) -> None:
    """Blanks the base class that gives a model its `generate`, what the model says for it, and
    functions that only a forecast calls."""
    called: set[str] = set()
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(GENERATION):
            _blank(node, tree.body, lines)
        elif isinstance(node, ast.ClassDef) and _bases(node) & set(GENERATES):
            node.bases = [base for base in node.bases if ast.unparse(base) not in GENERATES]
            first = end = node.lineno - 1
            while not lines[end].endswith("):"):
                end += 1
            lines[first : end + 1] = [""] * (end + 1 - first)
            lines[first] = f"class {node.name}({', '.join(map(ast.unparse, node.bases))}):"
            for item in list(node.body):
                said = ast.unparse(item.targets[0]) if isinstance(item, ast.Assign) else ""
                if said in (DECODING, FORECASTING):
                    called |= _mentions(item) if said == FORECASTING else set()
                    _blank(item, node.body, lines)
    for node in list(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name in called:
            others = (_mentions(other) for other in tree.body if other is not node)
            if not any(node.name in names for names in others):
                _blank(node, tree.body, lines)


def _bases(node: ast.ClassDef) -> set[str]:
    return set(map(ast.unparse, node.bases))


def _blank(node: ast.stmt, body: list[ast.stmt], lines: list[str]) -> None:
    lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    body.remove(node)


def _text(lines: list[str], first: int, last: int) -> str:
    return "\n".join(line.rstrip() for line in lines[first - 1 : last] if line.strip())
