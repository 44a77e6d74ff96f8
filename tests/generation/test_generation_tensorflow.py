"""Recorded generations in TensorFlow."""

FRAMEWORK = "tensorflow"


def test_generation(task, check):
    check(task)
