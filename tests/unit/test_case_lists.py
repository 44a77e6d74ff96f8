"""What the lists of cases say is what was recorded."""

import json

import pytest
from references.case import ROOT
from references.recorder import lists

LISTS = sorted(path.stem for path in lists.LISTS.glob("*.yaml"))


@pytest.mark.parametrize("name", LISTS)
def test_recorded(name):
    listed = {f"{c.class_name}/{c.name}": c for c in lists.case_list(name) if not c.extra}
    types = {case.model_type for case in listed.values()}
    found = {
        f"{path.parts[-3]}/{path.parts[-2]}"
        for model_type in types
        for path in (ROOT / model_type).glob("*/*/case.json")
    }
    assert found == set(listed)
    for place, case in listed.items():
        folder = ROOT / case.model_type / place
        recorded = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        weights = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
        for key in ("options", "init", "minimal_config"):
            # as JSON has it, where keys are strings
            assert recorded[key] == json.loads(json.dumps(getattr(case, key))), (place, key)
        assert weights["seed"] == case.seed, place
        probes = {probe["name"] for probe in recorded["probes"]} - {"fresh"}
        assert probes | set(recorded["skipped"]) == set(case.probes), place
