"""The array code against the slow oracle, event by event, on real and on peculiar files."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import uproot

from topdata.events import EventChunk, GenRecord, Jagged, ReadOptions, offsets_of
from topdata.readers.delphes import DelphesReader
from topdata.recipe import Matching
from topdata.truth import match, no_truth, truth_of

from .oracle import Jet, Lepton, Particle, Row, Truth, delta_r, match_event, truth_of_event

DATA = Path(__file__).parents[2] / "data"
METHODS = ("assignment", "unique", "closest")
RADIUS = 0.4
EVENTS = 60  # of each file
PARTICLE = ("PID", "Status", "IsPU", "M1", "M2", "D1", "D2", "PT", "Eta", "Phi", "Mass")
LEPTON = ("PT", "Eta", "Phi", "Charge", "Particle")


def collection(tree, name, leaves, n):
    """Per event the rows of the first branch of that name; no rows if it is absent."""
    branch = next((b for b in tree.branches if b.name == name), None)
    if branch is None:
        return [[] for _ in range(min(n, tree.num_entries))]
    by_name = {}
    for leaf in branch.branches:
        by_name.setdefault(leaf.name.rsplit(".", 1)[-1], leaf)
    columns = [by_name[leaf].array(entry_stop=n).tolist() for leaf in leaves]
    return [list(zip(*event, strict=True)) for event in zip(*columns, strict=True)]


@dataclass
class Event:
    particles: list[Particle]
    jets: list[Jet]
    leptons: list[Lepton]
    lepton_pt: list[float]


def meant(lepton, named, particles):
    """Of the particles that carry the id of a reference (a thinned record has some ids twice),
    the nearest of the lepton's own kind."""
    if len(named) > 1:
        named = [i for i in named if particles[i].pid == lepton.pdg_id] or named
    return min(
        named,
        key=lambda i: delta_r(lepton.eta, lepton.phi, particles[i].eta, particles[i].phi),
        default=None,
    )


def events_of(path, n):
    """What the oracle works on, read without topdata; ``None`` for a file without a record."""
    with uproot.open(path) as file:
        if not any(key.startswith("Delphes;") for key in file):
            return None
        tree = file["Delphes"]
        if not any(branch.name == "Particle" for branch in tree.branches):
            return None
        records = collection(tree, "Particle", (*PARTICLE, "fUniqueID"), n)
        jets = collection(tree, "Jet", ("Eta", "Phi"), n)
        electrons = collection(tree, "Electron", LEPTON, n)
        muons = collection(tree, "Muon", LEPTON, n)
    events = []
    for record, jet, electron, muon in zip(records, jets, electrons, muons, strict=True):
        particles = [Particle(p[0], p[1], bool(p[2]), *p[3:11]) for p in record]
        targets = {}
        for i, (*_, unique) in enumerate(record):
            targets.setdefault(unique & 0xFFFFFF, []).append(i)
        leptons = []
        for kind, rows in ((11, electron), (13, muon)):
            for pt, eta, phi, charge, reference in rows:
                identity = reference["ref"] & 0xFFFFFF
                named = targets.get(identity, []) if identity else []
                lepton = Lepton(-charge * kind, eta, phi, None)
                leptons.append((pt, replace(lepton, gen=meant(lepton, named, particles))))
        events.append(
            Event(
                particles,
                [Jet(*row) for row in jet],
                [lepton for _, lepton in leptons],
                [pt for pt, _ in leptons],
            )
        )
    return events


def lists_of(jagged, names):
    """Rows of each event as tuples of plain numbers."""
    columns = [jagged[name].tolist() for name in names]
    rows = list(zip(*columns, strict=True))
    return [rows[a:b] for a, b in zip(jagged.offsets, jagged.offsets[1:], strict=False)]


def split(flat, jagged):
    return [flat[a:b].tolist() for a, b in zip(jagged.offsets, jagged.offsets[1:], strict=False)]


MOMENTUM = ("pt", "eta", "phi", "mass")
TOP = (*MOMENTUM, "pdg_id", "decay")
W = (*MOMENTUM, "pdg_id", "decay", "top")
PARTON = (*MOMENTUM, "pdg_id", "origin", "top", "w")


def plain(row: Row, names):
    return tuple(
        float(np.float32(getattr(row, name))) if name in MOMENTUM else getattr(row, name)
        for name in names
    )


