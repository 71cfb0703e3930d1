"""The dataset card: Hub metadata and text, generated from the manifest alone."""

from __future__ import annotations

from string import Template
from typing import Any

import yaml

from topdata.cardtext import markdown, template
from topdata.manifest import Manifest
from topdata.schema.arrow import UNIVERSAL_DOCS, features, markdown_table, universal_features

TEMPLATE = "dataset-card.md"
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
          (10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip


def dataset_card(manifest: Manifest) -> str:
    """Return the whole README.md of a dataset."""
    metadata = yaml.safe_dump(_metadata(manifest), sort_keys=False, allow_unicode=True, width=100)
    universal = any(file.path.startswith("universal/") for file in manifest.files)
    text = Template(template(TEMPLATE)).substitute(
        name=manifest.name,
        description=manifest.description.strip(),
        schema_version=manifest.schema_version,
        level=_level(manifest),
        universal_usage=_UNIVERSAL_USAGE if universal else "",
        objects=_objects(manifest),
        process_table=_process_table(manifest),
        cut_flow=_cut_flow(manifest),
        split_table=_split_table(manifest),
        source_table=_source_table(manifest),
        quarantine=_quarantine(manifest),
        schema_table=markdown_table() + (_universal_table() if universal else ""),
        dataset_fingerprint=manifest.dataset_fingerprint,
        view_fingerprint=manifest.view_fingerprint,
        btag_bit=manifest.btag_bit,
        topdata_version=manifest.versions["topdata"],
        recipe=yaml.safe_dump(manifest.recipe, sort_keys=False, allow_unicode=True).strip(),
        versions=", ".join(f"{name} {v}" for name, v in manifest.versions.items()),
    )
    return f"---\n{metadata}---\n\n{text}"


_UNIVERSAL_USAGE = """
slots = load_dataset(dataset, "universal", split="train")  # fixed-length arrays, mixed classes"""


def _metadata(manifest: Manifest) -> dict[str, Any]:
    """Return the YAML block that the Hub and ``load_dataset`` read."""
    from datasets import DatasetInfo, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    counts = manifest.split_counts()
    configs, infos = [], {}
    for config, folder, make in (
        ("default", "data", features),
        ("universal", "universal", universal_features),
    ):
        paths = [file for file in manifest.files if file.path.startswith(f"{folder}/")]
        if not paths and config != "default":
            continue
        patterns = {s: f"{folder}/{s}-*.parquet" for s in counts}
        configs.append(
            {
                "config_name": config,
                **({"default": True} if config == "default" else {}),
                "data_files": [{"split": s, "path": pattern} for s, pattern in patterns.items()],
            }
        )
        size, memory = (sum(getattr(f, of) for f in paths) for of in ("size", "memory"))
        splits = SplitDict()
        for split, count in counts.items():
            of_split = [f.memory for f in paths if f.path.startswith(f"{folder}/{split}-")]
            splits.add(SplitInfo(split, num_bytes=sum(of_split), num_examples=count))
        infos[config] = DatasetInfo(
            features=make(manifest.classes), splits=splits, download_size=size, dataset_size=memory
        )
    data = DatasetCardData(
        pretty_name=manifest.name,
        tags=["physics", "particle-physics", "top-quark", "simulation", "topdata"],
        size_categories=[_size_category(sum(counts.values()))],
        configs=configs,
    )
    DatasetInfosDict(infos).to_dataset_card_data(data)
    metadata: dict[str, Any] = data.to_dict()  # type: ignore[no-untyped-call]
    metadata["topdata"] = {
        "schema_version": manifest.schema_version,
        "dataset_fingerprint": manifest.dataset_fingerprint,
        "view_fingerprint": manifest.view_fingerprint,
        "btag_bit": manifest.btag_bit,
        "level": manifest.level,
    }
    return metadata


def _level(manifest: Manifest) -> str:
    """Say what stands in the lists of objects."""
    if manifest.level == "reconstructed":
        return "The objects are reconstructed."
    undecayed = f" Undecayed: {manifest.undecayed}." if manifest.undecayed else ""
    return (
        "**Parton level**: `jets` are final quarks and gluons, `btag` is their true flavour, `met` "
        f"the sum of invisible particles. These are no reconstructed jets.{undecayed}"
    )


def _objects(manifest: Manifest) -> str:
    """Say in a sentence which objects are kept."""
    kept = manifest.recipe.get("objects", {})
    parts = [
        f"{kind}: " + ", ".join(f"{key} {value}" for key, value in limits.items())
        for kind, cuts in kept.items()
        if isinstance(cuts, dict)
        and (limits := {key: value for key, value in cuts.items() if key != "btag_bit"})
    ]
    if overlap := kept.get("overlap"):
        parts.append(f"no jet within delta R {overlap} of a kept lepton")
    if not parts:
        return "Every object of the simulation is kept."
    return f"Objects kept: {'; '.join(parts)}."


def _size_category(events: int) -> str:
    return next((name for limit, name in _SIZES if events < limit), "n>1B")


def _process_table(manifest: Manifest) -> str:
    rows = [
        [
            f"{index}",
            p.name,
            f"{p.cross_section:.6g} ({p.cross_section_from})",
            f"{p.ledger.read}",
            f"{p.ledger.cut}",
            f"{p.ledger.quarantined}",
            f"{p.ledger.written}",
            f"{p.efficiency:.4f}",
            f"{p.sum_weight:.6g}",
        ]
        for index, p in enumerate(manifest.processes)
    ]
    header = ["class", "process", "cross-section, pb", "read", "cut", "quarantined", "written",
              "efficiency", "selected, pb"]  # fmt: skip
    return markdown(header, rows)


def _cut_flow(manifest: Manifest) -> str:
    names = [cut.cut for cut in manifest.processes[0].cut_flow]
    rows = []
    for i, name in enumerate(names):
        cells = []
        for p in manifest.processes:
            cut = p.cut_flow[i]
            scale = p.cross_section / p.sum_gen_weight if p.sum_gen_weight else 0.0
            cells.append(f"{cut.events} ({cut.sum_gen_weight * scale:.5g})")
        rows.append([f"`{name}`", *cells])
    return markdown(["cut", *(p.name for p in manifest.processes)], rows)


def _split_table(manifest: Manifest) -> str:
    splits = manifest.split_counts()
    rows = [[p.name, *(f"{p.splits[s]}" for s in splits)] for p in manifest.processes]
    return markdown(["process", *splits], rows)


def _source_table(manifest: Manifest) -> str:
    rows = [
        [s.process, s.file, f"`{s.sha256[:16]}`", s.format,
         f"{s.generator}{f': {s.generated}' if s.generated else ''}", f"{s.entries}",
         "; ".join(s.notes)]
        for s in manifest.sources
    ]  # fmt: skip
    header = ["process", "file", "sha256", "format", "generator", "entries", "notes"]
    return markdown(header, rows)


def _quarantine(manifest: Manifest) -> str:
    if not manifest.quarantine:
        return "No event was lost to damage."
    rows = [
        [manifest.sources[q.source].file, q.where, f"{q.events or 'unknown'}", q.reason]
        for q in manifest.quarantine
    ]
    return "Lost to damage:\n\n" + markdown(["file", "where", "events", "reason"], rows)


def _universal_table() -> str:
    rows = [[f"`{name}`", doc] for name, doc in UNIVERSAL_DOCS.items()]
    return "\n\nConfiguration `universal`:\n\n" + markdown(["column", "meaning"], rows)
