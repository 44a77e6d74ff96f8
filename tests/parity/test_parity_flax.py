"""The recorded cases in Flax."""

FRAMEWORK = "flax"


def test_parity(task, check):
    check(task)