def same_rows(ours, theirs):
    """Equal in order, apart from the rounding of a summed momentum."""
    return len(ours) == len(theirs) and all(
        a == b or (a[4:] == b[4:] and a[:4] == pytest.approx(b[:4], rel=1e-4, abs=1e-4))
        for a, b in zip(ours, theirs, strict=True)
    )


def matched(rows, links):
    return [rows[link] if link >= 0 else None for link in links]


def differences(path, n):
    """Compare one file; return what differs and a count of what was compared."""
    events = events_of(path, n)
    seen = Counter()
    found = []
    if events is None:
        return found, seen
    reader = DelphesReader(str(path), ReadOptions())
    for chunk in reader.chunks(0, len(events)):
        if not isinstance(chunk, EventChunk):
            seen["damaged"] += chunk.stop - chunk.start
            continue
        truth = truth_of(chunk.gen)
        fast = {
            "tops": lists_of(truth.tops, TOP),
            "ws": lists_of(truth.ws, W),
            "partons": lists_of(truth.partons, PARTON),
        }
        links = {}
        for method in METHODS:
            jet, lepton = match(
                truth, chunk.jets, chunk.leptons, chunk.gen, Matching(method=method, radius=RADIUS)
            )
            links[method] = split(jet, chunk.jets), split(lepton, chunk.leptons)
        jets = lists_of(chunk.jets, ("eta", "phi"))
        leptons = lists_of(chunk.leptons, ("pt",))
        for k, entry in enumerate(chunk.event.tolist()):
            event = events[entry]
            assert jets[k] == [(jet.eta, jet.phi) for jet in event.jets], "jets differ"
            assert leptons[k] == [(pt,) for pt in event.lepton_pt], "leptons differ"
            slow = truth_of_event(event.particles)
            rows = {
                "tops": [plain(row, TOP) for row in slow.tops],
                "ws": [plain(row, W) for row in slow.ws],
                "partons": [plain(row, PARTON) for row in slow.partons],
            }
            for name, ours in rows.items():
                theirs = fast[name][k]
                if name == "partons":
                    equal = sorted(ours) == sorted(theirs)
                else:
                    equal = same_rows(ours, theirs)
                if not equal:
                    found.append((path.name, entry, name, ours, theirs))
            seen.update({name: len(ours) for name, ours in rows.items()})
            for method in METHODS:
                jet, lepton = match_event(
                    slow, event.particles, event.jets, event.leptons, method, RADIUS
                )
                for what, ours, theirs in (
                    ("jets", jet, links[method][0][k]),
                    ("leptons", lepton, links[method][1][k]),
                ):
                    a, b = matched(rows["partons"], ours), matched(fast["partons"][k], theirs)
                    if a != b:
                        found.append((path.name, entry, f"{what} {method}", a, b))
                    seen[f"matched {what} {method}"] += sum(row is not None for row in a)
            seen.update(events=1, jets=len(event.jets), leptons=len(event.leptons))
    reader.close()
    return found, seen


