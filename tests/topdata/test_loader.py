"""Reading a dataset back: by us, and by the programs that people use."""

import json
import shutil

import awkward as ak
import duckdb
import numpy as np
import pandas as pd
import pytest

import topdata
from topdata.errors import InputError, RecipeError, SchemaError

CLASSES = ["wjj", "tchan", "tt", "ttt", "tttt", "ttdm"]


def test_load_gives_plain_types(demo_dataset):
    events = topdata.load(demo_dataset)
    assert "?" not in str(events.type)
    assert "option" not in str(events.type)
    assert len(events) == topdata.info(demo_dataset).total.written


def test_load_of_some_columns(demo_dataset):
    events = topdata.load(demo_dataset, split="test", columns=["jets.pt", "truth.tops", "weight"])
    assert events.fields == ["weight", "jets", "truth"]
    assert events.jets.fields == ["pt"]
    assert events.truth.fields == ["tops"]
    assert len(events) == topdata.info(demo_dataset).split_counts()["test"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["jets.pT"]}, "no column 'jets.pT'; did you mean 'jets.pt'"),
        ({"split": "valid"}, "no split 'valid'"),
    ],
)
def test_unknown_names_are_one_line(demo_dataset, options, message):
    with pytest.raises(RecipeError, match=message):
        topdata.load(demo_dataset, **options)


@pytest.mark.parametrize("size", [1, 7, 256, 100_000])
def test_batches_cover_every_event_once(demo_dataset, size):
    counts = topdata.info(demo_dataset).split_counts()
    batches = list(topdata.batches(demo_dataset, split="validation", batch_size=size))
    assert all(len(b["event"]) == size for b in batches[:-1])
    keys = np.concatenate([b["source"] * 10_000 + b["event"] for b in batches])
    assert len(keys) == len(set(keys.tolist())) == counts["validation"]


def test_batches_do_not_depend_on_their_size(demo_dataset):
    def whole(size):
        parts = list(topdata.batches(demo_dataset, batch_size=size))
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    small, large = whole(33), whole(5000)
    assert all(np.array_equal(small[name], large[name]) for name in small)


def test_shuffled_batches_are_mixed_complete_and_repeatable(demo_dataset):
    def keys(seed):
        parts = list(topdata.batches(demo_dataset, split="train", batch_size=100, shuffle=seed))
        return np.concatenate([b["source"] * 10_000 + b["event"] for b in parts]), parts

    first, parts = keys(1)
    assert all(len(set(b["process"].tolist())) == len(CLASSES) for b in parts[:-1])
    assert np.array_equal(first, keys(1)[0])
    assert not np.array_equal(first, keys(2)[0])
    ordered = np.concatenate(
        [b["source"] * 10_000 + b["event"] for b in topdata.batches(demo_dataset, split="train")]
    )
    assert sorted(first.tolist()) == sorted(ordered.tolist())


def test_one_column_may_stand_alone(demo_dataset):
    assert topdata.load(demo_dataset, columns="jets.pt").jets.fields == ["pt"]


def test_drop_last(demo_dataset):
    batches = list(topdata.batches(demo_dataset, batch_size=1000, drop_last=True))
    assert {len(b["event"]) for b in batches} == {1000}


def test_batch_arrays_are_writable_for_torch(demo_dataset):
    torch = pytest.importorskip("torch")
    batch = next(topdata.batches(demo_dataset, batch_size=8))
    for values in batch.values():
        assert values.flags.writeable
        assert torch.from_numpy(values).shape == values.shape


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"view": "universe"}])
def test_bad_options_are_one_line(demo_dataset, options):
    with pytest.raises(RecipeError):
        next(topdata.batches(demo_dataset, **options))


def test_awkward_reads_the_folder(demo_dataset):
    events = ak.from_parquet(demo_dataset / "data")
    assert ak.sum(events.weight) == pytest.approx(
        sum(p.sum_weight for p in topdata.info(demo_dataset).processes), rel=1e-9
    )


def test_pandas_reads_the_folder(demo_dataset):
    frame = pd.read_parquet(demo_dataset / "data")
    assert len(frame) == topdata.info(demo_dataset).total.written
    assert set(frame["process"]) == set(range(len(CLASSES)))


