"""Push and pull, the same on a hub that is a folder and on one that is a server."""

import json
import shutil
import threading
from pathlib import Path

import pytest

import topdata as package
from topdata.errors import HubError, InputError, OutputError, RecipeError, SchemaError
from topdata.hub import pull, push, resolve
from topdata.hub.contents import Changes, File, described
from topdata.hub.pulling import pull as pull_any
from topdata.hub.pushing import push as push_any
from topdata.manifest import damaged_files
from topdata.progress import Silent

from ...hub_places import Web

NAME = "group/tops"
SHARD = "data/train-tttt-00000.parquet"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def hidden(folder):
    return [path for path in folder.rglob(".*") if path.exists()]


def one_line(ran):
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    return ran.err


def publish(place, folder, paths=None):
    """Publish a folder as it is, without any check."""
    hub = place.transport()
    hub.create(NAME, private=None)
    paths = paths or sorted(contents(folder))
    files = [described(folder, path) for path in paths]
    refs = hub.refs(NAME)
    return hub.publish(
        NAME, folder, files, Changes(files, []), parent=refs.main, message="raw", told=Silent()
    )


class Stop:
    """A progress that is interrupted after some bytes."""

    def __init__(self, after=1):
        self.left = after

    def start(self, stage, total):
        pass

    def advance(self, amount):
        self.left -= amount
        if self.left < 0:
            raise KeyboardInterrupt


