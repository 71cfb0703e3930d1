"""``topdata plot``: the numbers, checked against awkward, and the folder."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import awkward as ak
import numpy as np
import pytest

import topdata as package
from topdata.errors import InputError, OutputError, RecipeError
from topdata.manifest import read_manifest
from topdata.plots import plot_dataset
from topdata.plots.catalogue import GROUPS, PLOTS
from topdata.plots.columns import read
from topdata.plots.draw import look
from topdata.plots.spectra import Covariances
from topdata.progress import Silent

from .conftest import PROCESSES

PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def numbers(plots):
    content = json.loads((plots / "histograms.json").read_text())
    return {plot["name"]: plot for plot in content["plots"]}


@pytest.fixture(scope="module")
def events(demo_dataset):
    return package.load(demo_dataset)


def whole(plot, process, what="values"):
    """Return the bins with under- and overflow."""
    content = plot["processes"][process]
    below, above = content["flow"][what]
    return np.array([below, *content[what], above])


def filled(plot, values, weights):
    edges = np.concatenate([[-np.inf], plot["edges"], [np.inf]])
    values = np.asarray(values, np.float64)
    return np.histogram(values, edges, weights=np.asarray(weights))[0]


def test_the_catalogue_has_every_name_once_and_every_group():
    names = [plot.name for plot in PLOTS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    assert set(GROUPS) == {plot.group for plot in PLOTS}


def test_whole_events_sum_to_the_selected_cross_section(demo_dataset, numbers):
    for process in (p for p in read_manifest(demo_dataset).processes if p.name in PROCESSES):
        for name in ("n_jets", "met", "ht", "n_leptons", "met_phi"):
            plot = numbers[name]
            assert whole(plot, process.name).sum() == pytest.approx(process.sum_weight, rel=1e-9)
            assert whole(plot, process.name, "entries").sum() == process.ledger.written


@pytest.mark.parametrize("process", PROCESSES)
def test_histograms_are_those_of_awkward(events, numbers, demo_dataset, process):
    mine = events[events.process == read_manifest(demo_dataset).classes.index(process)]
    leading = mine[ak.num(mine.jets) > 3]
    each = ak.broadcast_arrays(mine.weight, mine.jets.pt)[0]
    top = ak.broadcast_arrays(mine.weight, mine.truth.tops.eta)[0]
    expected = {
        "n_jets": (ak.num(mine.jets), mine.weight),
        "n_btags": (ak.sum(mine.jets.btag & 1, axis=1), mine.weight),
        "jet4_pt": (leading.jets.pt[:, 3], leading.weight),
        "jets_pt": (ak.flatten(mine.jets.pt), ak.flatten(each)),
        "met": (mine.met.pt, mine.weight),
        "ht": (ak.sum(mine.jets.pt, axis=1), mine.weight),
        "n_muons": (ak.sum(abs(mine.leptons.pdg_id) == 13, axis=1), mine.weight),
        "n_tops": (mine.n_tops, mine.weight),
        "tops_eta": (ak.flatten(mine.truth.tops.eta), ak.flatten(top)),
    }
    for name, (values, weights) in expected.items():
        if len(values):
            found = whole(numbers[name], process)
            assert found == pytest.approx(filled(numbers[name], values, weights), rel=1e-9), name
            squares = filled(numbers[name], values, np.asarray(weights) ** 2)
            assert whole(numbers[name], process, "variances") == pytest.approx(squares), name


def slow_masses(events):
    """Return masses of matched jet pairs and triplets, an event at a time."""
    two, three = [], []
    for event in events.to_list():
        partons = event["truth"]["partons"]
        for row, _ in enumerate(event["truth"]["ws"]):
            two.append([j for j in event["jets"] if j["parton"] >= 0
                        and partons[j["parton"]]["w"] == row
                        and abs(partons[j["parton"]]["pdg_id"]) <= 5])  # fmt: skip
        for row, _ in enumerate(event["truth"]["tops"]):
            three.append([j for j in event["jets"] if j["parton"] >= 0
                          and partons[j["parton"]]["top"] == row
                          and abs(partons[j["parton"]]["pdg_id"]) <= 5])  # fmt: skip
    return [mass(jets) for jets in two if len(jets) == 2], [
        mass(jets) for jets in three if len(jets) == 3
    ]


def mass(jets):
    px = sum(j["pt"] * np.cos(j["phi"]) for j in jets)
    py = sum(j["pt"] * np.sin(j["phi"]) for j in jets)
    pz = sum(j["pt"] * np.sinh(j["eta"]) for j in jets)
    energy = sum(np.sqrt((j["pt"] * np.cosh(j["eta"])) ** 2 + j["mass"] ** 2) for j in jets)
    return np.sqrt(energy**2 - px**2 - py**2 - pz**2)


def test_matched_masses_are_those_of_a_slow_loop(events, numbers, demo_dataset):
    mine = events[events.process == read_manifest(demo_dataset).classes.index("tttt")]
    two, three = slow_masses(mine)
    weight = float(mine.weight[0])
    assert len(two) > 500
    assert len(three) > 200
    for name, masses in (("two_jet_mass", two), ("three_jet_mass", three)):
        expected = filled(numbers[name], masses, np.full(len(masses), weight))
        assert whole(numbers[name], "tttt") == pytest.approx(expected)
    peak = np.argmax(whole(numbers["three_jet_mass"], "tttt")[1:-1])
    low, high = numbers["three_jet_mass"]["edges"][peak : peak + 2]
    assert low < 185
    assert high > 160


def test_covariances_are_sums_over_events(demo_dataset):
    plot = next(p for p in PLOTS if p.name == "jets_pt")
    manifest = read_manifest(demo_dataset)
    found, expected = Covariances(), np.zeros((plot.axis.bins + 2,) * 2)
    edges = np.concatenate([[-np.inf], plot.axis.edges, [np.inf]])
    for columns in read(demo_dataset, manifest, ["tt", "tttt"]):
        entries = plot.entries(columns)
        found.fill(plot, entries, columns)
        for event in range(len(columns)):
            if columns.process[event] == 1:
                of_event = np.histogram(entries.values[entries.event == event], edges)[0]
                expected += np.outer(of_event, of_event) * columns.weight[event] ** 2
    assert found.of(plot, 1) == pytest.approx(expected, rel=1e-9)
    assert abs(expected - np.diag(np.diag(expected))).max() > 0


def test_splits_add_up(demo_dataset, tmp_path, numbers):
    total = 0.0
    for split in read_manifest(demo_dataset).split_counts():
        plot_dataset(demo_dataset, tmp_path / split, split=split, processes=["tt"], only=["ht"])
        content = json.loads((tmp_path / split / "histograms.json").read_text())
        assert content["processes"] == ["tt"]
        (plot,) = content["plots"]
        total = total + whole(plot, "tt")
    assert total == pytest.approx(whole(numbers["ht"], "tt"))


def test_two_runs_give_the_same_bytes(demo_dataset, tmp_path):
    some = ["jet1_pt", "tops_decay"]
    for run in ("one", "two"):
        plot_dataset(demo_dataset, tmp_path / run, formats=["png", "pdf"], only=some)
    names = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*")]
    assert len(names) == 2 * len(some) + 2
    for name in names:
        one, two = ((tmp_path / run / name).read_bytes() for run in ("one", "two"))
        assert one == two, name


class Links(HTMLParser):
    """Collect images, links and what a page would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.images, self.links, self.ids = [], [], [], []

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.tags.append(tag)
        self.ids += [of["id"]] if "id" in of else []
        if tag == "img":
            self.images.append(of)
        elif "href" in of:
            self.links.append(of["href"])


