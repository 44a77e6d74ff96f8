"""Known gaps, each stated with its reason; a class that has one reads "known gap" in the table.

gaps.json has rows of two kinds, in all frameworks where `frameworks` is absent:
- {"class": glob, "input": name, "reason", "frameworks"}: an input of the reference that our public
  calls lack. A probe that needs it is not run. An input that is missing without being stated fails,
  and so does a stated one that the call has.
- {"class": name, "case": name, "probe": name, "reason", "frameworks", "forms": all if absent}: a
  probe that exceeds its tolerance. One that does not fails for being stated, unless it `wavers`:
  rounding, which differs with the number of threads, decides.
"""

import json
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path


@cache
def stated():
    """The rows of gaps.json."""
    return json.loads(Path(__file__).with_name("gaps.json").read_text(encoding="utf-8"))


def reason(framework, class_name, missing):
    """Why an input is missing, or None if nobody has said."""
    for row in stated():
        here = framework in row.get("frameworks", [framework])
        if here and missing == row.get("input") and fnmatchcase(class_name, row["class"]):
            return row["reason"]
    return None


def exceeded(framework, form, class_name, case):
    """{probe: reason} of the probes of a case that are known to exceed their tolerance."""
    return {row["probe"]: row["reason"] for row in _rows(framework, form, class_name, case)}


def wavering(framework, form, class_name, case):
    """The probes of those that exceed it now and then."""
    rows = _rows(framework, form, class_name, case)
    return {row["probe"] for row in rows if row.get("wavers")}


def _rows(framework, form, class_name, case):
    return [
        row
        for row in stated()
        if framework in row.get("frameworks", [framework]) and form in row.get("forms", [form])
        if (row["class"], row.get("case")) == (class_name, case)
    ]
