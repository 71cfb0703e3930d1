"""Datasets to plant defects in: each is built once."""

import shutil

import pytest

from topdata.build import build
from topdata.recipe import make_recipe
from topdata.validate import validate

from .planting import Planted

CUTS = {
    "objects": {
        "jets": {"min_pt": 25, "max_eta": 4.7},
        "electrons": {"min_pt": 10, "max_isolation": 0.2},
        "overlap": 0.4,
    },
    "select": ["n_jets >= 2"],
}
DEMO = [
    {"name": "wjj", "files": ["demo/wjj.root"], "cross_section": 14950},
    {"name": "tt", "files": ["demo/tt.root", "record/tt.root"], "cross_section": 504.9},
]
PAIRED = [{"name": "tt", "delphes": ["record/tt.root"], "lhe": ["lhe/tt.lhe.gz"]}]
PARTONS = [{"name": "tt", "files": ["lhe/ttdecay.lhe.gz"]}]
BASES = {
    "plain": {"processes": DEMO, **CUTS},
    "universal": {"processes": DEMO[1:], **CUTS, "universal": True},
    "paired": {"processes": PAIRED},
    "partons": {"processes": PARTONS},
}


@pytest.fixture(scope="session")
def bases(tmp_path_factory, pytestconfig):
    """Folders of the clean datasets by name."""
    root, data = tmp_path_factory.mktemp("bases"), pytestconfig.rootpath / "tests" / "data"
    for name, content in BASES.items():
        build(make_recipe({"name": name, **content}, name), root / name, base=data)
    return {name: root / name for name in BASES}


@pytest.fixture(scope="session")
def clean(bases):
    """What is found in the clean datasets."""
    return {name: validate(folder) for name, folder in bases.items()}


@pytest.fixture
def planted(bases, tmp_path):
    """Return a copy of a base that may be edited."""

    def copy(base):
        shutil.rmtree(tmp_path / base, ignore_errors=True)
        return Planted(bases[base], tmp_path / base)

    return copy
