"""What a hub holds, what a push would do, and settings that several threads share."""

import hashlib
import json
import threading

import pytest

from topdata.errors import HubError
from topdata.hub import pull, push
from topdata.hub.dataset import DATASET
from topdata.hub.listing import entries
from topdata.hub.pushing import push as push_any

from .test_push_pull import NAME, contents


def names(text):
    return [entry.repo for entry in entries(text, [DATASET])]


def test_all_of_an_owner_and_one(place, small, extended):
    push(small, NAME)
    done = push(extended, NAME)
    push(small, "friends/tops")
    assert names("") == ["friends/tops", NAME]
    assert names("group") == [NAME]
    (entry,) = entries(NAME, [DATASET])
    assert entry.tags.keys() == {"v1.0.1", "v1.0.2"}
    assert entry.commit == entry.tags["v1.0.2"] == done.commit
    assert contents(pull(entry.address).path) == contents(extended)
    assert names("nobody") == []
    with pytest.raises(HubError, match="no such dataset on"):
        names("group/none")


def test_folders_of_a_hub(folder, small):
    push(small, NAME)
    (folder.root / "notes").mkdir()
    (folder.root / "group" / "begun").mkdir()  # nothing was published there
    for text in ("", "/group", f"/{NAME}"):
        assert names(f"{folder.root}{text}") == [NAME]
        assert names(f"file:{folder.root}{text}") == [NAME]
    with pytest.raises(HubError, match="to start a hub there, make it"):
        names(f"{folder.root}/none")


def test_what_is_something_else_is_not_listed(web, small):
    push(small, NAME)
    repo = web.server.repo(NAME)
    repo.commit({"README.md": web.server.put(b"# Other\n", lfs=False)}, "not a dataset any more")
    assert names("") == []


def test_a_damaged_repository_is_named(folder, small):
    commit = push(small, NAME).commit
    (folder.root / NAME / "revisions" / f"{commit}.json").write_text("x")
    with pytest.raises(HubError, match="damaged, its sha256"):
        names(NAME)
    assert names("") == [NAME]


@pytest.mark.parametrize("size", ["1", -1, True, 1.5])
def test_a_forged_size_is_refused(folder, small, size, topdata):
    commit = push(small, NAME).commit
    notes = folder.root / NAME / "revisions"
    content = json.loads((notes / f"{commit}.json").read_text())
    content["files"][0]["size"] = size
    text = json.dumps(content).encode()
    forged = hashlib.sha256(text).hexdigest()
    (notes / f"{forged}.json").write_bytes(text)
    ran = topdata("pull", f"{NAME}@{forged}")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert f"has the size {size!r}: refused" in ran.err


def test_a_dry_run_changes_nothing(place, small, extended):
    push(small, NAME)
    before = (place.commits(NAME), place.stored(NAME))
    done = push_any(extended, NAME, DATASET, dry_run=True)
    assert (done.tag, done.commit, done.new) == ("v1.0.2", "", True)
    assert (place.commits(NAME), place.stored(NAME)) == before
    assert done.changed == push(extended, NAME).changed
    push_any(small, "group/new", DATASET, dry_run=True)
    assert place.transport().refs("group/new") is None


def test_threads_leave_the_client_as_it_was(web, small, extended, monkeypatch):
    """One that began later and ends later must not restore what another one had set."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    before = constants.ENDPOINT
    inside, go = threading.Event(), threading.Event()

    def wait(repo):
        inside.set()
        assert go.wait(30)

    web.server.before_commit = wait
    first = threading.Thread(target=push, args=(small, NAME))
    first.start()
    assert inside.wait(30)
    still = []

    def end_first(repo):
        go.set()
        first.join(30)
        still.append(constants.HF_HUB_DISABLE_XET)

    web.server.before_commit = end_first
    push(extended, "group/other")
    assert still == [True]
    assert not first.is_alive()
    assert (before, False) == (constants.ENDPOINT, constants.HF_HUB_DISABLE_XET)
    assert contents(pull(NAME).path) == contents(small)
