"""One defect or more for every rule. What else a defect breaks is named beside it."""

import math

import numpy as np
import pyarrow as pa

from .planting import TRAIN, Defect, of_event, of_manifest

WJJ = "data/train-wjj-00000.parquet"
FIXED = "universal/train-00000.parquet"


def hadronic(event):
    return any(w["decay"] == 0 for w in event["truth"]["ws"])


def first_w(event, decay):
    """Return (row, W) of the first W with a decay code."""
    return next((i, w) for i, w in enumerate(event["truth"]["ws"]) if w["decay"] == decay)


def quark_of_w(event):
    row, _ = first_w(event, 0)
    return next(p for p in event["truth"]["partons"] if p["w"] == row)


def put(*path):
    """Return an edit: the last of ``path`` is the new value, or a function of the old one."""
    *keys, last, value = path

    def edit(event):
        for key in keys:
            event = event[key]
        event[last] = value(event[last]) if callable(value) else value

    return edit


def free_jet(event, *, without_leptons=False):
    """Tell whether the last jet is of no parton."""
    return event["jets"][-1]["parton"] == -1 and not (without_leptons and event["leptons"])


def matched(event):
    return event["jets"][0]["parton"] >= 0 and not event["leptons"]


def shift_eta(event):
    jet = event["jets"][0]
    jet["eta"] += 1.0 if jet["eta"] < 0 else -1.0


def onto_lepton(event):
    event["jets"][-1] |= {name: event["leptons"][0][name] for name in ("eta", "phi")}


def swap(event, name, member="pt"):
    rows = event["truth"][name] if name in event["truth"] else event[name]
    rows[0][member], rows[1][member] = rows[1][member], rows[0][member]


def point_to(event, name, codes):
    """Let the last object of a list point to the first parton with one of some codes."""
    partons = event["truth"]["partons"]
    row = next(i for i, p in enumerate(partons) if abs(p["pdg_id"]) in codes)
    event[name][-1]["parton"] = row


def has(event, name, codes):
    return bool(event[name]) and any(abs(p["pdg_id"]) in codes for p in event["truth"]["partons"])


def repeat_match(event):
    event["jets"][-1]["parton"] = next(j["parton"] for j in event["jets"] if j["parton"] >= 0)


def to_muon(event):
    _, w = first_w(event, 11)
    w["decay"] = event["truth"]["tops"][w["top"]]["decay"] = 13


def has_electron(event):
    return any(w["decay"] == 11 for w in event["truth"]["ws"])


