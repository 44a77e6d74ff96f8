"""Options of the whole suite, and the folder from which tests import one another."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def pytest_addoption(parser):
    group = parser.getgroup("parity")
    group.addoption("--all-cases", action="store_true", help="every recorded case of each class")
    group.addoption("--all-forms", action="store_true", help="every form of each class")
    group.addoption("--folders", nargs="+", default=[], help="only these under generated/")
