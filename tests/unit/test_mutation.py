"""The mutation run: mutants that crash, hang, eat memory, survive or are noticed."""

import ast
import copy
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from mutation.isolation import Limits
from mutation.mutants import Source
from mutation.run import EQUIVALENT, Kept, judge, key_of, reason
from parity import selection

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at memory through /proc")
FOLDER = "swin"


class Beginning(Source):
    """A generated module whose forwards all begin with some statements, its `mutant`."""

    def module(self, statements):
        tree = copy.deepcopy(self.tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "forward":
                node.body[:0] = ast.parse(statements).body
        return self.executed(tree)

    def reaches(self, name, target):
        return True


class Statements(str):
    owner = function = ""


def beginning(statements, **limits):
    from parity import adapters

    mutant = Statements(statements)
    return judge(adapters.adapter("pytorch"), Beginning(FOLDER), mutant, Limits(**limits))


def flipped(operator):
    from parity import adapters

    source = Source(FOLDER)
    mutant = next(m for m in source.mutants() if m.operator == operator)
    return judge(adapters.adapter("pytorch"), source, mutant)


@pytest.fixture(scope="module")
def clean():
    """Calls a function in a process like the runner's, whatever this one has done before."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda *call, **options: pool.submit(*call, **options).result()


@pytest.mark.parametrize("status", [0, 3])
def test_exit(clean, status):
    kind, how = clean(beginning, f"import os\nos._exit({status})")
    assert (kind, how) == ("killed", f"crash: exit status {status}")


def test_segmentation_fault(clean):
    kind, how = clean(beginning, "import ctypes\nctypes.string_at(0)")
    assert (kind, how) == ("killed", "crash: SIGSEGV")


def test_system_exit(clean):
    assert clean(beginning, "raise SystemExit")[0] == "killed"


def test_endless_loop(clean):
    kind, how = clean(beginning, "while True:\n  try:\n    1\n  except:\n    pass", seconds=1)
    assert (kind, how) == ("undecided", "more than 1 s of processor time")


def test_endless_wait(clean):
    kind, how = clean(beginning, "import time\ntime.sleep(1000)", patience=3.0)
    assert (kind, how) == ("undecided", "more than 3 s on the clock")


def test_endless_memory(clean):
    statements = "kept = []\nwhile True:\n  kept.append(bytearray(b'x') * (1 << 22))"
    kind, how = clean(beginning, statements, memory=256 << 20)
    assert (kind, how) == ("undecided", "more than 256 MB of memory")


def test_killed_by_a_stranger(clean):
    kind, how = clean(beginning, "import os\nos.kill(os.getpid(), 9)")
    assert (kind, how) == ("undecided", "ended from outside by SIGKILL")


def test_what_a_mutant_breaks_is_whole_for_the_next(clean):
    assert clean(beginning, "import torch\ntorch.mean = torch.sum")[0] == "killed"
    assert clean(beginning, "pass") == ("survived", "")


def test_numbers(clean):
    kind, how = clean(flipped, "missing term")
    assert kind == "killed"
    assert "/" in how and "allowed" in how and " error:" not in how


def test_import_error(clean):
    assert clean(beginning, "return return") == ("killed", "import: SyntaxError")


def test_verdicts_are_kept(tmp_path):
    first, second, third = Source(FOLDER).mutants()[:3]
    path = tmp_path / "folder" / "verdicts.jsonl"
    kept = Kept(path)
    assert kept.find("key", first) is None
    kept.add("key", first, "killed", "Class/case: probe")
    kept.add("key", second, "undecided", "more than 60 s")
    path.write_text(path.read_text() + '\n{"key": "key", "muta')  # cut off
    Kept(path).add("key", third, "survived", "")
    kept = Kept(path)
    assert kept.find("key", first) == ("killed", "Class/case: probe")
    assert kept.find("key", second) is None
    assert kept.find("key", third) == ("survived", "")
    assert kept.find("another key", first) is None
    assert Kept(None).find("key", first) is None


def test_mutants_know_their_statements():
    mutants = Source(FOLDER).mutants()
    assert all(m.before == m.statement for m in mutants if m.operator == "statement left out")
    bounds = [m for m in mutants if m.statement.startswith("y = (y >= (rows - 1) * window)")]
    assert {m.before for m in bounds if m.operator == "off by one"} == {"1"}
    assert {m.function for m in bounds} == {"shifted_windows"}


def test_every_stated_equivalence_is_met_by_a_mutant():
    rows = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    mutants = [m for folder in selection.classes() for m in Source(folder).mutants()]
    for row in rows:
        assert any(reason(mutant, [row]) for mutant in mutants), row


def test_key_is_that_of_the_code():
    assert key_of("swin") == key_of("swin") != key_of("llama")