def test_the_page_stands_alone_and_its_links_lead_somewhere(plots, numbers):
    text = (plots / "index.html").read_text()
    page = Links()
    page.feed(text)
    assert len(page.images) == len(numbers) > 40
    assert all(i["src"].startswith("data:image/png;base64,") and i["alt"] for i in page.images)
    assert "script" not in page.tags
    assert not re.search(r"(src|href)=\"?(https?:)?//|url\(|@import", text)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif link != "data:,":
            assert (plots / link).is_file()
    assert str(plots.parent) not in text  # nothing of this machine


def test_parton_level_says_so_and_shows_negative_weights(partons, tmp_path):
    some = ["n_jets", "photon1_pt", "weight_sign"]
    made = plot_dataset(partons, tmp_path / "plots", only=some)
    content = json.loads((tmp_path / "plots" / "histograms.json").read_text())
    assert content["level"] == "parton"
    text = (tmp_path / "plots" / "index.html").read_text()
    assert "jets are final quarks and gluons" in text
    assert made.drawn == ["n_jets", "weight_sign"]
    assert "plots without entries: <code>Leading photon pT" in text
    sign = next(p for p in content["plots"] if p["name"] == "weight_sign")
    assert sign["bin_names"] == ["negative", "zero", "positive"]
    assert sign["processes"]["tt"]["values"] == [17, 0, 83]


