"""The recorded cases in PyTorch."""

FRAMEWORK = "pytorch"


def test_parity(task, check):
    check(task)
