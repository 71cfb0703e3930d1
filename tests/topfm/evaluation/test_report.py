"""From arrays to a report, and its JSON and tables."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from topdata.errors import InputError
from topfm.evaluation import metrics as m
from topfm.evaluation.calibration import fit_temperature
from topfm.evaluation.classification import baseline_row, calibration, classification
from topfm.evaluation.reconstruction import Ranked, reconstruction_errors
from topfm.evaluation.report import Data, Reconstruction, Report
from topfm.evaluation.tables import markdown, tables
from topfm.evaluation.values import Value

CLASSES = ("0", "1", "2", "3", "4", "a|b")  # the last one is absent


def with_absent(p):
    return np.concatenate([p, np.zeros((len(p), 1))], axis=1)


@pytest.fixture(scope="module")
def report(toy):
    p, few = with_absent(toy.p), {"n_replicas": 20}
    counts = np.bincount(toy.labels, minlength=6).tolist()
    t = fit_temperature(p, toy.labels, toy.ones)
    true = np.ones((3, 1, 7))
    errors = reconstruction_errors(
        true + 1, true, np.tile(np.arange(7) > 0, (3, 1, 1)), np.ones((3, 1), bool),
        {"jet 1": np.zeros(7)}, {"jet 1": Ranked((0,), 0)},
    )  # fmt: skip
    return Report(
        data=Data(
            name="toy", split="test", fingerprint="0" * 64, label="n_tops", classes=CLASSES,
            events=dict(zip(CLASSES, counts, strict=True)), absent=m.absent(toy.labels, CLASSES),
            sum_weight=toy.signed.sum(), negative=int((toy.signed < 0).sum()),
        ),
        metrics=(
            classification(p, toy.labels, toy.ones, CLASSES, kind="unit", **few),
            classification(p, toy.labels, toy.signed, CLASSES, kind="pb", **few),
        ),
        calibration=calibration(p, toy.labels, toy.ones, t, **few),
        baselines=(
            baseline_row("model", p, toy.labels, toy.weights, **few),
            baseline_row("half", with_absent(toy.p**0.5 / (toy.p**0.5).sum(1, keepdims=True)),
                         toy.labels, toy.weights, model=p, **few),
        ),
        reconstruction=(Reconstruction(hidden="30% of variables", errors=errors,
                                       type_accuracy=0.9, commonest_type=float("nan")),),
    )  # fmt: skip


def test_figures_are_those_of_the_metrics(toy, report):
    unit, pb = report.metrics
    p = with_absent(toy.p)
    assert unit.macro_auc.value == pytest.approx(m.macro_auc(p, toy.labels)(toy.ones), rel=1e-5)
    assert pb.auc["2"].value == pytest.approx(m.auc(p[:, 2], toy.labels == 2)(toy.signed), rel=1e-5)
    assert unit.log_loss.value == pytest.approx(m.log_loss(p, toy.labels)(toy.ones), rel=1e-5)
    assert unit.accuracy.value == pytest.approx(m.accuracy(p, toy.labels)(toy.ones), rel=1e-5)
    cuts = m.background_efficiencies(p, toy.labels, toy.labels, 6, 0.3)(toy.ones)
    found = unit.background_efficiency["0.3"]["1"]
    assert list(found) == ["rest", *CLASSES]
    assert found["1"].value is None
    assert found["4"].value == pytest.approx(cuts[1, 1 + 4], rel=1e-5)
    assert found["4"].error > 0
    assert sum(map(sum, unit.confusion)) == len(toy.labels)
    assert report.calibration.log_loss_scaled.value < report.calibration.log_loss.value
    row = report.baselines[1]
    assert row.difference.value == pytest.approx(
        report.baselines[0].macro_auc.value - row.macro_auc.value, abs=2e-6
    )
    assert report.baselines[0].difference is None


def test_an_absent_class_is_named_and_null(report):
    assert report.data.absent == ("a|b",)
    assert report.metrics[0].auc["a|b"] == Value(value=None)
    assert {v.value for v in report.metrics[0].background_efficiency["0.7"]["a|b"].values()} == {
        None
    }
    assert report.metrics[0].macro_auc.value is not None


def test_processes_as_backgrounds(toy):
    process = np.arange(len(toy.labels)) % 2
    found = classification(
        toy.p, toy.labels, toy.ones, CLASSES[:5], kind="unit", groups=process,
        group_names=("tt", "wjj"), n_replicas=5,
    )  # fmt: skip
    assert list(found.background_efficiency["0.7"]["0"]) == ["rest", "tt", "wjj"]


def test_nan_is_an_error(toy):
    bad = toy.p.copy()
    bad[3] = np.nan
    with pytest.raises(InputError, match="event 3"):
        classification(bad, toy.labels, toy.ones, CLASSES[:5], kind="unit")
    with pytest.raises(InputError, match="event 3"):
        baseline_row("bad", bad, toy.labels, toy.ones)
    with pytest.raises(InputError, match="event 3"):
        calibration(bad, toy.labels, toy.ones, 1.0)
    with pytest.raises(InputError, match="event 3"):
        fit_temperature(bad, toy.labels, toy.ones)


def test_json_goes_there_and_back(report):
    text = report.to_json()
    assert text == report.to_json()
    assert "NaN" not in text
    assert json.loads(text)["reconstruction"][0]["errors"][0]["mae"] is None
    assert Report.model_validate_json(text) == report
    assert Report.model_validate_json(text).to_json() == text
    assert markdown(Report.model_validate_json(text)) == markdown(report)


def test_tables(report):
    found = list(tables(report))
    titles = [table.title for table in found]
    assert titles[0] == "n_tops, toy, test"
    assert len(found) == 1 + 2 + 1 + 1 + 1 + 1
    assert all(len(row) == len(table.head) for table in found for row in table.rows)
    text = markdown(report)
    assert f"| macro AUC | 3000 | {report.metrics[0].macro_auc} |" in text
    assert "| AUC, a\\|b | 0 | – | – |" in text
    console = Console(width=200, record=True, file=StringIO())
    for table in found:
        console.print(table.rich())
    shown = console.export_text()
    assert "[/x]" not in shown
    assert str(report.baselines[1].difference) in shown


def test_value_shows_as_many_digits_as_its_error_has():
    shown = [str(Value(value=v, error=e)) for v, e in (
        (0.903123, 0.00171), (12.345, 1.2), (1234.5, 98.0), (0.5, 0.0), (None, None), (0.25, None),
        (float("nan"), float("nan")),
    )]  # fmt: skip
    assert shown == ["0.9031 ± 0.0017", "12.3 ± 1.2", "1234 ± 98", "0.5", "–", "0.25", "–"]
