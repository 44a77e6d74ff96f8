"""Recorded generations in Flax."""

FRAMEWORK = "flax"


def test_generation(task, check):
    check(task)
