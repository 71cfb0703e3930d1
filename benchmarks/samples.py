"""Truth and normalisation on whole simulated samples, and the three-jet top mass.

Builds a dataset of each process and checks what must hold in every event::

    pip install ".[plot]"
    python benchmarks/samples.py SAMPLES -o docs/results

SAMPLES holds folders (``record``, ``large``, ``variants``, ...) of Delphes files whose names begin
with the process. Writes ``samples.md`` and ``top_mass.png``.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import matplotlib as mpl
import mplhep
import numpy as np

import topdata
from topdata.build import build
from topdata.recipe import make_recipe

mpl.use("Agg")
import matplotlib.pyplot as plt

# process: (tops in each event, cross-section in pb, top mass in GeV)
PROCESSES = {
    "wjj": (0, 14950.0, 173.0),
    "tchan": (1, 179.9, 173.0),
    "ttdecay": (2, 68.18, 173.0),
    "ttdm": (2, 6.4e-3, 172.0),
    "ttH": (2, 0.3994, 173.0),
    "ttW": (2, 0.3503, 173.0),
    "ttZ": (2, 0.5839, 173.0),
    "tttW": (3, 1.191e-3, 173.0),
    "tttt": (4, 8.964e-3, 173.0),
    "ttt": (3, 3.26e-4, 173.0),
    "tt": (2, 504.9, 173.0),
}
COLUMNS = ("group", "process", "files", "events", "n_tops", "weights", "W and b", "two", "m(t)",
           "m(W)", "three-jet peak", "off by")  # fmt: skip
BINS = np.arange(80, 280.1, 4)


def process_of(path: Path) -> str:
    """Return the process of a file by the first part of its name."""
    return path.stem.partition("_")[0]


@dataclass
class Checked:
    """Figures of one group of files."""

    group: str
    process: str
    files: int
    events: int
    right_tops: float
    weight_error: float
    tops_with_w_and_b: float
    ws_with_two: float
    top_mass: float
    w_mass: float
    masses: np.ndarray

    def peak(self) -> float:
        """Return the centre of a parabola through the highest bin and its neighbours, GeV."""
        counts, edges = np.histogram(self.masses, bins=BINS)
        smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
        top = int(np.argmax(smooth))
        left, middle, right = smooth[top - 1 : top + 2]
        shift = 0.5 * (left - right) / (left - 2 * middle + right)
        return float(edges[top] + (0.5 + shift) * (edges[1] - edges[0]))

    def row(self, expected: float) -> str:
        """Return a line of the table."""
        peak = f"{self.peak():.1f} ({len(self.masses)})" if len(self.masses) >= 100 else "-"
        off = f"{self.peak() / expected - 1:+.1%}" if len(self.masses) >= 100 else "-"
        tops = "-" if np.isnan(self.top_mass) else f"{self.top_mass:.2f}"
        return (
            f"| {self.group} | {self.process} | {self.files} | {self.events} | "
            f"{self.right_tops:.2%} | {self.weight_error:.0e} | {self.tops_with_w_and_b:.2%} | "
            f"{self.ws_with_two:.2%} | {tops} | {self.w_mass:.2f} | {peak} | {off} |"
        )


def check(group: str, process: str, files: list[Path], folder: Path) -> Checked:
    """Build a dataset of the files and look at every event."""
    n_tops, cross_section, _ = PROCESSES[process]
    recipe = make_recipe(
        {
            "name": process,
            "processes": [
                {
                    "name": process,
                    "files": [str(file.resolve()) for file in files],
                    "cross_section": cross_section,
                }
            ],
        },
        process,
    )
    output = folder / f"{group}-{process}"
    build(recipe, output)
    events = topdata.load(output)
    truth = events.truth
    partons = truth.partons
    good_tops = good_ws = 0
    for row in range(n_tops):
        down = abs(partons.pdg_id)
        is_bottom = (
            (partons.top == row) & (partons.w < 0) & ((down == 5) | (down == 3) | (down == 1))
        )
        good_tops += int(
            ak.sum((ak.sum(is_bottom, axis=1) == 1) & (ak.sum(truth.ws.top == row, axis=1) == 1))
        )
    for row in range(int(ak.max(ak.num(truth.ws)))):
        mine = partons[partons.w == row]
        code = abs(mine.pdg_id)
        has_tau = ak.any(code == 15, axis=1)
        from_tau = ak.where(has_tau, ak.sum((code == 11) | (code == 13), axis=1), 0)
        good_ws += int(ak.sum((ak.num(truth.ws) > row) & (ak.num(mine) - from_tau == 2)))
    all_tops, all_ws = ak.sum(ak.num(truth.tops)), ak.sum(ak.num(truth.ws))
    return Checked(
        group=group,
        process=process,
        files=len(files),
        events=len(events),
        right_tops=float(ak.mean(events.n_tops == n_tops)),
        weight_error=abs(float(ak.sum(events.weight)) / cross_section - 1),
        tops_with_w_and_b=good_tops / all_tops if all_tops else 1.0,
        ws_with_two=good_ws / all_ws if all_ws else 1.0,
        top_mass=float(np.median(ak.flatten(truth.tops.mass))) if all_tops else float("nan"),
        w_mass=float(np.median(ak.flatten(truth.ws.mass))),
        masses=three_jet_masses(events),
    )


def three_jet_masses(events: Any) -> np.ndarray:
    """Return the mass of the jets matched to b, q, q' for every fully matched hadronic top."""
    masses = []
    partons = events.truth.partons
    jets = events.jets
    p4 = {
        "px": jets.pt * np.cos(jets.phi),
        "py": jets.pt * np.sin(jets.phi),
        "pz": jets.pt * np.sinh(jets.eta),
    }
    p4["e"] = np.sqrt(p4["px"] ** 2 + p4["py"] ** 2 + p4["pz"] ** 2 + jets.mass**2)
    parton_top = partons.top[ak.mask(jets.parton, jets.parton >= 0)]
    for row in range(4):
        decays = ak.fill_none(ak.pad_none(events.truth.tops.decay, row + 1)[:, row], -1)
        mine = ak.fill_none(parton_top == row, False)
        full = (ak.sum(mine, axis=1) == 3) & (decays == 0)
        if not ak.any(full):
            continue
        total = {
            k: ak.to_numpy(ak.sum(v[mine], axis=1)[full]).astype(np.float64) for k, v in p4.items()
        }
        masses.append(
            np.sqrt(
                np.maximum(
                    total["e"] ** 2 - total["px"] ** 2 - total["py"] ** 2 - total["pz"] ** 2, 0
                )
            )
        )
    return np.concatenate(masses) if masses else np.zeros(0)


