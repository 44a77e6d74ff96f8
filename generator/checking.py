"""Everything that is checked of a spec before anything is rendered."""

from __future__ import annotations

from .concrete import check_presets
from .language.program import Program
from .spec import Spec


def check_spec(spec: Spec) -> Program:
    """The typed program of a spec, checked on symbols and on every preset's sizes.

    Raises SpecError with all that is wrong.
    """
    program = Program(spec)
    program.check()
    check_presets(program)
    return program