def test_push_and_pull(place, small, topdata, tmp_path):
    ran = topdata("push", small, NAME)
    assert ran.code == 0, ran.err
    assert f"{NAME}@v1.0.1 is commit" in ran.out
    assert ran.err == ""
    assert place.commits(NAME) == 1
    output = tmp_path / "out"
    ran = topdata("pull", f"{NAME}@v1.0.1", "-o", output, "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert contents(output) == contents(small)
    assert not hidden(tmp_path / "out")
    assert not list(tmp_path.glob(".out*"))
    assert not list(damaged_files(output, package.info(output)))
    assert said["commit"] == place.transport().find(NAME, "v1.0.1")
    assert (said["name"], said["hub"], said["repo"]) == ("tops", place.hub, NAME)
    assert said["fetched"] == len(contents(small))
    assert said["fetched_bytes"] == sum(map(len, contents(small).values()))
    assert pull(said["address"]).commit == said["commit"]


def test_the_text_names_commit_and_folder(place, small, topdata, tmp_path):
    done = push(small, NAME)
    ran = topdata("pull", NAME)
    assert done.commit in ran.out
    assert f"dataset 'tops' is in {tmp_path}/cache/datasets/" in ran.out
    assert "train" in ran.out


def test_a_commit_is_pulled_once(place, small):
    done = push(small, NAME)
    first = pull(f"{NAME}@v1.0.1")
    assert contents(first.path) == contents(small)
    assert {(first.path / p).stat().st_mode & 0o777 for p in contents(small)} == {0o444}
    assert first.path.name == first.commit == done.commit
    place.vanish()
    again = pull(f"{NAME}@{done.commit}")
    assert (again.path, again.fetched) == (first.path, 0)
    assert resolve(first.address) == first.path


def test_without_the_hub_a_tag_is_not_guessed_but_its_commit_named(place, small, topdata):
    commit = push(small, NAME).commit
    pull(f"{NAME}@v1.0.1")
    place.vanish()
    said = one_line(topdata("pull", f"{NAME}@v1.0.1"))
    assert f"pulled before as {commit}: give " in said
    address = said.partition("give ")[2].split()[0]
    assert topdata("pull", address).code == 0
    assert "pulled before" not in one_line(topdata("pull", f"{NAME}@v1.0.2"))


def test_an_output_is_filled_from_the_cache(place, small, tmp_path):
    commit = push(small, NAME).commit
    pull(NAME)
    place.vanish()
    done = pull(f"{NAME}@{commit}", tmp_path / "out")
    assert done.fetched == 0
    assert contents(done.path) == contents(small)
    (tmp_path / "out" / SHARD).write_bytes(b"mine")  # no link to what is cached
    assert contents(resolve(f"{NAME}@{commit}")) == contents(small)


def test_the_same_content_is_not_pushed_again(place, small, topdata):
    first = push(small, NAME)
    stored, commits = place.stored(NAME), place.commits(NAME)
    ran = topdata("push", small, NAME)
    assert ran.out.startswith("already there as ")
    assert f"{NAME}@v1.0.1, commit {first.commit}" in ran.out
    assert (place.stored(NAME), place.commits(NAME)) == (stored, commits)
    again = push(small, NAME)
    assert (again.new, again.tag, again.commit) == (False, "v1.0.1", first.commit)


def test_an_extension_sends_only_what_is_new(place, small, extended):
    push(small, NAME)
    old, new = contents(small), contents(extended)
    changed = {path for path in new if new[path] != old.get(path)}
    assert {p for p in changed if p.startswith("data/")} == {p for p in new if "ttdm" in p}
    done = push(extended, NAME)
    assert (done.tag, done.new, done.changed) == ("v1.0.2", True, len(changed))
    assert done.changed_bytes == sum(len(new[path]) for path in changed)
    assert done.unchanged == len(new) - len(changed)

    assert contents(resolve(f"{NAME}@v1.0.1")) == old
    later = pull(f"{NAME}@v1.0.2")
    assert contents(later.path) == new
    assert later.fetched == len(changed)  # the rest was in the cache
    assert (later.path / SHARD).stat().st_ino == (resolve(f"{NAME}@v1.0.1") / SHARD).stat().st_ino


def test_what_is_no_more_part_of_it_goes(place, small, extended, tmp_path):
    push(extended, NAME)
    done = push(small, NAME)
    assert done.tag == "v1.0.2"
    assert done.deleted == len(set(contents(extended)) - set(contents(small)))
    paths = {f.path for f in place.transport().files(NAME, done.commit)} - {".gitattributes"}
    assert paths == set(contents(small))
    assert contents(pull(NAME, tmp_path / "out").path) == contents(small)


@pytest.mark.parametrize("path", [SHARD, "topdata.json", "README.md"])
def test_damage_on_the_hub_is_found_and_leaves_nothing(place, small, topdata, tmp_path, path):
    push(small, NAME)
    mend = place.corrupt(NAME, path)
    output = tmp_path / "out"
    assert path in one_line(topdata("pull", NAME, "-o", output))
    assert path in one_line(topdata("pull", NAME))
    assert not output.exists()
    assert not hidden(tmp_path)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    mend()
    assert contents(pull(NAME, output).path) == contents(small)
    assert contents(resolve(NAME)) == contents(small)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("group/none", "no such dataset"),
        (f"{NAME}@v1.0.7", "no revision 'v1.0.7'; did you mean 'v1.0.1'"),
        (f"{NAME}@{'0' * 40}", "no revision"),
        (f"{NAME}@{'0' * 64}", "no revision"),
    ],
)
def test_what_is_not_there_is_one_line(place, small, topdata, tmp_path, address, message):
    push(small, NAME)
    assert message in one_line(topdata("pull", address, "-o", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_existing_output_is_kept(place, small, topdata, tmp_path):
    push(small, NAME)
    (tmp_path / "out").mkdir()
    assert "exists already" in one_line(topdata("pull", NAME, "-o", tmp_path / "out"))
    assert not list((tmp_path / "out").iterdir())


def damage_shard(folder):
    path = folder / SHARD
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damage_shard, f"{SHARD}: sha256"),
        (lambda folder: (folder / SHARD).unlink(), f"{SHARD}: missing"),
        (lambda folder: (folder / SHARD).write_bytes(b"x"), f"{SHARD}: 1 bytes"),
        (lambda folder: (folder / "README.md").unlink(), "README.md: missing"),
        (lambda folder: (folder / "topdata.json").unlink(), "not a topdata dataset"),
        (lambda folder: (folder / "data/notes.txt").write_text("x"), "notes.txt: is no file of"),
        (lambda folder: shutil.copy(folder / SHARD, folder / "data/test-x.parquet"), "is no file"),
    ],
)
def test_a_damaged_dataset_is_never_pushed(place, copy, topdata, change, message):
    change(copy)
    assert message in one_line(topdata("push", copy, NAME))
    assert place.transport().refs(NAME) is None


def test_hidden_files_stay_at_home(place, copy, small):
    (copy / ".DS_Store").write_bytes(b"x")
    push(copy, NAME)
    assert contents(resolve(NAME)) == contents(small)


