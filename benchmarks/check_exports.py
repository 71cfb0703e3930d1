"""Exports in the hands of the programs they are for: their own loaders, and a training step.

The programs want old or many packages, so this runs in an environment of its own, without topdata,
on folders that ``topdata export`` wrote::

    topdata export demo --to spanet -o spanet --tops 3 --leptonic 1
    topdata export demo --to evenet -o evenet
    topdata export demo --to hyper -o hyper --tops 2 --leptonic 1
    python benchmarks/check_exports.py --spanet spanet --evenet evenet --hyper hyper --source HyPER

needs spanet, evenet-core, evenet-lite (PyPI) and a checkout of HyPER (``--source``). What is not
there is left out and said. Every check that fails ends with a traceback.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

EVENTS = 256  # EveNet-Lite has 20 million parameters
WANTED = ("x", "x_mask", "conditions", "classification", "event_weight")


def spanet(folder: Path) -> Iterator[str]:
    import h5py
    import torch

    setattr(np, "object", object)  # noqa: B010  gone from NumPy since SPANet 2.1.1
    from spanet import JetReconstructionModel
    from spanet.dataset.jet_reconstruction_dataset import JetReconstructionDataset
    from spanet.options import Options

    files = {name: str(folder / name) for name in ("event.yaml", "train.h5", "validation.h5")}
    data = JetReconstructionDataset(files["train.h5"], files["event.yaml"])
    with h5py.File(files["train.h5"]) as file:
        for name, (index, _) in data.assignments.items():
            for column, product in enumerate(data.event_info.product_particles[name]):
                stored = file[f"TARGETS/{name}/{product}"][:]
                assert np.array_equal(index[:, column].numpy(), stored), (name, product)
        mask = file["INPUTS/Jets/MASK"][:]
    assert np.array_equal(data.sources["Jets"].source_mask.numpy(), mask)
    means, widths = data.compute_source_statistics()
    assert all(torch.isfinite(t).all() for part in (means, widths) for t in part.values())
    whole = {name: int(m.sum()) for name, (_, m) in data.assignments.items()}
    yield f"JetReconstructionDataset: {len(data)} events, complete targets {whole}"

    options = Options(files["event.yaml"], files["train.h5"], files["validation.h5"])
    options.hidden_dim, options.batch_size, options.num_dataloader_workers = 16, 256, 0
    options.partial_events, options.classification_loss_scale = True, 1.0
    model = JetReconstructionModel(options)
    model.log = lambda *_, **__: None
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loader = torch.utils.data.DataLoader(model.training_dataset, batch_size=256)
    losses = []
    for step, batch in zip(range(5), loader, strict=False):
        loss = model.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.isfinite(losses).all()
    yield f"JetReconstructionModel: 5 training steps, loss {losses[0]:.2f} to {losses[-1]:.2f}"


def evenet(folder: Path) -> Iterator[str]:
    import torch
    from evenet.control.global_config import global_config
    from evenet.dataset.preprocess import flatten_dict, unflatten_dict
    from evenet.network.loss.assignment import convert_target_assignment_array

    global_config.load_yaml(folder / "config.yaml")
    info = global_config.event_info
    arrays = dict(np.load(sorted(folder.glob("train-*.npz"))[0], allow_pickle=False))
    assert info.num_classes["signal"] > arrays["classification"].max()
    assert len(info.segmentation_indices) == arrays["segmentation-class"].shape[-1]
    assert arrays["x"].shape[-1] == len(info.sequential_feature_names)
    yield f"EventInfo: {len(info.process_names)} subprocesses, {info.total_segment_tags} tags"

    names = arrays.pop("process_names")
    known = arrays["subprocess_id"] >= 0
    assert (np.array(info.process_names)[arrays["subprocess_id"][known]] == names[known]).all()
    table, shapes = flatten_dict(arrays)
    back = unflatten_dict({name: table[name].to_numpy() for name in table.column_names}, shapes)
    assert all(np.array_equal(back[name], values) for name, values in arrays.items())
    yield f"flatten and unflatten: {table.num_rows} events, {table.num_columns} columns, equal"

    particles = info.product_particles
    sizes = {p: [len(particles[p][t].names) for t in info.event_particles[p]] for p in particles}
    targets, masks, own, _ = convert_target_assignment_array(
        torch.from_numpy(arrays["assignments-indices"]),
        torch.from_numpy(arrays["assignments-mask"]),
        info.event_particles,
        sizes,
        torch.from_numpy(arrays["subprocess_id"]),
        None,
    )
    complete = 0
    for process in targets:
        for index, mask, mine in zip(targets[process], masks[process], own[process], strict=True):
            assert not (mask & ~mine).any()  # no target of another subprocess
            assert (index[mask] >= 0).all()
            complete += int(mask.sum())
    assert complete == arrays["assignments-mask"].sum()
    yield f"convert_target_assignment_array: {complete} complete tops, all in their subprocess"


def evenet_lite(folder: Path) -> Iterator[str]:
    import torch
    import yaml
    from evenet_lite import EvenetLiteClassifier

    info = yaml.safe_load((folder / "event_info.yaml").read_text())
    defaults = EvenetLiteClassifier.DEFAULT_FEATURE_NAMES
    assert list(info["INPUTS"]["SEQUENTIAL"]["Source"]) == defaults["x"]
    assert list(info["INPUTS"]["GLOBAL"]["Conditions"]) == defaults["globals"]
    (classes,) = info["CLASSLABEL"]["EVENT"]["signal"]

    def events(split: str) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
        file = np.load(folder / f"{split}-00000.npz")
        part = {name: torch.from_numpy(file[name][:EVENTS]) for name in file if name in WANTED}
        features = {"x": part["x"], "globals": part["conditions"], "mask": part["x_mask"]}
        return features, part["classification"], part["event_weight"]

    model = EvenetLiteClassifier(class_labels=classes, device="cpu")
    model.fit(train_data=events("train"), val_data=events("validation"), epochs=1, batch_size=128)
    logits = torch.as_tensor(model.predict(events("validation")[0]))
    assert torch.isfinite(logits).all()
    yield f"EvenetLiteClassifier: default features, one epoch of {EVENTS} events, finite logits"


def hyper(folder: Path) -> Iterator[str]:
    import h5py
    import torch
    from HyPER.data.ethanset import HyPERDataset

    data = HyPERDataset(str(folder), "train", force_reload=True)
    for name, values in data._data.to_dict().items():
        assert torch.isfinite(values.float()).all(), name
    with h5py.File(folder / "raw" / "train.h5") as file:
        full = file["METADATA/FullyMatched"][:]
    found = np.array([int(graph.hyperedge_attr_t.sum()) for graph in data])
    wanted = len(data.hyperedge_targets)
    assert np.array_equal(found == wanted, full)
    assert found.max() == wanted
    yield f"HyPERDataset: {len(data)} graphs, all {wanted} tops found in the {full.sum()} full ones"


CHECKS: dict[str, tuple[str, Callable[[Path], Iterator[str]]]] = {
    "spanet": ("spanet", spanet),
    "evenet-core": ("evenet", evenet),
    "evenet-lite": ("evenet", evenet_lite),
    "HyPER": ("hyper", hyper),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("spanet", "evenet", "hyper"):
        parser.add_argument(f"--{name}", type=Path, help="folder of this export")
    parser.add_argument("--source", help="checkout of HyPER")
    arguments = parser.parse_args()
    if arguments.source:
        sys.path.insert(0, arguments.source)
    rows = []
    for program, (kind, check) in CHECKS.items():
        folder = getattr(arguments, kind)
        if folder is None:
            rows.append((program, "-", "not run"))
            continue
        release = "source" if program == "HyPER" else version(program)
        try:
            rows.extend((program, release, line) for line in check(folder))
        except ImportError as error:
            rows.append((program, release, f"not run: {error}"))
    print("\n| program | version | its own code on the export |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
