"""Publish, pull and verify, the same on a hub that is a folder and on one that is a server."""

import hashlib
import json
import pickle
import shutil
import threading

import pytest

from topdata.errors import HubError, OutputError
from topdata.hub import push
from topdata.hub.contents import Changes, described
from topdata.progress import Silent
from topfm.checkpoint.format import write_sums
from topfm.checkpoint.load import read
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError
from topfm.hub.checkpoints import listing, locate, publish, pull

from .conftest import NAME, contents, flip, one_line

WEIGHTS = "model.safetensors"


def as_it_is(place, folder):
    """Publish a folder without any check, as somebody does who means harm."""
    hub = place.transport()
    hub.create(NAME, private=None)
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    files = [described(folder, path) for path in paths]
    return hub.publish(
        NAME, folder, files, Changes(files, []), parent=hub.refs(NAME).main, message="raw",
        told=Silent(),
    )  # fmt: skip


def test_there_and_back(place, tiny, topfm, tmp_path):
    ran = topfm("publish", tiny, NAME, "--tag", "v1", "--json")
    assert (ran.code, ran.err) == (0, "")
    done = json.loads(ran.out)
    assert done["commit"] == place.transport().find(NAME, "v1")
    ran = topfm("pull", NAME, "--revision", "v1", "-o", tmp_path / "out", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert contents(tmp_path / "out") == contents(tiny)
    assert (found["commit"], found["repo"]) == (done["commit"], NAME)
    assert found["fetched"] == len(contents(tiny))
    for revision in ("v1", "main", done["commit"]):
        where = locate(f"{NAME}@{revision}")
        assert (where.address, where.revision) == (NAME, done["commit"])
        assert contents(where.folder) == contents(tiny)
    ran = topfm("verify", f"{NAME}@v1", "--json")
    assert json.loads(ran.out)["digest"] == verify(tiny).digest


def test_a_release_is_named_after_the_schema_that_it_reads(place, tiny, tuned):
    assert publish(tiny, NAME).tag == "v1.0.1"
    assert publish(tiny, NAME).new is False
    done = publish(tuned, NAME)
    assert (done.tag, done.new) == ("v1.0.2", True)
    assert contents(pull(f"{NAME}@v1.0.1").path) == contents(tiny)
    assert contents(pull(NAME).path) == contents(tuned)


def test_a_dry_run_changes_nothing(place, tiny, topfm):
    ran = topfm("publish", tiny, NAME, "--tag", "v1", "--dry-run")
    assert "@v1 would be a new commit" in ran.out
    assert f"{len(contents(tiny))} files to send" in ran.out
    assert place.transport().refs(NAME) is None
    publish(tiny, NAME, tag="v1")
    done = json.loads(topfm("publish", tiny, NAME, "--dry-run", "--tag", "v2", "--json").out)
    assert (done["new"], done["changed"]) == (True, 0)
    assert list(place.transport().refs(NAME).tags) == ["v1"]
    assert "already there" in topfm("publish", tiny, NAME, "--dry-run", "--tag", "v1").out


def test_a_moved_tag(place, tiny, tuned, topfm):
    first = publish(tiny, NAME, tag="best")
    assert "given to other content" in one_line(topfm("publish", tuned, NAME, "--tag", "best"))
    assert "given to other content" in one_line(
        topfm("publish", tuned, NAME, "--tag", "best", "--dry-run")
    )
    assert pull(f"{NAME}@best").commit == first.commit
    moved = publish(tuned, NAME, tag="best", force=True)
    now = pull(f"{NAME}@best")
    assert now.commit == moved.commit != first.commit
    assert contents(now.path) == contents(tuned)
    assert contents(pull(f"{NAME}@{first.commit}").path) == contents(tiny)


def test_what_is_damaged_is_not_published(place, copy, topfm):
    flip(copy / WEIGHTS)
    assert "model.safetensors: damaged, sha256" in one_line(topfm("publish", copy, NAME))
    assert place.transport().refs(NAME) is None


def test_what_is_no_checkpoint_is_not_published(place, copy, topfm):
    (copy / "optimizer.pt").write_bytes(b"x")
    assert "'optimizer.pt' is no file of a checkpoint" in one_line(topfm("publish", copy, NAME))
    assert place.transport().refs(NAME) is None


def test_without_the_hub_a_commit_is_loaded_and_a_tag_not_guessed(place, tiny, topfm):
    commit = publish(tiny, NAME, tag="v1").commit
    pull(f"{NAME}@v1")
    place.vanish()
    again = pull(f"{NAME}@{commit}")
    assert (again.commit, again.fetched) == (commit, 0)
    assert read(again.path).digest == verify(tiny).digest
    said = one_line(topfm("info", f"{NAME}@v1"))
    assert f"pulled before as {commit}: give " in said
    assert topfm("info", said.partition("give ")[2].split()[0]).code == 0


def test_a_damaged_copy_in_the_cache_is_brought_again(place, tiny, topfm):
    """The size is right, so that only the checksum tells."""
    address = f"{NAME}@{publish(tiny, NAME).commit}"
    path = pull(address).path / WEIGHTS
    flip(path)
    done = pull(address)
    assert done.mended.startswith(f"{WEIGHTS}: sha256")
    assert contents(done.path) == contents(tiny)
    assert pull(address).mended == ""
    flip(path)
    ran = topfm("verify", address)
    assert ran.code == 0
    assert "the copy in the cache was damaged (model.safetensors" in ran.err


def test_a_damaged_copy_is_not_loaded_without_the_hub(place, tiny, topfm, demo_dataset, tmp_path):
    address = f"{NAME}@{publish(tiny, NAME).commit}"
    flip(pull(address).path / WEIGHTS)
    place.vanish()
    ran = topfm("score", address, demo_dataset, "-o", tmp_path / "scores.parquet")
    assert "the copy in the cache is damaged (model.safetensors: sha256" in one_line(ran)
    with pytest.raises(HubError):  # it does not come back as good by itself
        pull(address)


def test_a_foreign_file_in_the_cache_is_named_and_nothing_removed(place, tiny):
    address = f"{NAME}@{publish(tiny, NAME).commit}"
    folder = pull(address).path
    (folder / "x.pkl").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"x\.pkl"):
        pull(address)
    assert contents(folder).items() > contents(tiny).items()


