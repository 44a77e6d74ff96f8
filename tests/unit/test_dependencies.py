"""What a generated module depends on: the definitions it uses, however they are imported."""

import pytest
from triptych.generator.dependencies import Dependencies

FILES = {
    "models/toy/modeling_toy.py": """
from triptych.torchlike import Cache, attend
from ..other.modeling_other import Other

class Toy:
    parts = (Cache, attend, Other)
""",
    "models/other/modeling_other.py": "class Other:\n    pass\n\nclass Unused:\n    pass\n",
    "torchlike/__init__.py": """
from . import registering
from .cache import Cache
from .kernels import attend, scan

__all__ = ["Cache", "attend", "scan"]
""",
    "torchlike/registering.py": "REGISTERED = 1\n",
    "torchlike/cache.py": """
from .. import shared

class Cache:
    \"\"\"Keeps things.\"\"\"

    def get(self, key: Key) -> None:
        return shared.find(key)  # a comment

class Key:
    pass

print(Cache)
""",
    "torchlike/kernels.py": """
from functools import cache
from .tables import ROWS, MORE

def attend(x):
    return _inner(x) + ROWS

@cache
def _inner(x):
    return x

def scan(x):
    return MORE

@register("scan")
def registered(x):
    return x
""",
    "torchlike/tables.py": "ROWS = 1\nMORE = 2\n",
    "models/series/modeling_series.py": """
from triptych.torchlike import attend

def moved(x):
    return shifted(x)

def shifted(x):
    return x + 1

class Series(Base):
    weights = attend
""",
    "shared.py": "def find(key):\n    return key\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def places(tree):
    known = Dependencies("triptych", {"": tree, "models": tree / "models"})
    found = known.closure([tree / "models/toy/modeling_toy.py"])
    return {
        (path.relative_to(tree).as_posix(), name): known.digest((path, name))
        for path, name in found
    }


def changed(tree, name, old, new):
    """Whether anything that counts changes with a file."""
    before = places(tree)
    text = (tree / name).read_text()
    assert old in text
    (tree / name).write_text(text.replace(old, new, 1))
    return places(tree) != before


def test_only_what_is_used(tree):
    found = set(places(tree))
    assert {("torchlike/cache.py", "Cache"), ("torchlike/kernels.py", "attend")} <= found
    assert {("torchlike/kernels.py", "_inner"), ("torchlike/tables.py", "ROWS")} <= found
    assert ("models/other/modeling_other.py", "Other") in found
    assert ("torchlike/kernels.py", "scan") not in found
    assert ("torchlike/tables.py", "MORE") not in found
    assert ("models/other/modeling_other.py", "Unused") not in found


def test_whole_modules(tree):
    found = set(places(tree))
    assert ("shared.py", None) in found
    assert ("torchlike/registering.py", None) in found


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("torchlike/kernels.py", "return _inner(x) + ROWS", "return ROWS"),
        ("torchlike/kernels.py", "    return x\n\ndef scan", "    return -x\n\ndef scan"),
        ("torchlike/tables.py", "ROWS = 1", "ROWS = 3"),
        ("torchlike/registering.py", "1", "2"),
        ("torchlike/cache.py", "print(Cache)", "print(0)"),
        ("torchlike/kernels.py", '@register("scan")', '@register("other")'),
        ("shared.py", "return key", "return 0"),
        (
            "torchlike/__init__.py",
            "from .kernels import attend",
            "from .tables import ROWS as attend",
        ),
    ],
)
def test_what_counts(tree, name, old, new):
    assert changed(tree, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("torchlike/kernels.py", "return MORE", "return MORE + 1"),
        ("torchlike/tables.py", "MORE = 2", "MORE = 3"),
        ("torchlike/cache.py", "# a comment", "# another"),
        ("torchlike/cache.py", "Keeps things.", "Keeps nothing."),
        ("torchlike/__init__.py", ", scan\n", "\n"),
        ("torchlike/tables.py", "ROWS", "NEW = 5\nROWS"),
        ("models/other/modeling_other.py", "class Unused", "class Renamed"),
    ],
)
def test_what_does_not(tree, name, old, new):
    assert not changed(tree, name, old, new)


FORECASTS = """
from triptych.torchlike import attend
from triptych.torchlike.generation.forecasts import Forecasting, ForecastMixin

def moved(x):
    return shifted(x)

def shifted(x):
    return x + 1

def only_drawn(x):
    \"\"\"Of a forecast.\"\"\"
    return moved(x)

class Series(ForecastMixin, Base):
    forecasting = Forecasting(
        parameters=lambda config, outputs: only_drawn(outputs.x),
        samples=lambda config: 3,
    )

    weights = attend
"""


def test_what_gives_a_model_its_forecasts_does_not(tree):
    path = tree / "models/series/modeling_series.py"

    def digests():
        found = Dependencies("triptych", {"": tree, "models": tree / "models"})
        return {place: found.digest(place) for place in found.closure([path])}

    before = digests()
    path.write_text(FORECASTS)
    assert digests() == before
    path.write_text(FORECASTS.replace("x + 1", "x + 2"))
    assert digests() != before
