"""Fixtures that download."""

import contextlib

import pytest
from packages import OfflineError


@pytest.fixture(scope="session")
def online():
    """Inside this context, what cannot be downloaded skips the test."""

    @contextlib.contextmanager
    def context():
        try:
            yield
        except OfflineError as error:
            pytest.skip(f"no download: {error}")

    return context
