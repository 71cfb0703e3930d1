"""Datasets and folders of plots that several tests look at."""

import pytest

from topdata.build import build
from topdata.plots import plot_dataset
from topdata.recipe import make_recipe

PROCESSES = ["wjj", "tt", "tttt"]


@pytest.fixture(scope="session")
def plots(demo_dataset, tmp_path_factory):
    """All plots of three processes of the demo dataset, in pb."""
    folder = tmp_path_factory.mktemp("plots") / "demo"
    plot_dataset(demo_dataset, folder, processes=PROCESSES, normalise="cross-section")
    return folder


@pytest.fixture(scope="session")
def partons(tmp_path_factory, demo):
    """A dataset of parton level with negative weights."""
    recipe = make_recipe(
        {
            "name": "partons",
            "processes": [
                {"name": "tt", "files": [str(demo.parent / "lhe" / "mg5_ttbar_nlo.lhe.gz")]}
            ],
        },
        "test",
    )
    output = tmp_path_factory.mktemp("partons") / "partons"
    build(recipe, output)
    return output