EVENTS = [
    of_event("null jet pt", "values.null", put("jets", 0, "pt", None)),
    of_event("null scalar", "values.null", put("n_tops", None)),
    of_event("null truth", "values.null", put("truth", "partons", 1, "origin", None)),
    of_event("null list", "values.null", put("photons", None)),
    of_event("nan met", "values.finite", put("met", "pt", math.nan)),
    of_event("infinite weight", "values.finite", put("weight", math.inf)),
    of_event("nan jet mass", "values.finite", put("jets", 1, "mass", math.nan)),
    of_event("infinite variation", "values.finite", put("weights", [math.inf])),
    of_event("negative pt", "momentum.pt", put("truth", "partons", 0, "pt", lambda x: -x)),
    of_event("phi of 4", "momentum.phi", put("truth", "tops", 0, "phi", 4.0)),
    of_event("phi of -pi", "momentum.phi", put("truth", "tops", 0, "phi", -float(np.float32(np.pi)))),
    of_event("top of 1e6 GeV", "momentum.size", put("truth", "tops", 0, "eta", 12.0)),
    of_event(
        "eta of 8.5", "momentum.eta", put("jets", -1, "eta", 8.5), where=free_jet,
        also=("selection.objects",),
    ),
    of_event("imaginary jet mass", "momentum.mass", put("jets", 0, "mass", -50.0)),
    of_event("jets out of order", "momentum.order", lambda e: swap(e, "jets")),
    of_event("tops out of order", "momentum.order", lambda e: swap(e, "tops")),
    of_event("negative met", "met.range", put("met", "pt", -1.0)),
    of_event("met phi of -4", "met.range", put("met", "phi", -4.0)),
    of_event("met in MeV", "met.size", put("met", "pt", 9e4), base="paired"),
    of_event("negative btag", "jets.tags", put("jets", 0, "btag", -1)),
    of_event(
        "btag of a parton", "jets.tags", put("jets", 0, "btag", 1), base="partons",
        where=lambda e: e["jets"][0]["flavor"] < 5,
    ),
    of_event("flavor 99", "jets.flavor", put("jets", 0, "flavor", 99)),
    of_event("charge 127", "jets.charge", put("jets", 0, "charge", 127)),
    of_event("jet mass in MeV", "jets.mass", put("jets", 0, "mass", lambda x: 1000 * x + 5000)),
    of_event(
        "charge of a lepton", "leptons.identity", put("leptons", 0, "charge", lambda x: -x),
        where=lambda e: e["leptons"],
    ),
    of_event(
        "a tau among leptons", "leptons.identity", put("leptons", 0, "pdg_id", 15),
        where=lambda e: e["leptons"] and e["leptons"][0]["charge"] < 0,
        also=("leptons.mass", "match.leptons"),
    ),
    of_event(
        "lepton mass", "leptons.mass", put("leptons", 0, "mass", 0.5), where=lambda e: e["leptons"]
    ),
    of_event(
        "negative isolation", "isolation.range", put("leptons", 0, "isolation", -0.1),
        where=lambda e: e["leptons"],
    ),
    of_event(
        "isolation 999", "isolation.range", put("photons", 0, "isolation", 999.0),
        where=lambda e: e["photons"],
    ),
    of_event("soft jet", "selection.objects", put("jets", -1, "pt", 24.9)),
    of_event(
        "isolated no more", "selection.objects", put("leptons", 0, "isolation", 0.21),
        where=lambda e: e["leptons"] and abs(e["leptons"][0]["pdg_id"]) == 11,
    ),
    of_event(
        "forward jet", "selection.objects", put("jets", -1, "eta", 4.8), where=free_jet,
    ),
    of_event(
        "jet on a lepton", "selection.overlap", onto_lepton,
        where=lambda e: free_jet(e) and e["leptons"] and abs(e["leptons"][0]["eta"]) < 2,
    ),
    of_event("too few jets", "selection.cuts", lambda e: e["jets"].__delitem__(slice(1, None))),
    of_event("label", "process.label", put("process", 0)),
    of_event(
        "source 9", "source.index", put("source", 9), also=("source.rows", "source.weights")
    ),
    of_event(
        "source of another process", "source.index", put("source", 0),
        also=("source.rows", "source.weights", "event.split", "event.unique"),
    ),
    of_event("entry 1000000", "event.range", put("event", 1_000_000), also=("event.split",)),
    of_event("matrix element lost", "event.lhe", put("truth", "me", []), base="paired"),
    of_event(
        "another LHE event", "event.lhe", put("lhe_event", lambda x: x + 1), base="paired",
        also=("event.split",),
    ),
    of_event("LHE event of no file", "event.lhe", put("lhe_event", 3)),
    of_event("weight by 1e-9", "weight.scale", put("weight", lambda x: x * (1 + 1e-9))),
    of_event("a variation", "weight.variations", put("weights", [1.0])),
    of_event("n_tops 3", "truth.count", put("n_tops", 3)),
    of_event("truth without record", "truth.count", put("n_tops", -1)),
    of_event(
        "unknown parton", "truth.codes", put("truth", "me", 2, "pdg_id", 99), base="paired"
    ),
    of_event("top mass in MeV", "truth.mass", put("truth", "tops", 0, "mass", 173_000.0)),
    of_event("no W mass", "truth.mass", put("truth", "ws", 0, "mass", 0.0),
             also=("truth.w-momentum",)),
    of_event("top of no list", "truth.links", put("truth", "ws", 0, "top", 3), path=WJJ),
    of_event(
        "another top than its W's", "truth.links",
        lambda e: quark_of_w(e).update(top=-1), where=hadronic,
    ),
    of_event("W forgets its decay", "truth.top-w", put("truth", "ws", 0, "decay", -1)),
    of_event("charm for bottom", "truth.bottom", put("truth", "partons", 0, "pdg_id",
             lambda x: 4 if x > 0 else -4)),
    of_event("electron called muon", "truth.w-daughters", to_muon, where=has_electron),
    of_event(
        "antiquark for quark", "truth.charge",
        lambda e: quark_of_w(e).update(pdg_id=-quark_of_w(e)["pdg_id"]), where=hadronic,
    ),
    of_event(
        "hard daughter", "truth.w-momentum",
        lambda e: quark_of_w(e).update(pt=3 * quark_of_w(e)["pt"]), where=hadronic,
    ),
    of_event("origin 0", "truth.origin", put("truth", "partons", 0, "origin", 0)),
    of_event("off balance", "truth.me", put("truth", "me", 2, "pt", lambda x: x + 50),
             base="paired"),
    of_event("parton 100", "match.range", put("jets", 0, "parton", 100)),
    of_event(
        "matched twice", "match.unique", repeat_match, also=("match.radius",),
        where=lambda e: free_jet(e) and any(j["parton"] >= 0 for j in e["jets"]),
    ),
    of_event(
        "jet is a neutrino", "match.jets", lambda e: point_to(e, "jets", (12, 14, 16)),
        where=lambda e: free_jet(e) and has(e, "jets", (12, 14, 16)), also=("match.radius",),
    ),
    of_event("jet far from its parton", "match.radius", shift_eta, where=matched),
    of_event(
        "no longer its parton", "match.radius", put("jets", 0, "pt", lambda x: x + 1),
        base="partons",
    ),
    of_event(
        "lepton is a b", "match.leptons", lambda e: point_to(e, "leptons", (5,)),
        where=lambda e: has(e, "leptons", (5,)),
    ),
]  # fmt: skip


