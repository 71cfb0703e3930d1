"""A small real checkpoint: normalisation and encoder of the demo dataset."""

import shutil

import pytest
import torch

import topdata
from topfm.checkpoint.facts import Facts, LabelFact, Normalisation, Part, data_seen
from topfm.checkpoint.inputs import inputs_of, targets
from topfm.checkpoint.save import save
from topfm.data.events import load_events
from topfm.data.normalise import Normaliser
from topfm.encoders.transformer import L2Transformer


def network(classes=5):
    torch.manual_seed(3)
    return torch.nn.ModuleDict(
        {
            "normaliser": Normaliser(),
            "encoder": L2Transformer("small", 5),
            "tasks": torch.nn.ModuleDict({"classify": torch.nn.Linear(60, classes)}),
        }
    )


@pytest.fixture(scope="session")
def model(demo_dataset):
    events, _ = load_events(demo_dataset, split="train")
    model = network()
    model["normaliser"].fit(events)
    return model


@pytest.fixture(scope="session")
def facts(demo_dataset):
    manifest = topdata.info(demo_dataset)
    events, label = load_events(demo_dataset, split="train")
    rows, counts = torch.unique(events.source, return_counts=True)
    return Facts(
        versions={"topdata": "0.1.0", "torch": str(torch.__version__)},
        schema_version=manifest.schema_version,
        dataset_fingerprint=manifest.dataset_fingerprint,
        view_fingerprint=manifest.view_fingerprint,
        inputs=inputs_of(manifest.btag_bit),
        encoder=Part(name="l2-transformer", options=L2Transformer("small", 5).options()),
        tasks={"classify": {"weight": 1.0}},
        label=LabelFact(text=label.text, classes=list(label.classes)),
        normalisation=Normalisation(
            targets=targets(), kinds=list(Normaliser.kinds), constant=[], fitted_on=len(events)
        ),
        run={"learning_rate": 1e-3, "seed": 7, "schedule": {"name": "cosine", "warm_up": 0.1}},
        data=data_seen(
            manifest,
            demo_dataset,
            split="train",
            sources=dict(zip(rows.tolist(), counts.tolist(), strict=True)),
        ),
        epochs=3,
        steps=40,
        best_epoch=2,
        results={"auc": {"value": 0.8, "error": None}},
    )


@pytest.fixture(scope="session")
def saved(model, facts, tmp_path_factory):
    """Never change it: take ``checkpoint``."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    texts = {"README.md": b"# A model\n", "training-log.jsonl": b'{"epoch": 1}\n'}
    save(folder, model.state_dict(), facts, texts=texts)
    return folder


@pytest.fixture
def checkpoint(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")
