"""One worker process a framework, started by the first test that needs it."""

import pytest

from generation import selecting
from generation.worker import Worker


def pytest_generate_tests(metafunc):
    """A test with an argument `task` runs once for each Task of its module's FRAMEWORK."""
    if "task" in metafunc.fixturenames:
        tasks = selecting.suite(metafunc.module.FRAMEWORK)
        metafunc.parametrize("task", tasks, ids=str)


@pytest.fixture(scope="module")
def worker(request):
    with Worker(request.module.FRAMEWORK) as worker:
        yield worker


@pytest.fixture
def check(worker):
    """Runs a Task; a known gap shows as an expected failure, never as a pass."""

    def check(task):
        report, _ = worker.run(task)
        if not report.passed:
            pytest.fail(report.text(), pytrace=False)
        if report.gaps:
            pytest.xfail("known gap: " + "; ".join(report.gaps))

    return check
