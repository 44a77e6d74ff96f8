"""Mutants of a generated module: every place where something can be flipped."""

import ast
import copy
import sys
import types
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from .operators import Context, variants

FUNCTIONS = ("__init__", "forward", "cache_layout")  # and functions of the module


@dataclass(frozen=True)
class Mutant:
    """One flipped place. `before` and `after` are the source of the node, in one line.

    `statement`: that of the statement it is in.
    """

    folder: str
    owner: str  # the class, "" for a function of the module
    function: str
    line: int
    operator: str
    before: str
    after: str
    node: int  # its place in a walk over the module
    variant: int
    statement: str

    @property
    def place(self):
        return f"{self.owner}.{self.function}" if self.owner else self.function

    def __str__(self):
        where = f"{self.folder}:{self.line} {self.place}"
        return f"{where}: {self.operator}: {self.before}  ->  {self.after}"


class Source:
    """The generated PyTorch module of a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.name = f"triptych.models.{folder}.modeling_{folder}"
        self.path = Path(find_spec(self.name).origin)
        self.tree = ast.parse(self.path.read_text(encoding="utf-8"))

    def mutants(self):
        """All of them, in the order of the source."""
        order = {id(node): place for place, node in enumerate(ast.walk(self.tree))}
        found = []
        for owner, function, context in self._functions():
            for node in _executed(function):
                if isinstance(node, ast.stmt):  # they come before what they consist of
                    statement = _line(node)
                for index, (operator, new) in enumerate(variants(node, context)):
                    before, after = _line(node), _line(new)
                    place = (owner, function.name, node.lineno, operator, before, after)
                    if before != after:
                        found.append(Mutant(self.folder, *place, order[id(node)], index, statement))
        return found

    def _functions(self):
        for item in self.tree.body:
            if isinstance(item, ast.FunctionDef):
                yield "", item, Context()
            elif isinstance(item, ast.ClassDef):
                context = Context(_siblings(item))
                for function in item.body:
                    if isinstance(function, ast.FunctionDef) and function.name in FUNCTIONS:
                        yield item.name, function, context

    def module(self, mutant=None):
        """The module with one place flipped, or as it is, made anew."""
        if mutant is None:
            return self.executed(self.tree)
        tree = copy.deepcopy(self.tree)
        node = list(ast.walk(tree))[mutant.node]
        owner = next((i for i in tree.body if getattr(i, "name", None) == mutant.owner), None)
        context = Context(_siblings(owner)) if owner else Context()
        replacement = variants(node, context)[mutant.variant][1]
        return self.executed(_Replace(node, replacement).visit(tree))

    def executed(self, tree):
        """The module that a changed tree makes."""
        name = f"{self.name}_mutant"
        module = types.ModuleType(name)
        module.__package__ = self.name.rpartition(".")[0]
        sys.modules[name] = module
        try:
            code = ast.fix_missing_locations(tree)
            exec(compile(code, str(self.path), "exec"), vars(module))
        finally:
            del sys.modules[name]
        return module

    @cached_property
    def _uses(self):
        """{class or function: the others that its source names}."""
        items = [i for i in self.tree.body if isinstance(i, ast.ClassDef | ast.FunctionDef)]
        names = {item.name for item in items}
        return {
            item.name: {n.id for n in ast.walk(item) if isinstance(n, ast.Name)} & names
            for item in items
        }

    def reaches(self, name, target):
        """Whether a class uses another one, directly or not."""
        return target in self.closure(name)

    def closure(self, name):
        """A class and all that it uses, directly or not."""
        seen, pending = set(), [name]
        while pending:
            item = pending.pop()
            if item not in seen:
                seen.add(item)
                pending.extend(self._uses.get(item, ()))
        return seen


class _Replace(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)


def _executed(function):
    """The nodes of a function's body, without annotations."""
    pending = list(reversed(function.body))
    while pending:
        node = pending.pop()
        yield node
        children = [c for name, c in ast.iter_fields(node) if name not in ("annotation", "returns")]
        flat = [x for c in children for x in (c if isinstance(c, list) else [c])]
        pending.extend(x for x in reversed(flat) if isinstance(x, ast.AST))


def _siblings(owner):
    """{attribute: the next one made by the same call} of a class's constructor."""
    groups = {}
    for function in owner.body:
        if isinstance(function, ast.FunctionDef) and function.name == "__init__":
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                    call = ast.dump(node.value)
                    if isinstance(node.value, ast.Call):
                        groups.setdefault(call, []).append(node.targets[0].attr)
    pairs = (zip(names, names[1:] + names[:1], strict=True) for names in groups.values())
    return {one: other for group in pairs for one, other in group if one != other}


def _line(node):
    return "(nothing)" if isinstance(node, ast.Pass) else " ".join(ast.unparse(node).split())
