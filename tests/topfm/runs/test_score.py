"""Scores in a file, and the search that reads two of them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import topdata
import topfm as package
from topfm.evaluation.entropy import entropy


@pytest.fixture(scope="module")
def scores(base, demo_dataset, tmp_path_factory):
    from topfm.located import Located
    from topfm.runs.score import score

    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    assert score(base, Located(demo_dataset), path) == topdata.info(demo_dataset).total.written
    return path


def test_columns(scores, base, demo_dataset):
    table = pq.read_table(scores)
    p = np.stack(table["probabilities"].to_numpy())
    assert p.shape == (len(table), 5)
    assert np.allclose(p.sum(1), 1, atol=1e-5)
    assert np.allclose(table["entropy"].to_numpy(), entropy(p), atol=1e-5)
    about = json.loads(table.schema.metadata[b"topfm"])
    assert about["classes"] == list("01234")
    found = package.load(base).predict(demo_dataset)
    assert np.array_equal(p, found.probabilities)
    assert np.array_equal(np.stack(table["embedding"].to_numpy()), found.embedding)
    events = topdata.load(demo_dataset, columns=["event", "weight", "met"])
    order = np.lexsort((events.event, events.weight))
    own = np.lexsort((table["event"].to_numpy(), table["weight"].to_numpy()))
    met = events.met.pt.to_numpy()[order]
    assert np.allclose(table["met"].to_numpy()[own], met, rtol=1e-6)


def test_search_of_a_sample_in_itself_finds_nothing(scores, topfm, tmp_path):
    ran = topfm("search", scores, scores, "--json", "--plot", tmp_path / "entropy.png")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["entropy_auc"]["value"] == pytest.approx(0.5)
    assert found["met_ks"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert (tmp_path / "entropy.png").read_bytes()[:4] == b"\x89PNG"


def test_search_finds_what_is_different(scores, topfm, tmp_path):
    table = pq.read_table(scores)
    process = table["process"].to_numpy(zero_copy_only=False)
    for name, kept in (("sm", process == "tt"), ("new", process == "ttdm")):
        pq.write_table(table.filter(kept), tmp_path / name)
    ran = topfm("search", tmp_path / "sm", tmp_path / "new", "--json")
    met = json.loads(ran.out)["met_auc"]
    assert met["value"] - 0.5 > 5 * met["error"]  # dark matter is MET


def test_scores_of_two_checkpoints_are_not_compared(scores, topfm, tmp_path):
    table = pq.read_table(scores)
    about = {**json.loads(table.schema.metadata[b"topfm"]), "checkpoint": "0" * 64}
    other = table.replace_schema_metadata({b"topfm": json.dumps(about)})
    pq.write_table(other, tmp_path / "other.parquet")
    ran = topfm("search", scores, tmp_path / "other.parquet")
    assert ran.code == 2
    assert "not scored by the checkpoint" in ran.err


def test_overwrite_and_one_split(base, demo_dataset, topfm, tmp_path):
    output = tmp_path / "s.parquet"
    for extra in ((), ("--overwrite", "--split", "test", "--no-embedding")):
        ran = topfm("score", base, demo_dataset, "-o", output, *extra)
        assert ran.code == 0, ran.err
    table = pq.read_table(output)
    assert len(table) == topdata.info(demo_dataset).split_counts()["test"]
    assert "embedding" not in table.column_names
