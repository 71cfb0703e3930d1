"""Keep what an evaluation found in the checkpoint, for its card and its readers."""

from __future__ import annotations

from pathlib import Path

from topfm.checkpoint.amend import amend
from topfm.checkpoint.format import EVALUATION
from topfm.checkpoint.verify import verify
from topfm.evaluation.report import Report
from topfm.runs.evaluate import PICTURES


def record_report(folder: Path, report: Report, pictures: Path | None = None) -> str:
    """Put a report and its pictures into a checkpoint and return its new digest.

    The weights stay. Raises :class:`topfm.errors.CheckpointError` for a damaged checkpoint.
    """
    texts = {EVALUATION: (report.to_json() + "\n").encode()}
    if pictures is not None:
        drawn = [pictures / name for name in PICTURES]
        texts |= {path.name: path.read_bytes() for path in drawn if path.exists()}
    facts = verify(folder).facts
    headline = {
        f"macro_auc_{metrics.weights}": metrics.macro_auc.model_dump() for metrics in report.metrics
    }
    known = facts.results.get("evaluation")
    evaluations = {**(known if isinstance(known, dict) else {}), report.data.split: headline}
    results = {**facts.results, "evaluation": evaluations}
    return amend(folder, facts=facts.model_copy(update={"results": results}), texts=texts)
