"""Every rule finds the defect that it is there for, at its place, and no other rule fires."""

import pytest

from topdata.validate import RULES, validate

from .defects import DEFECTS


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_planted_defect_is_found_where_it_is(defect, planted, clean):
    copy = planted(defect.base)
    path, row = defect.plant(copy)
    report = validate(copy.folder)
    found = [finding for finding in report.findings if finding.rule == defect.rule]
    assert found, f"{defect.rule} did not fire, but {report.counts}"
    if defect.rule.startswith("universal.") and path.startswith("data/"):
        path, row = None, None  # it is found in the other configuration
    assert path is None or path in {finding.path for finding in found}
    assert row is None or (path, row) in {(f.path, f.row) for f in found}
    others = {*report.counts} - {*clean[defect.base].counts}
    assert others <= {defect.rule, *defect.also}


def test_every_rule_has_a_planted_defect():
    assert {defect.rule for defect in DEFECTS} == set(RULES)
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)
