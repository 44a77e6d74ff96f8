"""What became of a case: one `Check` per comparison, the known gaps, and a summary for evidence."""

import json
import math
from dataclasses import asdict, dataclass, field

from references.case import Result

SHOWN = 12  # failures written out; the others are counted


@dataclass(frozen=True)
class Check:
    """One comparison of a probe.

    `counted`: whether it is an error in float32, as the table shows it, and not of another measure
    (bfloat16, whole numbers).
    """

    probe: str
    name: str
    error: float
    tolerance: float
    note: str = ""
    counted: bool = True

    @property
    def ok(self):
        return self.error <= self.tolerance

    def __str__(self):
        note = f" ({self.note})" if self.note else ""
        return f"{self.probe}: {self.name}: {self.error:.3g}, allowed {self.tolerance:.3g}{note}"


@dataclass
class Report:
    """All checks of one case in one form."""

    checks: list[Check] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    def add(self, probe, results, counted=True):
        """Take the results of a comparison (references.case.Result)."""
        for r in results:
            exact = r.tolerance == 0
            row = (float(r.error), float(r.tolerance), r.note, counted and not exact)
            self.checks.append(Check(probe, r.name, *row))

    def add_flag(self, probe, name, ok, note=""):
        """Take something that is right or wrong."""
        self.add(probe, [Result(name, 0.0 if ok else math.inf, 0.0, "" if ok else note)])

    @property
    def failures(self):
        return [check for check in self.checks if not check.ok]

    @property
    def passed(self):
        """Whether there was something to compare, and nothing differed."""
        return bool(self.checks) and not self.failures

    @property
    def worst(self):
        """(error, tolerance) of the comparison that came closest to its tolerance, or exceeded it.

        A tolerance above the ordinary one is what the table shows, so it wins over small errors.
        """
        rows = [(c.error / c.tolerance, c.error, c.tolerance) for c in self.checks if c.counted]
        return max(rows, default=(0.0, 0.0, 0.0))[1:]

    def text(self):
        """The failures, to be read."""
        lines = [str(check) for check in self.failures[:SHOWN]]
        rest = len(self.failures) - SHOWN
        if not self.checks:
            lines.append("nothing was compared")
        return "\n".join(lines + ([f"... and {rest} more"] if rest > 0 else []))

    def to_json(self):
        return json.dumps({"checks": [asdict(c) for c in self.checks], "gaps": self.gaps})

    @classmethod
    def from_json(cls, text):
        data = json.loads(text)
        return cls([Check(**row) for row in data["checks"]], data["gaps"])

    @classmethod
    def broken(cls, what, note):
        """The report of a case that could not be run."""
        report = cls()
        report.add_flag(what, "error", False, note)
        return report
