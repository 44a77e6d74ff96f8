"""The recorded cases in TensorFlow."""

FRAMEWORK = "tensorflow"


def test_parity(task, check):
    check(task)