def twice(planted):
    table = planted.table(TRAIN)
    planted.write(TRAIN, table.take([*range(5), 3, *range(6, table.num_rows)]))
    return TRAIN, 5


def exchanged(planted):
    """One event of train and one of test change places."""
    test = "data/test-tt-00000.parquet"
    a, b = planted.table(TRAIN), planted.table(test)
    planted.write(TRAIN, pa.concat_tables([b[:1], a[1:]]).combine_chunks())
    planted.write(test, pa.concat_tables([a[:1], b[1:]]).combine_chunks())
    return TRAIN, 0


def in_two_splits(planted):
    """An event of train stands in test too, which is read first."""
    test = "data/test-tt-00000.parquet"
    a, b = planted.table(TRAIN), planted.table(test)
    planted.write(test, pa.concat_tables([a[4:5], b[1:]]).combine_chunks())
    return TRAIN, 4


def quarantined(planted):
    event = planted.table(TRAIN).column("event")[7].as_py()
    with planted.manifest() as manifest:
        lost = {"source": 1, "ranges": [[event, event + 1]], "reason": "a {brace}"}
        manifest["quarantine"].append(lost)
    return TRAIN, 7


def of_all_wjj(columns):
    def plant(planted):
        for split in ("train", "validation", "test"):
            path = f"data/{split}-wjj-00000.parquet"
            rows = planted.table(path).num_rows
            for name, value in columns.items():
                planted.replace(path, name, [value] * rows)
        return None, None

    return plant


def truncated(planted):
    path = planted.folder / TRAIN
    path.write_bytes(path.read_bytes()[:-1000])
    planted.describe(TRAIN)
    return TRAIN, None


def damaged_page(planted):
    path = planted.folder / TRAIN
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    planted.describe(TRAIN)
    return TRAIN, None


def retyped(change):
    def plant(planted):
        planted.write(TRAIN, change(planted.table(TRAIN)))
        return TRAIN, None

    return plant


def wide_tags(table):
    schema = table.schema
    jets = schema.field("jets").type.value_type
    members = [f.with_type(pa.int16()) if f.name == "btag" else f for f in jets]
    field = schema.field("jets").with_type(pa.list_(pa.struct(members)))
    return table.cast(schema.set(schema.get_field_index("jets"), field))


def without_index(planted):
    planted.write(TRAIN, planted.table(TRAIN), index=False)
    return TRAIN, 0


def other_level(table):
    return table.replace_schema_metadata({**table.schema.metadata, b"topdata.level": b"parton"})


def removed(planted):
    (planted.folder / TRAIN).unlink()
    return TRAIN, None


def added(name):
    def plant(planted):
        (planted.folder / name).write_text("x")
        return name, None

    return plant


