"""What every registered reader must do."""

from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from topdata.entrypoints import registered
from topdata.errors import InputError
from topdata.events import Damage, EventChunk, Jagged, ReadOptions
from topdata.registry import READERS, head_of, reader_for

SAMPLES = {
    "delphes": ["demo/tt.root", "record/tt.root", "delphes/herwig_status.root"],
    "comphep": ["comphep/singletop_cpyth1.txt.gz", "comphep/singletop_cpyth2.txt.gz"],
    "darkmachines": ["darkmachines/background_chan1_first40.csv"],
    "lhco": ["lhco/mw_ttprod.lhco.gz"],
    "lhe": ["lhe/ttdecay.lhe.gz", "lhe/mg5_ttbar_nlo.lhe.gz"],
}
CASES = [(name, sample) for name in registered(READERS) for sample in SAMPLES[name]]


@pytest.fixture
def opened(request, pytestconfig):
    name, sample = request.param
    path = str(pytestconfig.rootpath / "tests" / "data" / sample)
    reader = reader_for(path)(path, ReadOptions())
    assert isinstance(reader, registered(READERS)[name].load())
    yield reader
    reader.close()


def flat(chunks):
    """Concatenate everything that chunks hold."""
    result = {}
    for chunk in chunks:
        assert isinstance(chunk, EventChunk)
        columns = {"event": chunk.event, "weight": chunk.gen_weight, **chunk.met}
        for field in fields(chunk):
            value = getattr(chunk, field.name)
            if isinstance(value, Jagged):
                columns |= {f"{field.name}.{k}": v for k, v in value.columns.items() if k != "gen"}
                columns[f"{field.name}.counts"] = value.counts
        if chunk.gen is not None:
            columns |= {f"gen.{k}": chunk.gen.column(k) for k in ("pid", "pt", "status")}
        if chunk.weights is not None:
            columns["weights"] = chunk.weights
        for key, values in columns.items():
            result.setdefault(key, []).append(values)
    return {key: np.concatenate(parts) for key, parts in result.items()}


@pytest.mark.parametrize("opened", CASES, indirect=True)
def test_ranges_do_not_change_the_events(opened):
    n = opened.info.entries
    whole = flat(opened.chunks(0, n))
    cuts = [0, n // 3, n // 3, n - 1, n]
    parts = flat(c for a, b in pairwise(cuts) for c in opened.chunks(a, b))
    assert whole.keys() == parts.keys()
    for key in whole:
        assert np.array_equal(whole[key], parts[key]), key
    assert whole["event"].tolist() == list(range(n))


@pytest.mark.parametrize("opened", CASES, indirect=True)
def test_values_are_physical(opened):
    columns = flat(opened.chunks(0, opened.info.entries))
    for name in ("jets", "leptons", "photons"):
        assert (columns[f"{name}.pt"] >= 0).all()
        assert (np.abs(columns[f"{name}.phi"]) <= np.float32(np.pi)).all()
        assert columns[f"{name}.pt"].dtype == np.float32
    assert set(np.abs(columns["leptons.pdg_id"])) <= {11, 13}
    assert np.median(columns["jets.pt"]) < 500  # GeV, not MeV


@pytest.mark.parametrize("opened", CASES, indirect=True)
def test_nothing_is_reported_damaged(opened):
    assert not any(isinstance(c, Damage) for c in opened.chunks(0, opened.info.entries))


@pytest.mark.parametrize("name", registered(READERS))
def test_a_reader_knows_its_files_and_no_others(name, pytestconfig):
    reader = registered(READERS)[name].load()
    path = pytestconfig.rootpath / "tests" / "data" / SAMPLES[name][0]
    assert reader.sniff(head_of(str(path)))
    for other in (b"", b"<html>", b"\x89HDF\r\n", b"PAR1", b"HepMC::Version 3"):
        assert not reader.sniff(other)


@pytest.mark.parametrize("opened", CASES, indirect=True)
def test_truncation_is_an_error_or_damage(opened, tmp_path):
    content = Path(opened.path).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[: len(content) // 2])
    try:
        reader = reader_for(str(path))(str(path), ReadOptions())
        items = list(reader.chunks(0, reader.info.entries))
    except InputError:
        return
    assert any(isinstance(item, Damage) for item in items)


def test_the_ending_of_a_name_does_not_matter(tmp_path, demo):
    path = tmp_path / "events.txt"
    path.write_bytes((demo / "ttt.root").read_bytes())
    assert reader_for(str(path)).__name__ == "DelphesReader"


def test_every_reader_is_listed_once():
    assert list(registered(READERS)) == sorted(SAMPLES)