def test_tags(place, small, extended, topdata):
    first = push(small, NAME, tag="paper", message="as in the paper")
    assert first.tag == "paper"
    assert push(small, f"{NAME}@paper").new is False
    assert push(small, NAME).tag == "v1.0.1"  # a release of the same commit
    assert place.commits(NAME) == 1
    stored = place.stored(NAME)
    assert "tag 'paper' is given to other content" in one_line(
        topdata("push", extended, NAME, "--tag", "paper")
    )
    assert (place.commits(NAME), place.stored(NAME)) == (1, stored)
    moved = push(extended, NAME, tag="paper", force=True)
    tags = place.transport().refs(NAME).tags
    assert tags == {"paper": moved.commit, "v1.0.1": first.commit}
    assert push(small, NAME).tag == "v1.0.2"  # going back is a new release
    with pytest.raises(RecipeError, match="another tag"):
        push(small, f"{NAME}@v2", tag="v3")
    with pytest.raises(RecipeError, match="branch or a commit"):
        push(small, NAME, tag="main")


def test_release_numbers_count_as_numbers(place, small, extended):
    for number, folder in enumerate([small, extended] * 5 + [small], start=1):
        assert push(folder, NAME).tag == f"v1.0.{number}"
    assert push(small, NAME).new is False
    commit = push(small, NAME, tag="v1.0.100").commit
    assert commit == push(small, NAME, tag="v1.0.99").commit
    assert push(small, NAME).tag == "v1.0.100"
    assert push(extended, NAME).tag == "v1.0.101"


def test_an_interrupted_pull_goes_on(place, small, tmp_path):
    push(small, NAME)
    output = tmp_path / "out"
    for target in (None, output):
        with pytest.raises(KeyboardInterrupt):
            pull(NAME, target, progress=Stop())
        assert not output.exists()
        done = pull(NAME, target)
        assert contents(done.path) == contents(small)
        assert 0 < done.fetched < len(contents(small)) or target
    assert not hidden(tmp_path)


def test_files_of_another_commit_do_not_stay(place, small, extended, tmp_path):
    push(extended, NAME)
    with pytest.raises(KeyboardInterrupt):
        pull(f"{NAME}@v1.0.1", tmp_path / "out", progress=Stop(100_000))
    push(small, NAME)
    assert contents(pull(f"{NAME}@v1.0.2", tmp_path / "out").path) == contents(small)


def test_a_cached_file_that_went_is_fetched_again(place, small):
    push(small, NAME)
    lost = resolve(NAME) / SHARD
    lost.unlink()
    assert contents(resolve(NAME)) == contents(small)


def test_two_pulls_at_once_bring_it_once(place, small):
    address = f"{NAME}@{push(small, NAME).commit}"
    found = []
    threads = [threading.Thread(target=lambda: found.append(pull(address))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done.fetched for done in found) == len(contents(small))
    assert {done.path for done in found} == {found[0].path}
    assert contents(found[0].path) == contents(small)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: m["files"][0].update(path="../stolen.parquet"), InputError, "leads out"),
        (lambda m: m["files"][0].update(path="/tmp/stolen.parquet"), InputError, "leads out"),
        (lambda m: m["files"][0].update(path="data//x.parquet"), HubError, "refused"),
        (lambda m: m["files"][0].update(path="data/run.sh"), HubError, "run.sh.*refused"),
        (lambda m: m["files"][0].update(path="data/none.parquet"), HubError, "missing on the hub"),
        (lambda m: m["files"][0].update(sha256="0" * 64), HubError, "not the file that"),
        (lambda m: m["files"][0].update(size=1), HubError, "not the file that"),
        (lambda m: m.update(schema_version="2.0"), SchemaError, "pip install --upgrade"),
        (lambda m: m.pop("name"), InputError, "damaged manifest"),
    ],
)
def test_a_wrong_manifest_is_refused(place, rewritten, tmp_path, change, error, message):
    folder = rewritten(change)
    (folder / "data" / "run.sh").write_text("#!/bin/sh\n")
    publish(place, folder)
    for output in (tmp_path / "deep" / "out", None):
        with pytest.raises(error, match=message) as caught:
            pull(NAME, output)
        assert "\n" not in str(caught.value)
        assert ".partial" not in str(caught.value)
    assert not hidden(tmp_path / "deep")
    assert not list(tmp_path.rglob("stolen*"))