def renumbered(planted):
    new = TRAIN.replace("00000", "00003")
    (planted.folder / TRAIN).rename(planted.folder / new)
    with planted.manifest() as manifest:
        next(f for f in manifest["files"] if f["path"] == TRAIN)["path"] = new
    return new, None


def half_a_manifest(planted):
    path = planted.folder / "topdata.json"
    path.write_text(path.read_text()[:5000])
    return "topdata.json", None


def card(change):
    def plant(planted):
        path = planted.folder / "README.md"
        change(path)
        return "README.md", None

    return plant


def replaced(old, new):
    return card(lambda path: path.write_text(path.read_text().replace(old, new, 1)))


FILES = [
    Defect("an event twice", "event.unique", twice),
    Defect("an event in two splits", "event.unique", in_two_splits,
           also=frozenset({"event.split"})),
    Defect("exchanged between splits", "event.split", exchanged),
    Defect("event in quarantine", "event.quarantined", quarantined,
           also=frozenset({"quarantine.ranges"})),
    Defect("met always 50", "met.constant", of_all_wjj({"met": {"pt": 50.0, "phi": 0.0}})),
    Defect("no weight at all", "weight.nonzero", of_all_wjj({"gen_weight": 0.0, "weight": 0.0}),
           also=frozenset({"source.weights", "weight.sum"})),
    Defect("truncated shard", "shard.readable", truncated),
    Defect("damaged page", "shard.readable", damaged_page),
    Defect("wide tags", "shard.schema", retyped(wide_tags)),
    Defect("a column less", "shard.schema", retyped(lambda t: t.drop_columns(["lhe_event"]))),
    Defect("another level", "shard.metadata", retyped(other_level)),
    Defect("no metadata", "shard.metadata", retyped(lambda t: t.replace_schema_metadata())),
    Defect("no page index", "shard.row-groups", without_index),
    Defect("file removed", "files.present", removed),
    Defect("a file too many", "files.unexpected", added("data/notes.txt")),
    Defect("a model too many", "files.unexpected", added("weights.pkl")),
    Defect("numbered 3", "manifest.paths", renumbered),
    Defect("half a manifest", "manifest.readable", half_a_manifest),
    Defect("another class name", "card.metadata", replaced("'0': wjj", "'0': wbb")),
    Defect("another fingerprint", "card.metadata", replaced("view_fingerprint: ", "view_fingerprint: 0")),
    Defect("no card", "card.metadata", card(lambda path: path.unlink())),
    Defect("no YAML", "card.metadata", card(lambda path: path.write_text("# a dataset"))),
]  # fmt: skip


def entry(manifest, path):
    return next(file for file in manifest["files"] if file["path"] == path)


def edited(*path):
    return lambda manifest: put(*path)(manifest)


def between_processes(manifest):
    a, b = (process["splits"] for process in manifest["processes"])
    a["train"], a["test"], b["train"], b["test"] = (
        a["train"] + 1, a["test"] - 1, b["train"] - 1, b["test"] + 1,
    )  # fmt: skip


def between_sources(manifest):
    """Say that one event was written of another source of the process."""
    for source, more in zip(manifest["sources"][1:], (1, -1), strict=True):
        source["ledger"]["written"] += more
        source["ledger"]["cut"] -= more
        source["flow"][-1][0] += more


def weight_between_sources(manifest):
    for source, more in zip(manifest["sources"][1:], (-1.0, 1.0), strict=True):
        source["flow"][-1][1] += more


def cut_both(manifest):
    manifest["sources"][0]["ledger"]["cut"] += 1
    manifest["processes"][0]["ledger"]["cut"] += 1


def scaled_sum(manifest):
    for name in ("sum_weight", "efficiency"):
        manifest["processes"][0][name] *= 1.001


def moved_to_quarantine(manifest):
    manifest["processes"][0]["ledger"]["cut"] -= 1
    manifest["processes"][0]["ledger"]["quarantined"] += 1


def lost(*ranges):
    return lambda m: m["quarantine"].append({"source": 0, "ranges": ranges, "reason": "x"})


