"""Every default of every configuration is the reference's."""

import json
from importlib import import_module

import pytest
from references.case import ROOT as REFERENCES
from triptych.configuration import PretrainedConfig
from triptych.generator import evidence

from parity.selection import folder_of

RECORDED = {path.stem: path for path in sorted((REFERENCES / "config_defaults").glob("*.json"))}


def configurations(folder):
    """{model type: class} of a generated folder."""
    module = import_module(f"triptych.models.{folder}.configuration_{folder}")
    found = vars(module).values()
    own = [c for c in found if isinstance(c, type) and issubclass(c, PretrainedConfig)]
    mine = [c for c in own if c.__module__ == module.__name__]
    return {c.model_type: c for c in mine if c.model_type}  # parts may have no type of their own


def plain(config):
    """A configuration as JSON has it."""
    return json.loads(json.dumps(config.to_dict()))


@pytest.mark.parametrize("model_type", RECORDED)
def test_defaults(model_type):
    wanted = json.loads(RECORDED[model_type].read_text(encoding="utf-8"))
    ours = plain(configurations(folder_of(model_type))[model_type]())
    keys = ours.keys() | wanted.keys()
    absent = "<absent>"
    pairs = {key: (ours.get(key, absent), wanted.get(key, absent)) for key in sorted(keys)}
    assert {key: pair for key, pair in pairs.items() if pair[0] != pair[1]} == {}


def test_every_configuration_has_recorded_defaults():
    folders = [p.parent.name for p in evidence.ROOT.glob("generated/*/configuration_*.py")]
    generated = {name for folder in folders for name in configurations(folder)}
    assert generated <= set(RECORDED)
