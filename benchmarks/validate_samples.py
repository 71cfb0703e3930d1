"""No false alarms: build every family of samples in several ways, and validate all of it.

::

    python benchmarks/validate_samples.py SAMPLES -o docs/results/validate.md

SAMPLES holds ``sim/`` (own simulation) and ``formats/`` (files of other programs), as their READMEs
say; the bundled files of ``tests/data`` and the recipes of ``cards`` are added. Ends with an error
if any rule fires.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topdata.build import build
from topdata.errors import TopdataError
from topdata.recipe import load_recipe, make_recipe
from topdata.validate import RULES, Report, validate

ROOT = Path(__file__).parent.parent
DARK_MATTER = [5000521]  # of the ttdm samples
CUTS: dict[str, Any] = {
    "objects": {
        "jets": {"min_pt": 25, "max_eta": 4.7},
        "electrons": {"min_pt": 10, "max_eta": 2.5, "max_isolation": 0.2},
        "muons": {"min_pt": 10, "max_eta": 2.4, "max_isolation": 0.3},
        "photons": {"min_pt": 20, "max_eta": 2.5},
        "overlap": 0.4,
    },
    "select": ["n_jets >= 2", "n_leptons >= 1 or ht > 200"],
    "universal": True,
}


@dataclass(frozen=True)
class Case:
    """One dataset to build: processes, and the rest of the recipe."""

    name: str
    processes: list[dict[str, Any]]
    rest: dict[str, Any]

    def build(self, output: Path) -> None:
        """Build it; damaged events are left out."""
        content = {"name": self.name, "processes": self.processes, **self.rest}
        build(make_recipe(content, self.name), output, skip_bad=True)


@dataclass(frozen=True)
class Card:
    """A recipe of the project."""

    path: Path

    @property
    def name(self) -> str:
        return f"cards/recipes/{self.path.name}"

    def build(self, output: Path) -> None:
        build(load_recipe(self.path), output, base=self.path.parent)


_NO_EVENTS = ("demo", "make_delphes", "schema-1.0")  # the first is in cards/recipes


def cases(samples: Path) -> Iterator[Case | Card]:
    """Yield all datasets."""
    sim, formats, bundled = samples / "sim", samples / "formats", ROOT / "tests" / "data"
    cut_cone = {"matching": {"method": "closest", "radius": 0.3}}
    for group in ("record", "reco-only", "demo", "large"):
        files = sorted((sim / group).glob("*.root"))
        yield Case(f"sim/{group}", by_process(files), {"universal": True})
        yield Case(f"sim/{group}, cuts", by_process(files), CUTS)
    unread = {"truth": False, "universal": True}
    yield Case("sim/record, truth unread", by_process(sorted((sim / "record").glob("*"))), unread)
    yield Case("sim/record, closest", by_process(sorted((sim / "record").glob("*"))), cut_cone)
    for file in sorted((sim / "variants").iterdir()):
        yield Case(f"sim/variants/{file.name}", single(file), {"universal": True})
    yield Case("sim/lhe", by_process(sorted((sim / "lhe").iterdir())), {"universal": True})
    lhe_cuts = {**CUTS, "select": [], "invisible": DARK_MATTER}
    yield Case("sim/lhe, cuts", by_process(sorted((sim / "lhe").iterdir())), lhe_cuts)
    yield Case("sim/record with sim/lhe", pairs(sim, "record/{}.root"), {"universal": True})
    yield Case("sim/large with sim/lhe", pairs(sim, "large/{}_00.root"), CUTS)
    for name in ("ttdecay_DelphesLHEF", "ttdecay_fullcard"):
        pair = {
            "name": "ttdecay",
            "delphes": [str(sim / "variants" / f"{name}.root")],
            "lhe": [str(sim / "lhe" / "ttdecay.lhe.gz")],
        }
        yield Case(f"sim/variants/{name} with sim/lhe", [pair], {})
    for recipe in sorted((ROOT / "cards" / "recipes").glob("*.yaml")):
        yield Card(recipe)
    for folder in (sim / "comphep", *sorted(formats.iterdir()), *sorted(bundled.iterdir())):
        for file in sorted(folder.glob("*")) if folder.name not in _NO_EVENTS else ():
            if file.suffix in (".md", ".hepmc", ".json") or file.is_dir():
                continue
            where = file.relative_to(ROOT if bundled in file.parents else samples)
            yield Case(f"{where}", single(file), {"universal": True})


def odd(folder: Path) -> Iterator[Case]:
    """Make damaged and peculiar files in a folder, and yield datasets of them."""
    data = ROOT / "tests" / "data"
    tt, wjj, lhe = data / "demo" / "tt.root", data / "demo" / "wjj.root", folder / "tt.lhe"
    text = gzip.decompress((data / "lhe" / "tt.lhe.gz").read_bytes())
    middle, last = text.find(b"<event>", len(text) // 2), text.rfind(b"<event>")
    for name, content in (
        ("cut short", text[: last + 100]),
        ("rubbish in it", text[: middle + 20] + b"x y z\n" + text[middle + 20 :]),
        ("a weight missing", varied(text)),
    ):
        file = folder / f"{name}.lhe"
        file.write_bytes(content)
        yield Case(f"LHE, {name}", single(file), {})
    lhe.write_bytes(varied(text).partition(b"</event>")[0] + b"</event>\n</LesHouchesEvents>\n")
    pair = {"name": "tt", "delphes": [str(data / "record" / "tt.root")], "lhe": [str(lhe)]}
    yield Case("Delphes with 1 LHE event for 12, with variations", [pair], {})
    baskets = bytearray(tt.read_bytes())
    baskets[len(baskets) // 2 : len(baskets) // 2 + 2000] = bytes(2000)
    (folder / "bad.root").write_bytes(baskets)
    yield Case("Delphes, baskets lost", single(folder / "bad.root"), {"universal": True})
    good, lost = single(tt), [str(data / "delphes" / "no_delphes_tree.root")]
    beside = [{**good[0], "files": [*lost, *good[0]["files"]]}]
    yield Case("Delphes, one file lost", beside, {"universal": True})
    both = by_process([tt, wjj])
    yield Case("all of a process cut", both, {"select": "n_tops > 0", "universal": True})
    one = {"splits": {"train": 1, "validation": 0, "test": 0}, "objects": {"jets": {"btag_bit": 2}}}
    yield Case("one split, b-tag bit 2", both, {**one, "universal": True})


def varied(text: bytes) -> bytes:
    """Give the events of an LHE file two weight variations, the second event only one."""
    names = b"<initrwgt><weight id='1'>a</weight><weight id='2'>b</weight></initrwgt></header>"
    whole = b"<rwgt><wgt id='1'>1</wgt><wgt id='2'>2</wgt></rwgt></event>"
    first, second, rest = text.replace(b"</header>", names).split(b"</event>", 2)
    half = whole.replace(b"<wgt id='2'>2</wgt>", b"")
    return first + whole + second + half + rest.replace(b"</event>", whole)


def single(file: Path) -> list[dict[str, Any]]:
    """Return one process of one file; the cross-section does not matter here."""
    return [{"name": "p", "files": [str(file)], "cross_section": 2.5}]


def by_process(files: list[Path]) -> list[dict[str, Any]]:
    """Return a process for each first part of a file name."""
    found: dict[str, list[str]] = {}
    for file in files:
        found.setdefault(file.name.partition(".")[0].partition("_")[0], []).append(str(file))
    return [{"name": n, "files": some, "cross_section": 2.5} for n, some in found.items()]


def pairs(sim: Path, pattern: str) -> list[dict[str, Any]]:
    """Return a process for each LHE file that has a Delphes file."""
    return [
        {"name": lhe.name.partition(".")[0], "delphes": [str(delphes)], "lhe": [str(lhe)]}
        for lhe in sorted((sim / "lhe").iterdir())
        if (delphes := sim / pattern.format(lhe.name.partition(".")[0])).exists()
    ]


def row(name: str, report: Report) -> str:
    """Return a line of the table."""
    found = ", ".join(f"{rule} {count}" for rule, count in report.counts.items())
    return f"| {name} | {report.events} | {found or 'none'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/validate.md"))
    options = parser.parse_args()
    rows, without, reports = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        everything = [*cases(options.samples.resolve()), *odd(Path(folder))]
        for number, case in enumerate(everything):
            output = Path(folder) / f"{number}"
            try:
                case.build(output)
            except TopdataError as error:
                without.append(f"- {case.name}: {str(error).replace(f'{options.samples}/', '')}")
                continue
            reports.append(validate(output))
            rows.append(row(case.name, reports[-1]))
            print(rows[-1], flush=True)
    table = "\n".join(["| sample | events | findings |", "|---|---|---|", *rows])
    events = sum(report.events for report in reports)
    text = TEXT.format(
        rules=len(RULES), datasets=len(reports), events=events, table=table,
        findings=sum(report.total for report in reports), without="\n".join(without),
    )  # fmt: skip
    options.output.write_text(text)
    assert all(report.ok for report in reports), "a rule fires: a wrong rule, or a real fault"


TEXT = """# No false alarms of `topdata validate`

Command: `python benchmarks/validate_samples.py SAMPLES`

{datasets} datasets with {events} events, {rules} rules, {findings} findings. *cuts*: objects,
isolation, overlap and selection cut, and the fixed-slot configuration written; *with sim/lhe*:
every Delphes file paired with its LHE file.

{table}

Not built, because no event is left:

{without}
"""


if __name__ == "__main__":
    main()