@pytest.mark.parametrize(
    "path", sorted(DATA.glob("*/*.root")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_same_truth_and_pairs_as_the_oracle(path):
    found, seen = differences(path, EVENTS)
    assert found == []
    if path.parent.name in ("demo", "record"):
        assert seen["events"] > 10
        assert min(seen["ws"], seen["partons"], seen["matched jets assignment"]) > 0
        assert seen["matched leptons assignment"] > 0


def herwig_like(particles):
    """No status code but final or not, no daughters, and the list in any order."""
    has_children = {mother for p in particles for mother in (p.m1, p.m2)}
    order = np.random.default_rng(len(particles)).permutation(len(particles)).tolist()
    place = {old: new for new, old in enumerate(order)} | {-1: -1}
    return [
        replace(
            particles[old],
            status=11 if old in has_children else 1,
            m1=place[particles[old].m1],
            m2=place[particles[old].m2],
            d1=-1,
            d2=-1,
        )
        for old in order
    ]


def without_ws(particles):
    """Every top goes to b f f', every Higgs to four fermions."""

    def heir(mother):
        while mother >= 0 and abs(particles[mother].pid) == 24:
            mother = particles[mother].m1
        return mother

    kept = [i for i, p in enumerate(particles) if abs(p.pid) != 24]
    place = {old: new for new, old in enumerate(kept)} | {-1: -1}
    return [
        replace(p, m1=place[heir(p.m1)], m2=place[heir(p.m2)], d1=-1, d2=-1)
        for p in (particles[i] for i in kept)
    ]


def with_mixing(particles):
    """Tops go to d or s now and then, with no W to tell which quark that is."""
    mixed = []
    for i, p in enumerate(particles):
        if abs(p.pid) == 5 and p.m1 >= 0 and abs(particles[p.m1].pid) == 6:
            p = replace(p, pid=(5, 3, 1)[i % 3] * (1 if p.pid > 0 else -1))
        mixed.append(p)
    return without_ws(mixed)


def with_pileup(particles):
    """A second collision on top that does not count."""
    shift = len(particles)

    def moved(link):
        return link + shift if link >= 0 else link

    return particles + [
        replace(p, is_pileup=True, m1=moved(p.m1), m2=moved(p.m2), d1=moved(p.d1), d2=moved(p.d2))
        for p in particles
    ]


def record_of(events):
    """The record of a chunk, from the oracle's particles."""
    flat = [p for particles in events for p in particles]
    integers = ("pid", "status", *GenRecord.LINKS)

    def read(name):
        dtype = np.int32 if name in integers else np.bool_ if name == "is_pileup" else np.float32
        return np.array([getattr(p, name) for p in flat], dtype)

    return GenRecord(offsets_of(np.array([len(particles) for particles in events])), read)


@pytest.mark.parametrize("change", [herwig_like, without_ws, with_mixing, with_pileup])
@pytest.mark.parametrize("name", ["tchan", "tt", "ttdm", "ttt", "tttt", "wjj"])
def test_same_truth_in_records_of_other_habits(name, change, demo):
    events = [change(event.particles) for event in events_of(demo / f"{name}.root", EVENTS)]
    fast = truth_of(record_of(events))
    tops, ws = lists_of(fast.tops, TOP), lists_of(fast.ws, W)
    partons = lists_of(fast.partons, PARTON)
    for k, particles in enumerate(events):
        slow = truth_of_event(particles)
        assert same_rows([plain(row, TOP) for row in slow.tops], tops[k])
        assert same_rows([plain(row, W) for row in slow.ws], ws[k])
        assert sorted(plain(row, PARTON) for row in slow.partons) == sorted(partons[k])


def jagged_of(events, names, dtype=np.float32):
    """Columns of each event's rows as a chunk holds them."""
    flat = [row for rows in events for row in rows]
    offsets = offsets_of(np.array([len(rows) for rows in events]))
    return Jagged(
        offsets, {name: np.array([getattr(row, name) for row in flat], dtype) for name in names}
    )


def test_crowded_events_match_as_in_the_oracle():
    random = np.random.default_rng(7)

    def direction(width):
        eta, phi = random.uniform(-width, width), np.pi + random.uniform(-width, width)
        return float(np.float32(eta)), float(np.float32((phi + np.pi) % (2 * np.pi) - np.pi))

    kinds = (1, -5, 21, 4, 11, 22)  # the last two are no jets
    widths = np.repeat((0.3, 0.5, 1.0, 2.0), 100)
    jets = [[Jet(*direction(w)) for _ in range(random.integers(6))] for w in widths]
    partons = [
        [Row(1.0, *direction(w), 0.0, int(random.choice(kinds))) for _ in range(random.integers(7))]
        for w in widths
    ]
    columns = jagged_of(partons, ("eta", "phi"))
    codes = jagged_of(partons, ("pdg_id",), np.int32)["pdg_id"]
    columns.columns |= {
        "pdg_id": codes,
        "target": np.isin(codes, kinds[:4]),
        "gen": np.zeros(len(codes), np.int64),
    }
    fast = replace(no_truth(len(widths)), partons=columns)
    nobody = jagged_of([[] for _ in widths], ("eta", "phi", "pt", "pdg_id", "gen"))
    all_jets = jagged_of(jets, ("eta", "phi"))
    chosen = {}
    for method in METHODS:
        links, _ = match(fast, all_jets, nobody, None, Matching(method=method, radius=RADIUS))
        chosen[method] = split(links, all_jets)
        for k, theirs in enumerate(chosen[method]):
            ours, _ = match_event(Truth(partons=partons[k]), [], jets[k], [], method, RADIUS)
            assert ours == theirs
    # the events do tell the methods apart
    assert sum(a != b for a, b in zip(chosen["assignment"], chosen["closest"], strict=True)) > 20
    assert sum(a != b for a, b in zip(chosen["unique"], chosen["closest"], strict=True)) > 20
