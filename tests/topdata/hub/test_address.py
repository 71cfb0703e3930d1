"""Addresses: what is typed, and what it means."""

from pathlib import Path

import pytest

from topdata.errors import RecipeError
from topdata.hub.address import (
    Address,
    Place,
    at_revision,
    is_commit,
    parse,
    parse_place,
    require_tag,
)

PUBLIC = "https://huggingface.co"


def parsed(text):
    return parse(text, "dataset", "topdata.json")


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("org/name", "org/name", None),
        ("org/name@v1.0.2", "org/name", "v1.0.2"),
        ("my-org/na_me.4t@" + "a" * 40, "my-org/na_me.4t", "a" * 40),
        ("hf:org/name@v1", "org/name", "v1"),
        ("hf://datasets/org/name@v1", "org/name", "v1"),
        ("hf://org/name", "org/name", None),
        ("datasets/name", "datasets/name", None),
    ],
)
def test_on_the_hub(text, repo, revision):
    address = parsed(text)
    assert (address.hub, address.repo, address.revision) == (PUBLIC, repo, revision)
    assert not address.local


@pytest.mark.parametrize("text", ["org/name@v1", "hf:org/name@v1"])
def test_an_address_with_a_commit_can_be_typed_again(text, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("TOPFM_HUB", str(tmp_path))
    address = parsed(text)
    again = parsed(address.at("b" * 64))
    assert (again.hub, again.repo, again.revision) == (address.hub, address.repo, "b" * 64)


def test_which_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert parsed("org/name").hub == "https://mirror.example"
    monkeypatch.setenv("TOPFM_HUB", "https://hub.example:8443/")
    assert parsed("org/name").hub == "https://hub.example:8443"
    assert parsed("hf:org/name").hub == "https://mirror.example"
    for value in (str(tmp_path), f"file:{tmp_path}"):
        monkeypatch.setenv("TOPFM_HUB", value)
        assert parsed("org/name@v2") == Address(str(tmp_path), "org/name", "v2")


@pytest.mark.parametrize(
    "text", ["file:{0}/org/name@v2", "file://{0}/org/name@v2", "{0}/org/name@v2"]
)
def test_in_a_folder(text, tmp_path):
    address = parsed(text.format(tmp_path))
    assert address == Address(str(tmp_path), "org/name", "v2")
    assert address.local
    assert parsed(address.at("v2")) == address


def test_relative_folders(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert parsed("./org/name").hub == str(tmp_path / "here")
    assert parsed("../hub/org/name").hub == str(tmp_path / "hub")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parsed("file:~/hub/org/name").hub == str(tmp_path / "hub")


def test_a_dataset_folder_is_used_as_such(small, tmp_path):
    assert parsed(str(small)) == small
    assert parsed(f"file:{small}") == small
    at = tmp_path / "a@b" / "tops"
    at.parent.mkdir()
    at.symlink_to(small)
    assert parsed(str(at)) == at
    assert parsed(f"{at.parent}/org/name") == Address(str(at.parent), "org/name", None)
    with pytest.raises(RecipeError, match="has no revisions"):
        parsed(f"{small}@v1")


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "a/b/c", "org/", "/", ".", "..", "./name", "../name", "org/na me", "org/..",
        "org/.name", "org/name@", "org/name@../x", "org/name@a..b", "org/na--me", "-org/name",
        "org/name.git", "org/" + "n" * 97, "org/näme", "org/name@v1\n", "file:name", "file:",
        "file://host/org/name", "s3://bucket/org/name", "hf:", "hf:name", "hf://models/org/name",
        "https://huggingface.co/datasets/org/name", "org\\name", "file:/hub/../org/..",
    ],
)  # fmt: skip
def test_what_is_no_address_is_one_line(text):
    with pytest.raises(RecipeError) as caught:
        parsed(text)
    assert "\n" not in str(caught.value).removeprefix(text)


def test_one_word_is_a_folder_or_nothing(small, tmp_path, monkeypatch):
    monkeypatch.chdir(small.parent)
    assert parsed("tops") == Path("tops")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="tops: no address; give org/name"):
        parsed("tops")


def test_a_folder_does_not_stand_in_for_an_address(small, monkeypatch):
    monkeypatch.chdir(small.parent.parent)
    text = f"{small.parent.name}/tops"
    with pytest.raises(RecipeError, match=f"give ./{text}, or hf:{text}"):
        parsed(text)
    assert parsed(f"./{text}") == Path(text)
    assert parsed(f"{text}@v1").revision == "v1"


@pytest.mark.parametrize(
    ("text", "revision", "address"),
    [
        ("org/name", None, "org/name"),
        ("org/name", "v1", "org/name@v1"),
        ("org/name@v1", "v1", "org/name@v1"),
        ("./a@b/org/name", "v1", "./a@b/org/name@v1"),
    ],
)
def test_a_revision_as_an_option(text, revision, address):
    assert at_revision(text, revision) == address


def test_two_revisions_are_one_too_many():
    with pytest.raises(RecipeError, match="another revision than --revision v2"):
        at_revision("org/name@v1", "v2")


def test_places(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    assert parse_place("") == Place("https://hub.example")
    assert parse_place("hf:") == Place("https://hub.example", scheme="hf:")
    assert parse_place("org") == Place("https://hub.example", "org")
    assert parse_place("hf:org/name") == Place("https://hub.example", "org", "name", "hf:")
    assert parse_place(f"file:{tmp_path}") == tmp_path
    for text in ("org/name@v1", "a/b/c", "or g"):
        with pytest.raises(RecipeError):
            parse_place(text)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HF_ENDPOINT", "huggingface.co"),
        ("HF_ENDPOINT", "https://me:secret@hub.example"),
        ("HF_ENDPOINT", "https://"),
        ("TOPFM_HUB", "root://eos/hub"),
        ("TOPFM_HUB", "https://me:secret@hub.example"),
    ],
)
def test_a_wrong_variable_is_named_and_no_password_shown(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(RecipeError, match=variable) as caught:
        parsed("org/name")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("tag", ["main", "a" * 40, "b" * 64, "v 1", "../x", "", "v1..2"])
def test_tags_that_mean_something_else(tag):
    with pytest.raises(RecipeError):
        require_tag(tag)


def test_commits():
    assert is_commit("0" * 40)
    assert is_commit("f" * 64)
    assert not any(map(is_commit, (None, "main", "0" * 39, "F" * 40, "0" * 41)))
    assert Path("x") != parsed("org/x")