def test_only_what_the_manifest_lists_is_fetched(place, copy, small, tmp_path):
    (copy / "payload.pkl").write_bytes(b"cos\nsystem")
    (copy / "data" / "more.parquet").write_bytes(b"PAR1")
    publish(place, copy)
    assert contents(pull(NAME, tmp_path / "out").path) == contents(small)


def test_a_repository_of_something_else_is_not_replaced(place, small, copy, topdata):
    publish(place, copy, [SHARD, "README.md"])
    assert "no topdata.json" in one_line(topdata("push", small, NAME))
    assert place.commits(NAME) == 1
    assert topdata("push", small, NAME, "--force").code == 0
    assert contents(resolve(NAME)) == contents(small)


def test_a_repository_that_is_no_dataset_is_not_pulled(place, copy, topdata):
    publish(place, copy, [SHARD])
    assert "topdata.json is missing" in one_line(topdata("pull", NAME))


def test_a_local_folder_is_used_as_it_is(small, copy, tmp_path, topdata):
    assert resolve(small) == small
    with pytest.raises(RecipeError, match="copy it yourself"):
        pull(str(small), tmp_path / "out")
    with pytest.raises(RecipeError, match="the address of a hub is"):
        push(small, str(copy))
    (copy / SHARD).write_bytes(b"x")
    assert "1 bytes instead of" in one_line(topdata("pull", copy))
    (copy / SHARD).unlink()
    with pytest.raises(InputError, match="missing: the dataset is damaged"):
        resolve(copy)


def test_an_interruption_is_one_line(folder, small, topdata, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    for name in ("push", "pull"):
        monkeypatch.setattr(f"topdata.cli.hub.{name}_dataset", interrupted)
        ran = topdata(name, *([small, NAME] if name == "push" else [NAME]))
        assert ran.code == 130
        assert ran.err == "topdata: interrupted; the same command goes on from here\n"


class Checkpoint:
    """Something else that travels: the hubs need not know."""

    name, index, allowed = "model", "SHA256SUMS", ("SHA256SUMS", "*.safetensors", "*.md")
    index_limit, tag = 1 << 20, "topfm"

    def listed(self, folder: Path) -> list[File]:
        lines = (folder / self.index).read_text().split("\n")
        pairs = [line.split("  ") for line in lines if line]
        return [*(File(path, sha256=sha256) for sha256, path in pairs), File(self.index)]

    def checked(self, folder: Path) -> list[File]:
        return [described(folder, file.path) for file in self.listed(folder)]

    def require_whole(self, folder: Path) -> None:
        pass

    def version(self, folder: Path) -> str:
        return "2.1"


def test_a_checkpoint_travels_too(place, small, tmp_path):
    source = tmp_path / "checkpoint"
    source.mkdir()
    (source / "model.safetensors").write_bytes(b"\0" * 1000)
    (source / "README.md").write_text("---\n{}\n---\n")
    files = [described(source, name) for name in ("model.safetensors", "README.md")]
    (source / "SHA256SUMS").write_text("".join(f"{f.sha256}  {f.path}\n" for f in files))
    done = push_any(source, "group/model", Checkpoint())
    assert done.tag == "v2.1.1"
    pulled = pull_any("group/model@v2.1.1", Checkpoint())
    assert contents(pulled.path) == contents(source)
    assert "/models/" in str(pulled.path)
    with pytest.raises(HubError, match=r"holds a model, not a dataset|no such dataset"):
        pull("group/model@v2.1.1")


def test_the_bar_of_a_terminal_counts_bytes(place, small, monkeypatch, capsys):
    import io

    from rich.console import Console

    from topdata import terminal as progress

    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "Console", lambda **_: console)
    with progress.Bar() as bar:
        assert bar.visible
        push(small, NAME, progress=bar)
        done = pull(NAME, progress=bar)
    assert ("sending" if isinstance(place, Web) else "copying") in text.getvalue()
    assert "pulling" in text.getvalue()
    assert capsys.readouterr() == ("", "")  # no bars but ours
    assert f"100%\x1b[0m {done.fetched_bytes / 1e6:.1f} MB" in text.getvalue()


def test_an_output_that_cannot_be_written(place, small, tmp_path):
    push(small, NAME)
    (tmp_path / "file").write_text("x")
    with pytest.raises((OutputError, OSError)):
        pull(NAME, tmp_path / "file" / "out")