def test_duckdb_reads_the_folder(demo_dataset):
    query = f"""
        SELECT process, count(*), sum(weight), avg(len(jets)) FROM '{demo_dataset}/data/*.parquet'
        WHERE n_tops = 4 GROUP BY process
    """
    ((process, count, weight, jets),) = duckdb.sql(query).fetchall()
    tttt = topdata.info(demo_dataset).processes[CLASSES.index("tttt")]
    assert (process, count) == (4, tttt.ledger.written)
    assert weight == pytest.approx(tttt.sum_weight)
    assert jets > 8


def test_datasets_reads_the_folder(demo_dataset, tmp_path):
    from datasets import load_dataset

    loaded = load_dataset(str(demo_dataset), cache_dir=str(tmp_path))
    counts = topdata.info(demo_dataset).split_counts()
    assert {name: len(split) for name, split in loaded.items()} == counts
    train = loaded["train"]
    assert train.features["process"].names == CLASSES
    row = train[0]
    ours = topdata.load(demo_dataset, split="train")[0]
    assert [jet["pt"] for jet in row["jets"]] == ours.jets.pt.to_list()
    assert row["truth"]["tops"] == ours.truth.tops.to_list()


def test_datasets_streams_the_folder(demo_dataset):
    from datasets import load_dataset

    stream = load_dataset(str(demo_dataset), split="train", streaming=True)
    assert stream.features["process"].names == CLASSES
    assert sum(1 for _ in stream) == topdata.info(demo_dataset).split_counts()["train"]


def test_the_fixed_configuration_is_mixed_and_equal_to_our_view(demo_dataset, tmp_path):
    from datasets import load_dataset

    loaded = load_dataset(
        str(demo_dataset), "universal", split="train", cache_dir=str(tmp_path)
    ).with_format("numpy")
    assert loaded.features["process"].names == CLASSES
    rows = loaded[:]
    first = rows["process"][:200]
    assert len(set(first.tolist())) == len(CLASSES)
    batches = list(topdata.batches(demo_dataset, split="train"))
    ours = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
    here = np.lexsort((rows["event"], rows["source"]))
    there = np.lexsort((ours["event"], ours["source"]))
    for name in ("objects", "type", "tops", "ws", "top_slots", "n_jets", "n_btags"):
        assert np.array_equal(np.stack(rows[name])[here], ours[name][there]), name
    # `datasets` hands out float32
    assert np.array_equal(rows["weight"][here], ours["weight"][there].astype(np.float32))


def test_a_torch_loader_with_two_workers(demo_dataset, tmp_path):
    torch = pytest.importorskip("torch")
    from datasets import load_dataset

    loaded = load_dataset(
        str(demo_dataset), "universal", split="validation", cache_dir=str(tmp_path)
    ).with_format("torch")
    loader = torch.utils.data.DataLoader(loaded, batch_size=64, num_workers=2)
    seen = 0
    for batch in loader:
        assert batch["objects"].shape[1:] == (19, 7)
        assert batch["objects"].dtype == torch.float32
        seen += len(batch["process"])
    assert seen == len(loaded)


def test_a_folder_that_is_no_dataset(tmp_path):
    with pytest.raises(InputError, match="not a topdata dataset"):
        topdata.info(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged manifest"),
        ("{}", "no schema version"),
        ('{"schema_version": "1.0"}', "damaged"),
    ],
)
def test_a_damaged_manifest(tmp_path, text, message):
    (tmp_path / "topdata.json").write_text(text)
    with pytest.raises(InputError, match=message):
        topdata.info(tmp_path)


def test_a_newer_dataset_names_the_remedy(demo_dataset, tmp_path):
    content = json.loads((demo_dataset / "topdata.json").read_text())
    (tmp_path / "topdata.json").write_text(json.dumps({**content, "schema_version": "2.0"}))
    with pytest.raises(SchemaError, match="pip install --upgrade topdata"):
        topdata.info(tmp_path)


def test_a_missing_shard_is_named(demo_dataset, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(demo_dataset, copy)
    (copy / "data" / "train-tt-00000.parquet").unlink()
    with pytest.raises(
        InputError, match=r"train-tt-00000\.parquet: a file of the dataset is missing"
    ):
        topdata.load(copy)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="nothing"):
        _ = topdata.nothing