def lost_twice(manifest):
    """Two entries are lost, and the ledger says so, but both are one."""
    for counted in (manifest["sources"][0], manifest["processes"][0]):
        counted["ledger"]["cut"] -= 2
        counted["ledger"]["quarantined"] += 2
    manifest["sources"][0]["flow"][0][0] -= 2
    manifest["processes"][0]["cut_flow"][0]["events"] -= 2
    lost((5, 6), (5, 6))(manifest)


SAID = ("shard.metadata", "card.metadata")
MANIFESTS = [
    of_manifest("another schema", "manifest.schema", edited("dataset_fingerprint", "0" * 64), also=SAID),
    of_manifest("another view", "manifest.schema", edited("view_fingerprint", "0" * 64), also=SAID),
    of_manifest("level", "manifest.level", edited("level", "detector"), also=SAID),
    of_manifest("recipe", "manifest.recipe", edited("recipe", "objects", "jets", {"min_ptt": 1})),
    of_manifest("b-tag bit", "manifest.recipe", edited("btag_bit", 2),
                also=(*SAID, "manifest.schema")),
    of_manifest("order of processes", "manifest.classes", lambda m: m["processes"].reverse()),
    of_manifest("no hash", "manifest.sources", edited("sources", 0, "sha256", "xyz")),
    of_manifest("no hash of the LHE file", "manifest.sources", edited("sources", 0, "lhe", "a.lhe")),
    of_manifest("efficiency", "manifest.normalisation",
                edited("processes", 0, "efficiency", lambda x: x + 0.1)),
    of_manifest("negative weights", "manifest.normalisation",
                edited("processes", 0, "negative_weights", 1)),
    of_manifest("unknown cut", "manifest.cuts",
                edited("processes", 0, "cut_flow", 1, "cut", "n_jetz >= 2")),
    of_manifest("rows of the splits", "manifest.rows", between_processes),
    of_manifest("rows of a file", "shard.rows", lambda m: put("rows", lambda x: x + 1)(entry(m, TRAIN)),
                also=("manifest.rows",), path=TRAIN),
    of_manifest("hash of a file", "files.checksum",
                lambda m: put("sha256", "0" * 64)(entry(m, TRAIN)), path=TRAIN),
    of_manifest("size of a file", "files.checksum",
                lambda m: put("size", 5)(entry(m, TRAIN)), path=TRAIN),
    of_manifest("cut once more", "ledger.closes", cut_both),
    of_manifest("entries", "ledger.closes", edited("sources", 0, "entries", lambda x: x + 1)),
    of_manifest("cut or quarantined", "ledger.sums", moved_to_quarantine, also=("cutflow.events",)),
    of_manifest("end of the cut flow", "cutflow.events",
                edited("processes", 0, "cut_flow", 1, "events", lambda x: x + 1)),
    of_manifest("weight of the cut flow", "cutflow.weights",
                edited("processes", 0, "cut_flow", 1, "sum_gen_weight", lambda x: x * 1.01)),
    of_manifest("lost outside", "quarantine.ranges", lost((700, 702))),
    of_manifest("lost twice", "quarantine.ranges", lost_twice, also=("event.quarantined",)),
    of_manifest("written of another source", "source.rows", between_sources),
    of_manifest("weight of another source", "source.weights", weight_between_sources),
    of_manifest("sum of weights", "weight.sum", scaled_sum),
]  # fmt: skip


def renamed(new):
    """Give the training shard another path, on disk and in the manifest."""

    def plant(planted):
        (planted.folder / TRAIN).rename(planted.folder / new)
        with planted.manifest() as manifest:
            entry(manifest, TRAIN)["path"] = new
        return new, None

    return plant


def no_flow(manifest):
    manifest["sources"][0]["flow"].pop()


def growing(manifest):
    for flow in (manifest["processes"][0]["cut_flow"], manifest["sources"][0]["flow"]):
        flow.insert(1, {**flow[0], "events": 5} if isinstance(flow[0], dict) else [5, flow[0][1]])
    manifest["processes"][0]["cut_flow"][1]["cut"] = "n_jets >= 1"


