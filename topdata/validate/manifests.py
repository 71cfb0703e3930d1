"""Rules of the manifest and of the dataset card."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from topdata.errors import InputError, RecipeError, SchemaError
from topdata.expressions import parse
from topdata.manifest import FILE_NAME, Manifest, read_manifest
from topdata.quantities import CONDITIONS, NAMES
from topdata.schema.fingerprint import dataset_fingerprint, view_fingerprint
from topdata.schema.version import SCHEMA_VERSION
from topdata.validate.dataset import Dataset, Shard
from topdata.validate.rules import Fault, dataset_rule

README = "README.md"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LEVELS = ("reconstructed", "parton")


@dataset_rule("manifest.readable")
def readable(dataset: Dataset) -> Iterator[Fault]:
    """topdata.json can be read, and has every key and no other."""
    try:
        read_manifest(dataset.root)
    except (InputError, SchemaError) as error:
        yield Fault(str(error), FILE_NAME)


@dataset_rule("manifest.schema")
def schema(dataset: Dataset) -> Iterator[Fault]:
    """Schema version and fingerprints are those of this package."""
    manifest = dataset.manifest
    for name, expected in (
        ("schema_version", SCHEMA_VERSION),
        ("dataset_fingerprint", dataset_fingerprint()),
        ("view_fingerprint", view_fingerprint(manifest.btag_bit)),
    ):
        if (found := getattr(manifest, name)) != expected:
            yield Fault(f"{name} is {found}, this package has {expected}")


@dataset_rule("manifest.level")
def level(dataset: Dataset) -> Iterator[Fault]:
    """The level is reconstructed or parton, and the b-tag bit one of seven."""
    manifest = dataset.manifest
    if manifest.level not in _LEVELS:
        yield Fault(f"level {manifest.level!r}, known: {', '.join(_LEVELS)}")
    if not 0 <= manifest.btag_bit <= 6:
        yield Fault(f"b-tag bit {manifest.btag_bit}")


@dataset_rule("manifest.recipe")
def recipe(dataset: Dataset) -> Iterator[Fault]:
    """Objects, splits and b-tag bit of the recipe can be understood."""
    if dataset.recipe_fault:
        yield Fault(f"the recipe cannot be understood: {dataset.recipe_fault}")
    elif dataset.objects.jets.btag_bit != dataset.manifest.btag_bit:
        yield Fault(
            f"the recipe has b-tag bit {dataset.objects.jets.btag_bit}, the manifest "
            f"{dataset.manifest.btag_bit}"
        )


@dataset_rule("manifest.classes")
def classes(dataset: Dataset) -> Iterator[Fault]:
    """Class names are distinct, and those of the processes in their order."""
    manifest = dataset.manifest
    for name, count in Counter(manifest.classes).items():
        if count > 1:
            yield Fault(f"class {name!r} stands {count} times")
    names = [process.name for process in manifest.processes]
    if names != manifest.classes:
        yield Fault(f"classes {manifest.classes}, processes {names}")


@dataset_rule("manifest.sources")
def sources(dataset: Dataset) -> Iterator[Fault]:
    """Every source belongs to a process and has hashes."""
    for index, source in enumerate(dataset.manifest.sources):
        where = f"source {index} ({source.file})"
        if source.process not in dataset.manifest.classes:
            yield Fault(f"{where}: no process {source.process!r}")
        if not _SHA256.fullmatch(source.sha256):
            yield Fault(f"{where}: sha256 is {source.sha256!r}")
        if bool(source.lhe) != bool(_SHA256.fullmatch(source.lhe_sha256)):
            yield Fault(f"{where}: LHE file {source.lhe!r} with sha256 {source.lhe_sha256!r}")
        if source.entries < 0:
            yield Fault(f"{where}: {source.entries} entries")


@dataset_rule("manifest.normalisation")
def normalisation(dataset: Dataset) -> Iterator[Fault]:
    """Cross-sections are positive, sums of weights finite and those of the sources."""
    for process in dataset.manifest.processes:
        mine = [s for s in dataset.manifest.sources if s.process == process.name]
        if not (math.isfinite(process.cross_section) and process.cross_section > 0):
            yield Fault(f"{process.name}: cross-section {process.cross_section} pb")
            continue
        total = math.fsum(source.sum_gen_weight for source in mine)
        scale = math.fsum(abs(source.sum_gen_weight) for source in mine)
        if not abs(process.sum_gen_weight - total) <= 1e-9 * scale:
            yield Fault(
                f"{process.name}: sum_gen_weight {process.sum_gen_weight!r}, its sources have "
                f"{total!r}"
            )
        if (negative := sum(s.negative_weights for s in mine)) != process.negative_weights:
            yield Fault(
                f"{process.name}: {process.negative_weights} negative weights, its sources have "
                f"{negative}"
            )
        efficiency = process.sum_weight / process.cross_section
        if not math.isclose(process.efficiency, efficiency, rel_tol=1e-9, abs_tol=1e-12):
            yield Fault(
                f"{process.name}: efficiency {process.efficiency!r}, sum_weight / cross_section "
                f"is {efficiency!r}"
            )


@dataset_rule("manifest.cuts")
def cuts(dataset: Dataset) -> Iterator[Fault]:
    """The cut flow begins with all events and names cuts that can be parsed."""
    for process in dataset.manifest.processes:
        names = [line.cut for line in process.cut_flow]
        if not names or names[0] != "all":
            yield Fault(f"{process.name}: the cut flow begins with {names[:1]}, not with 'all'")
        for text in names[1:]:
            try:
                parse(text, NAMES, CONDITIONS)
            except RecipeError as error:
                yield Fault(f"{process.name}: {error}")


@dataset_rule("manifest.paths")
def paths(dataset: Dataset) -> Iterator[Fault]:
    """Files are data/SPLIT-PROCESS-NNNNN.parquet or universal/SPLIT-NNNNN.parquet, from 00000."""
    manifest, numbers = dataset.manifest, Counter[str]()
    known = (*dataset.splits.fractions,)
    for file in sorted(manifest.files, key=lambda file: file.path):
        shard = Shard.of(dataset, file)
        if shard is None:
            yield Fault("no path of a shard", file.path)
            continue
        stem, _, number = file.path.removesuffix(".parquet").rpartition("-")
        if shard.split not in known:
            yield Fault(f"no split {shard.split!r}, known: {', '.join(known)}", file.path)
        if not shard.is_universal and shard.process not in manifest.classes:
            yield Fault(f"no process {shard.process!r}", file.path)
        if int(number) != numbers[stem]:
            yield Fault(f"numbered {int(number)} where {numbers[stem]} should be", file.path)
        numbers[stem] += 1


@dataset_rule("manifest.rows")
def rows(dataset: Dataset) -> Iterator[Fault]:
    """The rows of the files are those of each process and split, and of the universal splits."""
    found: Counter[tuple[str, str]] = Counter()
    for file in dataset.manifest.files:
        if shard := Shard.of(dataset, file):
            found[shard.split, shard.process] += file.rows
    for process in dataset.manifest.processes:
        for split, count in process.splits.items():
            if (rows := found[split, process.name]) != count:
                yield Fault(f"{process.name}, {split}: {rows} rows in the files, {count} declared")
        if (total := sum(process.splits.values())) != process.ledger.written:
            yield Fault(
                f"{process.name}: {total} events in the splits, {process.ledger.written} written"
            )
    if dataset.has_universal:
        counts = dataset.manifest.split_counts()
        for split in sorted({*counts, *(split for split, process in found if not process)}):
            if (rows := found[split, ""]) != counts.get(split, 0):
                yield Fault(f"universal, {split}: {rows} rows, {counts.get(split, 0)} events")


@dataset_rule("card.metadata")
def card(dataset: Dataset) -> Iterator[Fault]:
    """README.md has the class names, split sizes, configurations and fingerprints in its YAML."""
    try:
        text = (dataset.root / README).read_text(encoding="utf-8")
        _, block, _ = text.split("---\n", 2)
        metadata = yaml.safe_load(block)
        found = dict(_said(metadata))
    except FileNotFoundError:
        yield Fault("missing", README)
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        yield Fault(f"its YAML cannot be read ({type(error).__name__}: {error})"[:200], README)
        return
    for name, expected in _expected(dataset.manifest, universal=dataset.has_universal):
        if found.pop(name, None) != expected:
            yield Fault(f"{name} is not {expected}", README)
    for name in found:
        yield Fault(f"{name} is not in the manifest", README)


def _said(metadata: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a card says; raises KeyError and the like where it is not as it should be."""
    infos = metadata["dataset_info"]
    for info in infos if isinstance(infos, list) else [infos]:
        config = info.get("config_name", "default")
        process = next(f for f in info["features"] if f["name"] == "process")
        names = process["dtype"]["class_label"]["names"]
        yield f"classes of {config}", [names[str(i)] for i in range(len(names))]
        yield f"splits of {config}", {s["name"]: s["num_examples"] for s in info["splits"]}
    yield from metadata["topdata"].items()


def _expected(manifest: Manifest, *, universal: bool) -> Iterator[tuple[str, Any]]:
    for config in ("default", "universal")[: 1 + universal]:
        yield f"classes of {config}", manifest.classes
        yield f"splits of {config}", manifest.split_counts()
    for name in ("schema_version", "dataset_fingerprint", "view_fingerprint", "btag_bit", "level"):
        yield name, getattr(manifest, name)
