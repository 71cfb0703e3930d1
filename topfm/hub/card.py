"""The model card: metadata for the Hub and text, generated from what a checkpoint recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import yaml

import topdata
from topdata.cardtext import markdown, template
from topdata.errors import InputError
from topdata.schema import slots
from topfm.checkpoint.amend import amend
from topfm.checkpoint.facts import Column, DataSeen, Facts
from topfm.checkpoint.format import CARD, EVALUATION, LOG
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError
from topfm.evaluation.report import Report
from topfm.evaluation.tables import tables
from topfm.located import Located

TEMPLATE = "model-card.md"
CURVE = "learning-curve.png"
LICENSE = "cc-by-4.0"
_WATTS = 10.0  # of one busy core, for want of a meter
_KG_PER_KWH = 0.4  # world average of electricity, IEA 2023


def model_card(
    folder: Path, facts: Facts, *, address: str, dataset: str | None, output: str,
    license_id: str = LICENSE,
) -> str:  # fmt: skip
    """Return the whole README.md of a checkpoint.

    ``address`` and ``dataset`` are how a reader will call them, ``output`` what the lines of
    :func:`snippet` printed.
    """
    report = _report(folder)
    metadata = yaml.safe_dump(
        _metadata(facts, report, address, license_id), sort_keys=False, allow_unicode=True
    )
    text = Template(template(TEMPLATE)).substitute(
        name=address,
        address=address,
        summary=_summary(facts),
        schema_version=facts.schema_version,
        snippet=snippet(address, dataset),
        output=output.strip(),
        label=_label(facts),
        results=_results(report),
        baselines=_baselines(report),
        calibration=_calibration(facts, report),
        groups="; ".join(f"{g.size} × {g.doc}" for g in slots.GROUPS),
        view_fingerprint=facts.view_fingerprint,
        btag_bit=facts.btag_bit,
        inputs=_columns(facts.inputs.columns),
        counts=", ".join(f"`{c.name}`" for c in facts.inputs.counts),
        fitted_on=facts.normalisation.fitted_on,
        constant=_constant(facts),
        data=_data(facts.data),
        processes=_processes(facts.data),
        sources=_sources(facts.data),
        training=_training(facts),
        config=yaml.safe_dump(facts.run.get("config", {}), sort_keys=False).strip(),
        lineage=_lineage(facts),
        cost=_cost(facts),
        checklist=_checklist(facts, report, address),
        license=license_id,
        versions=", ".join(f"{name} {v}" for name, v in facts.versions.items()),
    )
    return f"---\n{metadata}---\n\n{text}"


def snippet(address: str, dataset: str | None) -> str:
    """Return the lines that open a checkpoint and ask it of a dataset, if there is one."""
    opened = f"import topfm\n\nmodel = topfm.load({_quoted(address)})  # verified by sha256\n"
    if dataset is None:
        return f"{opened}print(model.classes, model.facts.encoder.name)"
    return (
        f"{opened}"
        f'found = model.predict({_quoted(dataset)}, split="test")\n'
        "print(model.classes, found.embedding.shape)\n"
        "if found.probabilities is not None:\n"
        "    print(found.probabilities[:3].round(3))"
    )


def _quoted(text: str) -> str:
    """Return a Python literal, whatever a name holds."""
    return json.dumps(text)


def run_snippet(folder: Path, dataset: Path | None) -> str:
    """Run the lines of the card on a checkpoint and a dataset, and return what they print.

    Raises :class:`CheckpointError` if they fail.
    """
    code = snippet(str(folder.resolve()), None if dataset is None else str(dataset))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CheckpointError(f"{folder}: the example of its card fails ({last})")
    return done.stdout


def write_card(
    folder: Path, *, address: str | None = None, dataset: Located | None = None,
    license_id: str = LICENSE,
) -> str:  # fmt: skip
    """Write the card of a checkpoint, and the picture it shows, and return the new digest.

    The example in it is run on ``dataset``. Raises :class:`CheckpointError` for a damaged
    checkpoint or an example that fails.
    """
    facts = verify(folder).facts
    output = run_snippet(folder, dataset.folder if dataset else None)
    named = None
    if dataset is not None:
        named = dataset.address or topdata.info(dataset.folder).name
    card = model_card(
        folder, facts, address=address or folder.resolve().name, dataset=named, output=output,
        license_id=license_id,
    )  # fmt: skip
    return amend(folder, texts={CARD: card.encode(), CURVE: _curve(folder)})


def _report(folder: Path) -> Report | None:
    path = folder / EVALUATION
    if not path.exists():
        return None
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: no report of `topfm evaluate`; record it again") from error


def _curve(folder: Path) -> bytes:
    import tempfile

    from topfm.evaluation.plots import learning_curve

    lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    log = [
        {
            "epoch": r["epoch"],
            "train_loss": r["train"]["loss"],
            "validation_loss": r["validation"]["loss"],
        }
        for r in records
    ]
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / CURVE
        learning_curve(path, log)
        return path.read_bytes()


def _metadata(facts: Facts, report: Report | None, address: str, license_id: str) -> dict[str, Any]:
    """Return the YAML block that the Hub reads."""
    from huggingface_hub import EvalResult, ModelCardData

    results = []
    for found in report.metrics if report else ():
        if found.macro_auc.value is None:
            continue
        results.append(
            EvalResult(
                task_type="tabular-classification",
                dataset_type=report.data.name if report else "",
                dataset_name=report.data.name if report else "",
                dataset_split=report.data.split if report else None,
                metric_type="roc_auc",
                metric_name=f"macro AUC, {found.weights} weights",
                metric_value=found.macro_auc.value,
                metric_args={"error": found.macro_auc.error, "n_labels": facts.data.events},
            )
        )
    parent = facts.parent
    data = ModelCardData(
        model_name=address.rpartition("/")[2],
        license=license_id,
        library_name="topfm",
        tags=["physics", "particle-physics", "top-quark", "foundation-model", *facts.tasks],
        datasets=[facts.data.dataset] if "/" in facts.data.dataset else None,
        base_model=parent.address if parent and "/" in parent.address else None,
        eval_results=results or None,
    )
    metadata: dict[str, Any] = data.to_dict()  # type: ignore[no-untyped-call]
    metadata["topfm"] = {
        "encoder": facts.encoder.name,
        "schema_version": facts.schema_version,
        "view_fingerprint": facts.view_fingerprint,
        "dataset_fingerprint": facts.dataset_fingerprint,
    }
    return metadata


def _summary(facts: Facts) -> str:
    how = "fine-tuned" if facts.parent else "trained from nothing"
    tasks = " and ".join(f"`{name}`" for name in facts.tasks)
    return (
        f"A `{facts.encoder.name}` encoder of collider events with {facts.run['parameters']:,} "
        f"parameters, {how} with {tasks} on {facts.data.events:,} simulated events."
    )


def _label(facts: Facts) -> str:
    if facts.label is None:
        return "nothing by itself (it has no classifier)"
    classes = ", ".join(f"`{name}`" for name in facts.label.classes)
    return f"`{facts.label.text}` ({classes})"


def _results(report: Report | None) -> str:
    if report is None:
        return "Not evaluated: run `topfm evaluate --record`."
    text = (
        f"On {sum(report.data.events.values()):,} events of the split `{report.data.split}` of "
        f"`{report.data.name}`; errors are from bootstrap replicas of these events."
    )
    if report.data.seen:
        text += f" **{report.data.seen:.1%} of these events were in its training data.**"
    wanted = [t for t in tables(report) if not t.title.startswith(("Baselines", "Calibration"))]
    return "\n".join([text, "", *(table.markdown() for table in wanted)])


def _baselines(report: Report | None) -> str:
    rows = [t for t in tables(report) if t.title.startswith("Baselines")] if report else []
    if not rows:
        return "No baselines were evaluated beside it: run `topfm evaluate --baselines --record`."
    return rows[0].markdown()


def _calibration(facts: Facts, report: Report | None) -> str:
    rows = [t for t in tables(report) if t.title.startswith("Calibration")] if report else []
    temperature = facts.results.get("temperature")
    if temperature is None:
        return "It has no classifier to calibrate."
    text = f"Temperature {temperature:.3f}, fitted on validation events; it is in the weights."
    return "\n".join([text, "", *(table.markdown() for table in rows)])


def _constant(facts: Facts) -> str:
    names = facts.normalisation.constant
    return f"These never varied: {', '.join(names)}." if names else ""


def _data(data: DataSeen) -> str:
    where = f"`{data.dataset}`" + (f" at commit `{data.revision}`" if data.revision else "")
    return (
        f"{data.events:,} events of the split `{data.split}` of {where}; sha256 of its manifest "
        f"`{data.fingerprint}`."
    )


def _training(facts: Facts) -> str:
    run = facts.run
    best = f"epoch {facts.best_epoch} of {facts.epochs}" if facts.best_epoch else "no epoch"
    return (
        f"{facts.steps:,} steps; {best} had the least loss on validation events and was kept. "
        f"{run.get('processes')} process(es), {run.get('threads')} threads, {run.get('device')}."
    )


def _lineage(facts: Facts) -> str:
    if not facts.ancestors:
        return "Trained from nothing: no other weights went into it."
    lines = []
    for depth, ancestor in enumerate(facts.ancestors):
        at = f" at commit `{ancestor.revision}`" if ancestor.revision else ""
        what = "Started from" if depth == 0 else "which started from"
        lines.append(
            f"- {what} `{ancestor.address}`{at}, digest `{ancestor.digest}`, trained on "
            f"{ancestor.data.events:,} events of `{ancestor.data.dataset}`."
        )
    return "\n".join(lines)


def _cost(facts: Facts) -> str:
    seconds = float(facts.run.get("seconds") or 0.0)  # type: ignore[arg-type]
    text = f"{seconds / 60:.1f} minutes of training on {facts.run.get('device')}."
    if facts.run.get("device") != "cpu":
        return text + " Energy was not measured."
    cores = int(facts.run.get("threads") or 1) * int(facts.run.get("processes") or 1)  # type: ignore[arg-type]
    energy = seconds / 3600 * cores * _WATTS / 1000
    return (
        f"{text} Not measured but estimated, at {_WATTS:g} W a busy core and {_KG_PER_KWH:g} kg of "
        f"CO2 a kWh: {energy:.2g} kWh, {energy * _KG_PER_KWH:.2g} kg of CO2, without those of its "
        "ancestors."
    )


def _checklist(facts: Facts, report: Report | None, address: str) -> str:
    points = (
        ("weights, architecture and pre-processing in one versioned place", True),
        ("inputs with order, units and transforms, checked when it is loaded", True),
        ("training data named by address and commit", facts.data.revision is not None),
        ("training data named by sha256 of sources and manifest", True),
        ("every hyper-parameter and seed", True),
        ("results with statistical errors", bool(report and report.metrics)),
        ("baselines on the same events", bool(report and report.baselines)),
        ("an example that was run", True),
        ("more than one seed", False),
        ("systematic uncertainties of the simulation", False),
    )
    return "\n".join(f"- [{'x' if done else ' '}] {text}" for text, done in points)


def _columns(columns: Sequence[Column]) -> str:
    rows = [(f"`{c.name}`", c.transform, c.unit) for c in columns]
    return markdown(("column of a slot", "computed as", "unit of the variable"), rows)


def _processes(data: DataSeen) -> str:
    rows = [(p.name, f"{p.cross_section:.6g}", f"{p.events}") for p in data.processes]
    return markdown(("process", "cross-section, pb", "events trained on"), rows)


def _sources(data: DataSeen) -> str:
    rows = [
        (s.process, s.file, f"`{s.sha256[:16]}`", s.generator, f"{s.events}") for s in data.sources
    ]
    return markdown(("process", "file", "sha256", "written by", "events trained on"), rows)
