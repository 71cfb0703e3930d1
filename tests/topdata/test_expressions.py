"""The selection language: against Python's own semantics, and its messages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topdata.errors import RecipeError
from topdata.expressions import parse

NAMES = frozenset({"n_jets", "met", "same_sign"})
CONDITIONS = frozenset({"same_sign"})
VALUES = {
    "n_jets": np.array([2, 4, 6], np.int32),
    "met": np.array([10.0, 120.0, 55.5]),
    "same_sign": np.array([True, False, True]),
}

numbers = st.sampled_from(["n_jets", "met", "3", "2.5", ".5", "1e2", "120"])
sums = st.recursive(
    numbers,
    lambda x: st.one_of(
        st.tuples(x, st.sampled_from("+-*"), x).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        x.map(lambda t: f"-{t}"),
        st.tuples(st.sampled_from(["min", "max"]), x, x).map(lambda t: f"{t[0]}({t[1]},{t[2]})"),
        x.map(lambda t: f"abs({t})"),
    ),
    max_leaves=5,
)
comparisons = st.tuples(sums, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), sums).map(
    " ".join
)
conditions = st.recursive(
    st.one_of(comparisons, st.just("same_sign"), st.just("2 < n_jets < 5")),
    lambda x: st.one_of(
        st.tuples(x, st.sampled_from([" and ", " or "]), x).map("".join),
        x.map(lambda t: f"not {t}"),
        x.map(lambda t: f"({t})"),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(conditions)
def test_means_what_python_means(text):
    got = np.broadcast_to(parse(text, NAMES, CONDITIONS).mask(VALUES), (3,))
    for position in range(3):
        scope = {name: values[position].item() for name, values in VALUES.items()}
        assert got[position] == bool(eval(text, {}, scope)), (text, scope)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="n_jets met()<>=!+-*/,.0123456789 andornot\"'[]:\\", max_size=25))
def test_any_text_parses_or_is_refused_in_one_line(text):
    message = ""
    try:
        parse(text, NAMES, CONDITIONS)
    except RecipeError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_jet >= 2", "no quantity 'n_jet'; did you mean 'n_jets'?"),
        ("zebra > 1", "known: met, n_jets, same_sign"),
        ("n_jets >= ", "column 11: ends too early"),
        ("n_jets => 2", "column 8: unexpected '='"),
        ("(met > 1", "expected ')'"),
        ("met > 1)", "unexpected ')'"),
        ("met ; 1", "column 5: unexpected ';'"),
        ("max(met)", "max() takes 2 arguments"),
        ("__import__('os')", "no quantity '__import__'"),
        ("and", "unexpected 'and'"),
        ("n_jets and met > 5", "a number where a condition is needed: compare it"),
        ("not met", "a number where a condition is needed"),
        ("(" * 80 + "met" + ")" * 80, "nested too deeply"),
        ("-" * 80 + "met", "nested too deeply"),
        ("not " * 80 + "met", "nested too deeply"),
    ],
)
def test_says_what_is_wrong(text, message):
    with pytest.raises(RecipeError) as caught:
        parse(text, NAMES, CONDITIONS)
    assert message in str(caught.value)


def test_small_integers_do_not_overflow():
    values = {"n_jets": np.array([100], np.int8)}
    assert parse("n_jets * 2 > 150", {"n_jets"}).mask(values).all()


def test_comparison_with_nan_is_false():
    values = {"met": np.array([0.0, 1.0])}
    assert parse("met / met > 0", {"met"}).mask(values).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "condition"),
    [("n_jets", False), ("4", False), ("met / 2", False), ("same_sign", True), ("met > 1", True),
     ("not (met > 1)", True), ("true", True), ("-n_jets", False), ("max(met, 1)", False)],
)  # fmt: skip
def test_knows_conditions_from_numbers(text, condition):
    assert parse(text, NAMES, CONDITIONS).is_condition is condition