def test_no_truth_no_truth_plots(demo_dataset, tmp_path, delphes):
    from topdata.build import build
    from topdata.recipe import make_recipe

    recipe = {"name": "reco", "truth": False, "processes": [
        {"name": "tt", "files": [str(delphes.parent / "demo" / "tt.root")], "cross_section": 1}
    ]}  # fmt: skip
    build(make_recipe(recipe, "test"), tmp_path / "reco")
    some = ["ht", *(p.name for p in PLOTS if p.group in ("Truth", "Matching"))]
    made = plot_dataset(tmp_path / "reco", only=some)
    assert made.folder == tmp_path / "reco-plots"
    assert made.drawn == ["ht"]
    assert "Number of tops" in made.empty


def test_the_first_classes_all_look_different():
    assert len({repr(look(place)) for place in range(28)}) == 28


# --- the folder and the command --------------------------------------------------------------


def test_the_command(topdata, demo_dataset, tmp_path):
    made = tmp_path / "made"
    some = ["--only", "ht", "--only", "met"]
    ran = topdata("plot", demo_dataset, "-o", made, "--process", "tt", "--format", "pdf", *some)
    assert ran.code == 0, ran.err
    assert re.search(r"2 plots of 696 events: .*index\.html", ran.out)
    assert sorted(p.name for p in made.iterdir()) == ["histograms.json", "index.html", "pdf"]
    assert all(p.read_bytes().startswith(b"%PDF") for p in (made / "pdf").iterdir())
    assert "data:image/png" in (made / "index.html").read_text()
    assert made.stat().st_mode == (made / "pdf").stat().st_mode
    again = topdata("plot", demo_dataset, "-o", made, *some)
    assert again.code == 2
    assert again.err.count("\n") == 1
    assert "exists already" in again.err
    assert topdata("plot", demo_dataset, "-o", made, "--overwrite", *some).code == 0
    assert sorted(p.name for p in made.iterdir()) == ["histograms.json", "index.html", "png"]
    assert (made / "png" / "ht.png").read_bytes().startswith(PNG)
    assert os.listdir(tmp_path) == ["made"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "valid"], "no split 'valid'"),
        (["--process", "ttt_"], "no process 'ttt_'; did you mean 'ttt"),
        (["--normalise", "area"], "'area' is no choice"),
        (["--format", "gif"], "'gif' is no choice"),
        (["--only", "jet_pt"], "no plot 'jet_pt'; did you mean 'jet"),
    ],
)
def test_mistakes_are_one_line(topdata, demo_dataset, tmp_path, options, message):
    ran = topdata("plot", demo_dataset, "-o", tmp_path / "p", *options)
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nothing_foreign_is_overwritten(demo_dataset, tmp_path, plots):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match="no folder of plots"):
        plot_dataset(demo_dataset, other, overwrite=True)
    (other / "histograms.json").write_bytes((plots / "histograms.json").read_bytes())
    with pytest.raises(OutputError, match=r"thesis\.tex: is no plot"):
        plot_dataset(demo_dataset, other, overwrite=True)
    assert (other / "thesis.tex").read_text() == "x"


def test_nothing_is_written_into_a_dataset(demo_dataset):
    before = sorted(demo_dataset.rglob("*"))
    with pytest.raises(OutputError, match="is in the dataset"):
        plot_dataset(demo_dataset, demo_dataset / "plots")
    assert sorted(demo_dataset.rglob("*")) == before


def test_a_failure_leaves_nothing(demo_dataset, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(demo_dataset, broken)
    path = next((broken / "data").glob("train-tt-*.parquet"))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"train-tt-00000\.parquet: cannot be read"):
        plot_dataset(broken)
    path.unlink()
    with pytest.raises(InputError, match=r"train-tt-00000\.parquet: a file .* is missing"):
        plot_dataset(broken)
    assert os.listdir(tmp_path) == ["broken"]
    with pytest.raises(RecipeError):
        plot_dataset(broken, processes=["zz"])


def test_an_interrupted_drawing_leaves_nothing(demo_dataset, tmp_path):
    class Stops(Silent):
        def start(self, stage, total, unit="bytes"):
            if stage == "drawing":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plot_dataset(demo_dataset, tmp_path / "p", only=["ht"], progress=Stops())
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("command", [["plot", "x"], ["compare", "x", "y"]])
def test_without_the_extra_one_line_says_what_to_install(command):
    program = (
        f"import sys; sys.modules['mplhep'] = None\nfrom topdata.cli import main\nmain({command!r})"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr == "topdata: plots need mplhep: pip install 'topdata[plot]'\n"


def test_the_command_line_loads_no_matplotlib():
    program = "import sys, topdata.cli; print(*({'matplotlib', 'hist', 'mplhep', 'scipy'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not {"matplotlib", "hist", "mplhep"} & set(ran.stdout.split()), ran.stdout
