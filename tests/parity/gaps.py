"""Known gaps: inputs of the reference that our public calls lack, each stated with its reason.

gaps.json: rows {"class": glob, "input": name, "reason", "frameworks": all if absent}. A probe that
needs such an input is not run, and its class reads "known gap" in the table. An input that is
missing without being stated fails, and so does a stated one that the call has.
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
        if here and missing == row["input"] and fnmatchcase(class_name, row["class"]):
            return row["reason"]
    return None