def test_a_corrupted_file_on_the_hub(place, tiny, topfm, tmp_path):
    publish(tiny, NAME)
    mend = place.corrupt(NAME, WEIGHTS)
    for output in ([], ["-o", tmp_path / "out"]):
        said = one_line(topfm("pull", NAME, *output))
        assert f"{WEIGHTS}: sha256" in said
        assert "damaged on the hub, nothing was kept" in said
    assert not (tmp_path / "out").exists()
    mend()
    assert contents(pull(NAME).path) == contents(tiny)


def test_a_pickle_beside_a_checkpoint_is_never_fetched(place, copy, tiny, tmp_path):
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(print))
    (copy / "code").mkdir()
    (copy / "code" / "modeling.py").write_text("raise SystemExit")
    as_it_is(place, copy)
    assert contents(pull(NAME).path) == contents(tiny)
    assert contents(pull(NAME, tmp_path / "out").path) == contents(tiny)
    assert not list(tmp_path.rglob("cache/**/*.bin"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("weights.pkl", "'weights.pkl' is no file of a checkpoint"),
        ("../evil.json", "'../evil.json' is no file of a checkpoint"),
        ("/tmp/evil.json", "'/tmp/evil.json' is no file of a checkpoint"),
        ("code/config.json", "'code/config.json' is no file of a checkpoint"),
        (".evil.json", "'.evil.json' is no file of a checkpoint"),
    ],
)
def test_a_list_of_checksums_that_names_other_things(place, copy, topfm, tmp_path, name, said):
    """It lists what is there, with the right sha256, as an author can."""
    inside = copy / name
    if inside.is_relative_to(copy) and ".." not in name:
        inside.parent.mkdir(exist_ok=True)
        inside.write_bytes(b"x")
    lines = (copy / "SHA256SUMS").read_text().splitlines()
    lines.append(f"{hashlib.sha256(b'x').hexdigest()}  {name}")
    (copy / "SHA256SUMS").write_text("".join(f"{line}\n" for line in sorted(lines, key=_name)))
    as_it_is(place, copy)
    for output in ([], ["-o", tmp_path / "out"]):
        assert said in one_line(topfm("pull", NAME, *output))
    assert not (tmp_path / "out").exists()
    assert [path for path in tmp_path.rglob("*evil*") if copy not in path.parents] == []


def _name(line):
    return line.split("  ")[1]


def test_a_repository_of_a_pickle_alone(place, tmp_path, topfm):
    other = tmp_path / "other"
    other.mkdir()
    (other / "pytorch_model.bin").write_bytes(pickle.dumps(print))
    as_it_is(place, other)
    assert "SHA256SUMS is missing on the hub" in one_line(topfm("pull", NAME))


