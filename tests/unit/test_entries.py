"""Inputs that are mappings."""

import pytest
from triptych.entries import entries
from triptych.errors import InputError


def test_entries_in_order():
    assert entries({"b": 2, "a": 1}, "inputs", ("a", "b")) == (1, 2)
    assert entries({"a": 1}, "inputs", ("a",), ("c",)) == (1, None)
    assert entries(None, "inputs", (), ("c",)) == (None,)


@pytest.mark.parametrize("given", [None, {}, {"a": None}, {"a": 1, "x": 2}])
def test_what_is_lacking_or_unknown(given):
    with pytest.raises(InputError, match="^inputs: expected a mapping with a, b"):
        entries(given, "inputs", ("a",), ("b",))
