"""Recorded generations in PyTorch."""

FRAMEWORK = "pytorch"


def test_generation(task, check):
    check(task)
