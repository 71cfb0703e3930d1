"""What is peculiar to a hub that is a folder."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from topdata.errors import HubError
from topdata.hub import marks, pull, push, resolve
from topdata.hub.directory import DirectoryHub

from .test_push_pull import NAME, SHARD, Stop, contents, one_line


def objects(folder):
    return [p for p in (folder.root / NAME / "objects").rglob("*") if p.is_file()]


def test_a_file_is_kept_once_and_under_its_sha256(folder, small, extended):
    push(small, NAME)
    push(extended, NAME)
    stored = objects(folder)
    assert len(stored) == len({*contents(small).values(), *contents(extended).values()})
    for path in stored:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        assert path.parent.name == path.name[:2]


def test_a_group_may_read_and_write_as_the_folder_says(folder, small):
    before = os.umask(0o002)
    try:
        push(small, NAME)
    finally:
        os.umask(before)
    for path in (folder.root / NAME).rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o775 if path.is_dir() else 0o664), path


def test_an_interrupted_push_changes_nothing_and_goes_on(folder, small, extended):
    first = push(small, NAME)
    before = len(objects(folder))
    with pytest.raises(KeyboardInterrupt):
        push(extended, NAME, progress=Stop(100_000))
    assert len(objects(folder)) > before
    refs = folder.transport().refs(NAME)
    assert (refs.main, refs.tags) == (first.commit, {"v1.0.1": first.commit})
    assert contents(resolve(NAME)) == contents(small)
    assert not [p for p in folder.root.rglob("*") if p.name.startswith(".")]
    assert push(extended, NAME).tag == "v1.0.2"
    assert contents(resolve(NAME)) == contents(extended)


def test_an_interruption_before_the_tag_is_mended_by_the_next_push(folder, small):
    commit = push(small, NAME).commit
    (mark,) = (folder.root / NAME / "tags").iterdir()
    (mark / commit).unlink()
    mark.rmdir()
    done = push(small, NAME)
    assert (done.new, done.tag, done.commit) == (True, "v1.0.1", commit)
    assert folder.commits(NAME) == 1


class Rival:
    """Somebody who pushes while we do."""

    def __init__(self, dataset):
        self.dataset = dataset

    def start(self, stage, total):
        self.done = push(self.dataset, NAME)

    def advance(self, amount):
        pass


@pytest.mark.parametrize("first", [True, False])
def test_of_two_pushes_at_once_one_is_told(folder, small, copy, extended, first):
    if not first:
        push(small, NAME)
    (copy / "README.md").write_text("---\n{}\n---\nmine\n")
    rival = Rival(extended)
    with pytest.raises(HubError, match="somebody else pushed at the same time"):
        push(copy, NAME, progress=rival)
    refs = folder.transport().refs(NAME)
    assert refs.main == rival.done.commit
    assert rival.done.tag == ("v1.0.1" if first else "v1.0.2")
    assert refs.tags[rival.done.tag] == refs.main
    assert contents(resolve(NAME)) == contents(extended)


def test_of_many_marks_at_once_one_is_made(tmp_path):
    commits = [f"{number:064x}" for number in range(8)]
    mark = tmp_path / "main" / "000001"
    with ThreadPoolExecutor(8) as pool:
        won = [
            c
            for c, made in zip(
                commits, pool.map(lambda c: marks.make(mark, c), commits), strict=False
            )
            if made
        ]
    assert [path.name for path in mark.iterdir()] == won
    assert [path.name for path in mark.parent.iterdir()] == ["000001"]
    assert marks.make(mark, won[0])  # its own, as after a lost reply


def test_a_lost_file_is_put_back_by_the_same_push(folder, small, topdata):
    push(small, NAME)
    hub = folder.transport()
    (file,) = [f for f in hub.files(NAME, hub.find(NAME, None)) if f.path == SHARD]
    (folder.root / NAME / "objects" / file.sha256[:2] / file.sha256).unlink()
    assert "push the dataset again to put it back" in one_line(topdata("pull", NAME))
    assert push(small, NAME).new is False
    assert contents(resolve(NAME)) == contents(small)


def test_a_changed_list_of_files_is_no_revision(folder, small, topdata):
    commit = push(small, NAME).commit
    note = folder.root / NAME / "revisions" / f"{commit}.json"
    note.write_text(note.read_text().replace("tttt", "ttt_"))
    assert "damaged, its sha256 is not its name" in one_line(topdata("pull", NAME))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": [{"path": "../x.json", "size": 1, "sha256": "0" * 64}]}, "leads out"),
        ({"files": [{"path": "/x.json", "size": 1, "sha256": "0" * 64}]}, "leads out"),
        ({"files": [{"path": "x.json", "size": 1, "sha256": "../../x"}]}, "without its sha256"),
        ({"files": [{"path": "x.json"}]}, "cannot be read"),
        ({"files": None}, "cannot be read"),
        ({"format": 2}, "pip install --upgrade"),
        ({"kind": "model"}, "holds a model, not a dataset"),
    ],
)
def test_a_forged_list_of_files_is_refused(folder, small, topdata, change, message):
    commit = push(small, NAME).commit
    notes = folder.root / NAME / "revisions"
    content = json.loads((notes / f"{commit}.json").read_text())
    text = json.dumps({**content, **change}).encode()
    forged = hashlib.sha256(text).hexdigest()
    (notes / f"{forged}.json").write_bytes(text)
    assert message in one_line(topdata("pull", f"{NAME}@{forged}"))


def test_a_damaged_mark_is_named(folder, small, topdata):
    push(small, NAME)
    (folder.root / NAME / "main" / "000001" / "more").write_text("x")
    assert "main/000001: damaged" in one_line(topdata("pull", NAME))


def test_a_file_that_changes_during_the_push_is_noticed(folder, copy):
    class Editor:
        def start(self, stage, total):
            path = copy / SHARD
            path.write_bytes(path.read_bytes()[:-1] + b"\0")

        def advance(self, amount):
            pass

    with pytest.raises(HubError, match="changed while it was pushed"):
        push(copy, NAME, progress=Editor())
    assert folder.transport().refs(NAME).main is None


def test_the_folder_of_a_hub_has_to_be_there(tmp_path, small, topdata):
    address = f"file:{tmp_path}/none/{NAME}"
    assert "to start a hub there, make it" in one_line(topdata("push", small, address))
    assert "to start a hub there, make it" in one_line(topdata("pull", address))
    (tmp_path / "none").mkdir()
    assert topdata("push", small, address).code == 0
    assert DirectoryHub(str(tmp_path / "none"), "dataset").refs(NAME).tags.keys() == {"v1.0.1"}


def test_a_folder_keeps_no_secrets(folder, small, topdata):
    assert "the rights of the folder decide" in one_line(topdata("push", small, NAME, "--private"))


def test_a_relative_hub(folder, small, monkeypatch):
    monkeypatch.delenv("TOPFM_HUB")
    monkeypatch.chdir(folder.root)
    push(small, f"./{NAME}")
    assert contents(pull(f"./{NAME}@v1.0.1").path) == contents(small)


def test_a_damaged_object_is_mended(folder, small, extended):
    """By a push that takes it up from an older revision, or by one that is told to."""
    push(small, NAME)
    push(extended, NAME)
    for name, force in (("v1.0.3", False), ("v1.0.3", True)):
        for path in objects(folder):
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.chmod(0o644)
            path.write_bytes(content)
        done = push(small, NAME, force=force)
        assert done.tag == name
        good = [p for p in objects(folder) if hashlib.sha256(p.read_bytes()).hexdigest() == p.name]
        if force:
            wanted = {hashlib.sha256(content).hexdigest() for content in contents(small).values()}
            assert wanted <= {p.name for p in good}
        else:
            assert good
    assert contents(resolve(f"{NAME}@v1.0.3")) == contents(small)