def test_what_cannot_be_loaded_never_appears(place, copy, topfm, tmp_path):
    """All checksums are right; the header of the weights declares more than any file can hold."""
    content = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes((1 << 40).to_bytes(8, "little") + content[8:])
    write_sums(copy)
    as_it_is(place, copy)
    for output in ([], ["-o", tmp_path / "out"]):
        said = one_line(topfm("pull", NAME, *output))
        assert "declares a header above 16 MB: refused" in said
        assert f"{NAME}@" in said
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").rglob(WEIGHTS))


def test_a_list_of_checksums_without_end_is_not_fetched(place, copy, topfm, tmp_path):
    with open(copy / "SHA256SUMS", "ab") as stream:
        stream.truncate(17 << 20)
    as_it_is(place, copy)
    assert "SHA256SUMS of 0.0178 GB, above 16 MB: refused" in one_line(topfm("pull", NAME))
    assert not list((tmp_path / "cache").rglob("SHA256SUMS"))


def test_of_many_publishers_none_is_lost(place, tiny, tuned, tmp_path):
    """Each tries until it is first; every version is there in the end."""
    retries = []

    def work(folder, tag):
        for _ in range(100):
            try:
                publish(folder, NAME, tag=tag)
                return
            except HubError as error:
                assert "somebody else pushed at the same time" in str(error)  # noqa: PT017
                retries.append(tag)

    publish(tiny, NAME, tag="v0")
    folders = {f"v{n}": version(tiny, tmp_path / f"v{n}", n) for n in range(1, 5)}
    threads = [threading.Thread(target=work, args=(f, tag)) for tag, f in folders.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(place.transport().refs(NAME).tags) == {"v0", *folders}
    assert place.commits(NAME) == 5
    for tag, folder in folders.items():
        assert contents(pull(f"{NAME}@{tag}").path) == contents(folder)


def version(tiny, folder, number):
    shutil.copytree(tiny, folder)
    (folder / "README.md").write_text(f"---\n{{}}\n---\nversion {number}\n")
    write_sums(folder)
    return folder


def test_the_list(place, tiny, topfm):
    commit = publish(tiny, NAME, tag="v1").commit
    publish(tiny, "group/other")
    publish(tiny, "friends/third")
    assert [entry.repo for entry in listing()] == ["friends/third", NAME, "group/other"]
    assert [entry.repo for entry in listing("friends")] == ["friends/third"]
    (entry,) = listing(NAME)
    assert (entry.commit, entry.tags, entry.kind) == (commit, {"v1": commit}, "model")
    assert pull(entry.address).commit == commit
    ran = topfm("list", NAME)
    assert (ran.code, ran.out.count(commit)) == (0, 2)
    assert f"no such model on {place.hub}" in one_line(topfm("list", "group/none"))
    assert topfm("list", "nobody").out == "nothing there\n"


def test_datasets_are_listed_if_asked_for(place, tiny, demo_dataset, topfm):
    publish(tiny, NAME)
    push(demo_dataset, "group/tops")
    assert [entry.repo for entry in listing()] == [NAME]
    found = listing(datasets=True)
    assert [(entry.kind, entry.repo) for entry in found] == [
        ("model", NAME), ("dataset", "group/tops"),
    ]  # fmt: skip
    assert topfm("list", "group/tops", "--datasets").code == 0
    said = one_line(topfm("list", "group/tops"))
    assert "holds a dataset, not a model" in said or "no such model on" in said


def test_a_checkpoint_on_a_hub_is_not_changed_there(place, tiny, topfm, demo_dataset):
    address = f"{NAME}@{publish(tiny, NAME).commit}"
    ran = topfm("evaluate", address, demo_dataset, "--record")
    assert "topfm pull" in one_line(ran)
    assert contents(pull(address).path) == contents(tiny)


def test_a_folder_is_verified_and_has_no_revision(tiny, copy, topfm, monkeypatch):
    assert locate(str(tiny)).revision is None
    assert "has no revisions" in one_line(topfm("info", copy, "--revision", "v1"))
    monkeypatch.chdir(copy.parent)
    assert topfm("verify", "copy").code == 0
    flip(copy / WEIGHTS)
    with pytest.raises(CheckpointError, match="damaged, sha256"):
        locate(str(copy))
    assert "damaged, sha256" in one_line(topfm("verify", "copy"))
    assert "damaged, sha256" in one_line(topfm("info", copy))


def test_an_output_is_not_replaced(place, tiny, copy):
    publish(tiny, NAME)
    with pytest.raises(OutputError, match="exists already"):
        pull(NAME, copy)


def test_two_revisions_are_one_too_many(place, tiny, topfm):
    publish(tiny, NAME, tag="v1")
    assert "another revision" in one_line(topfm("pull", f"{NAME}@v1", "--revision", "v2"))
