"""Recipes: what is accepted, and the one line that says what is wrong."""

import pytest

from topdata.errors import RecipeError
from topdata.recipe import Recipe, load_recipe, make_recipe

GOOD = {"name": "d", "processes": [{"name": "tt", "files": ["tt.root"], "cross_section": 1.0}]}


def broken(**changes):
    return {**GOOD, **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (broken(selct=["met > 1"]), "r.yaml: unknown key 'selct'; did you mean 'select'?"),
        (
            broken(processes=[{"name": "tt", "files": ["f"], "crosssection": 1}]),
            "unknown key 'processes[0].crosssection'; did you mean 'cross_section'?",
        ),
        (broken(objects={"jets": {"minpt": 3}}), "'objects.jets.minpt'; did you mean 'min_pt'?"),
        (broken(objects={"jets": {"min_pt": "high"}}), "objects.jets.min_pt: Input should be"),
        (broken(splits={"train": 0.5}), "splits: the fractions sum to 0.7, not to 1"),
        (broken(processes=[]), "processes: List should have at least 1 item"),
        (broken(processes=GOOD["processes"] * 2), "two processes are named 'tt'"),
        (broken(select="n_jet > 3"), "no quantity 'n_jet'; did you mean 'n_jets'?"),
        (broken(matching={"method": "best"}), "matching.method: Input should be 'assignment'"),
        (
            broken(processes=[{"name": "../x", "files": ["f"]}]),
            "processes[0].name: use letters, digits",
        ),
        (
            broken(processes=[{"name": "t", "files": ["f"], "cross_section": -1}]),
            "cross_section: Input should be greater than 0 (given -1)",
        ),
        ({"processes": GOOD["processes"]}, "name: Field required"),
        (broken(select="n_jets"), "r.yaml: 'n_jets' is a number, not a condition"),
        (
            broken(objects={"jets": {"min_pt": float("inf")}}),
            "objects.jets.min_pt: Input should be",
        ),
        (
            broken(processes=[{"name": "t", "files": ["f"], "cross_section": True}]),
            "cross_section: a number is needed, not true or false",
        ),
        (broken(name="a\nb"), "name: use printable characters"),
    ],
)
def test_one_line_names_the_key(content, message):
    with pytest.raises(RecipeError) as caught:
        make_recipe(content, "r.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "a recipe is a mapping"),
        ("name: [unclosed", "not a readable YAML file"),
        ("name: !!python/object/apply:os.system [ls]", "not a readable YAML file"),
        ("\x00", "not a readable YAML file"),
        ("name: d\nselect: met > 1\nselect: met > 2\n", "the key 'select' stands twice"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, text, message):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe(tmp_path):
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe(tmp_path / "none.yaml")


def test_yaml_numbers_like_5e_4_are_numbers(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: d\nprocesses: [{name: ttt, files: [f], cross_section: 3e-4}]\n")
    assert load_recipe(path).processes[0].cross_section == 3e-4


def test_one_cut_or_file_may_stand_alone():
    assert make_recipe(broken(select="met > 3"), "r").select == ["met > 3"]
    alone = make_recipe(broken(processes=[{"name": "tt", "files": "tt.root"}]), "r")
    assert alone.processes[0].files == ["tt.root"]


def test_only_what_shapes_events_enters_their_identity():
    recipe = Recipe.model_validate(GOOD)
    renamed = recipe.model_copy(update={"name": "other", "universal": True})
    assert renamed.rules().model_dump(mode="json") == recipe.rules().model_dump(mode="json")
    cut = make_recipe(broken(select="met > 3"), "r")
    assert cut.rules().model_dump(mode="json") != recipe.rules().model_dump(mode="json")
