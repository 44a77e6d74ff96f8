"""What a recipe gives."""

from dataclasses import dataclass, field


@dataclass
class Plan:
    """A probe to run: calls as (inputs, static keyword arguments)."""

    name: str
    calls: list
    kind: str = "call"
    mode: str = "eval"
    gradients: bool = False
    full: bool = False
    of: str = ""
    method: str | None = None
    first: list = field(default_factory=list)  # inputs that only the first of several calls gets
    carry: dict = field(default_factory=dict)