def plot(results: list[Checked], path: Path) -> None:
    """Overlay the three-jet masses of the processes of the largest group."""
    mplhep.style.use("CMS")
    figure, axes = plt.subplots(figsize=(10, 8))
    for result in results:
        if len(result.masses) >= 500:
            filled = hist.Hist.new.Var(BINS, label="m").Double().fill(result.masses)
            label = f"{result.process} ({len(result.masses)})"
            mplhep.histplot(filled, ax=axes, density=True, label=label, yerr=False)
    axes.axvline(173.0, color="black", linestyle="--", linewidth=1.5)
    axes.text(174.5, axes.get_ylim()[1] * 0.93, "173 GeV", fontsize=16)
    axes.set_xlabel("mass of the three jets matched to a hadronic top, GeV")
    axes.set_ylabel("normalised")
    axes.set_xlim(BINS[0], BINS[-1])
    axes.legend(fontsize=16, title="process (tops)", title_fontsize=16)
    axes.set_title("Simulation: MadGraph5, Pythia 8, Delphes (CMS card)", fontsize=16, loc="left")
    figure.savefig(path, dpi=72, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results"))
    parser.add_argument("--groups", nargs="+", default=["record", "large", "variants"])
    parser.add_argument("--skip", nargs="*", default=["ttdecay_DelphesPythia8"], help="no record")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for group in options.groups:
            files: dict[tuple[str, str], list[Path]] = {}
            for path in sorted((options.samples / group).glob("*.root")):
                if path.stem in options.skip:
                    continue
                name = path.stem if group == "variants" else group
                files.setdefault((name, process_of(path)), []).append(path)
            for (name, process), some in files.items():
                results.append(check(name, process, some, Path(folder)))
                print(results[-1].row(PROCESSES[process][2]), flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    plot([r for r in results if r.group == options.groups[1]], options.output / "top_mass.png")
    rows = [r.row(PROCESSES[r.process][2]) for r in results]
    table = "\n".join([f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows])
    events = sum(r.events for r in results)
    text = TEXT.format(events=events, groups=" ".join(options.groups), table=table)
    (options.output / "samples.md").write_text(text)
    for r in results:
        assert r.right_tops == r.tops_with_w_and_b == r.ws_with_two == 1, r
        assert r.weight_error < 1e-9, r


TEXT = """# Truth and normalisation on whole samples

Command: `python benchmarks/samples.py SAMPLES --groups {groups}`, on {events} events (MadGraph5,
Pythia 8, Delphes 3.5.1; no cuts). Simulation for testing the software, not a physics result.

- *n_tops*: events whose number of last-copy tops is the process's.
- *weights*: relative difference of the sum of `weight` from the cross-section.
- *W and b*: tops with exactly one W and one b (or s, d). *two*: Ws with exactly two daughters.
- *m(t)*, *m(W)*: median truth masses, GeV (the samples have 173.0, ttdm 172.0, and 80.4).
- *three-jet peak*: peak of the mass of the jets matched to b, q, q' of fully matched hadronic tops,
  GeV (and how many), for at least 100 of them; then its distance from the top mass.

{table}

![three-jet mass](top_mass.png)
"""


if __name__ == "__main__":
    main()