SUMS = ("source.rows", "source.weights", "weight.sum", "manifest.rows")
MANIFESTS += [
    of_manifest("b-tag bit 9", "manifest.level", edited("btag_bit", 9),
                also=(*SAID, "manifest.schema", "manifest.recipe")),
    of_manifest("one class twice", "manifest.classes", edited("classes", ["tt", "tt"]),
                also=("card.metadata", "manifest.paths", "manifest.sources", "ledger.sums",
                      "cutflow.events", "cutflow.weights", "manifest.normalisation", "process.label",
                      "source.index", "source.rows", "source.weights", "weight.sum", "weight.scale")),
    of_manifest("source of no process", "manifest.sources", edited("sources", 2, "process", "x"),
                also=("ledger.sums", "cutflow.events", "cutflow.weights", "source.index",
                      "manifest.normalisation")),
    of_manifest("negative entries", "manifest.sources", edited("sources", 2, "entries", -1),
                also=("ledger.closes", "event.range")),
    of_manifest("no cross-section", "manifest.normalisation",
                edited("processes", 0, "cross_section", 0.0), also=("weight.scale", "weight.sum")),
    of_manifest("sum of generator weights", "manifest.normalisation",
                edited("processes", 0, "sum_gen_weight", lambda x: x * (1 + 1e-6)),
                also=("weight.scale", "cutflow.weights")),
    of_manifest("not all at first", "manifest.cuts",
                edited("processes", 0, "cut_flow", 0, "cut", "n_jets >= 0")),
    of_manifest("events between the splits", "manifest.rows",
                edited("processes", 0, "splits", "train", lambda x: x + 1), also=("card.metadata",)),
    of_manifest("a step too few", "cutflow.events", no_flow, also=("cutflow.weights", "source.weights")),
    of_manifest("growing cut flow", "cutflow.events", growing),
    of_manifest("begin of the weights", "cutflow.weights",
                edited("processes", 0, "cut_flow", 0, "sum_gen_weight", lambda x: x + 100)),
    of_manifest("lost of no source", "quarantine.ranges",
                lambda m: m["quarantine"].append({"source": 7, "ranges": [], "reason": "x"})),
]  # fmt: skip
FILES += [
    Defect("no name of a shard", "manifest.paths", renamed("data/train.parquet"),
           also=frozenset(SUMS)),
    Defect("split unknown", "manifest.paths", renamed("data/spare-tt-00000.parquet"),
           also=frozenset({"manifest.rows"})),
    Defect("process unknown", "manifest.paths", renamed("data/train-zz-00000.parquet"),
           also=frozenset(SUMS)),
    Defect("a configuration more", "card.metadata",
           replaced("  view_fingerprint:", "  other: 1\n  view_fingerprint:")),
]  # fmt: skip


def exchanged_types(event):
    """The sum of all types stays the same."""
    event["type"][4], event["type"][18] = event["type"][18], event["type"][4]


def fixed_twice(planted):
    table = planted.table(FIXED)
    planted.write(FIXED, table.take([1, *range(1, table.num_rows)]))
    return FIXED, 1


UNIVERSAL = [
    of_event("null count", "universal.shape", put("n_jets", None), base="universal", path=FIXED),
    of_event("18 slots", "universal.shape", lambda e: e["objects"].pop(), base="universal", path=FIXED),
    Defect("fixed row twice", "universal.events", fixed_twice, base="universal"),
    of_event("energy of a slot", "universal.view", put("objects", 0, 6, lambda x: x * 1.01),
             base="universal", path=FIXED, where=lambda e: e["objects"][0][6] > 0),
    of_event("type of a slot", "universal.view", put("type", 0, 7), base="universal", path=FIXED),
    of_event("phi of a slot", "universal.view", put("objects", 18, 2, 0.5), base="universal", path=FIXED),
    of_event("weight in universal", "universal.view", put("weight", 1.0), base="universal", path=FIXED),
    of_event("nan in universal", "universal.view", put("ws", 0, 3, math.nan), base="universal",
             path=FIXED),
    of_event("types exchanged", "universal.view", exchanged_types, base="universal", path=FIXED),
    of_manifest("rows of universal", "manifest.rows", lambda m: put("rows", 5)(entry(m, FIXED)),
                base="universal", also=("shard.rows",)),
    of_event("null slots", "universal.shape", put("type", None), base="universal", path=FIXED),
    of_event("jet after the view", "universal.view", put("jets", 0, "mass", 7.5), base="universal"),
]  # fmt: skip

DEFECTS = [*EVENTS, *FILES, *MANIFESTS, *UNIVERSAL]
