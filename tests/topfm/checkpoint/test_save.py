"""What is written: the same bytes for the same content, whole or not at all."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open

from topdata.errors import OutputError
from topfm.checkpoint.amend import amend
from topfm.checkpoint.facts import Facts, parse_facts
from topfm.checkpoint.load import read
from topfm.checkpoint.save import save
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError

# saves what the folder SAVED holds as OUTPUT; dies at the N-th fsync or rename if told
AGAIN = """
import os, signal, sys
from pathlib import Path
from topfm.checkpoint.load import read
from topfm.checkpoint.save import save
from topfm.errors import TopdataError

saved, output, deadly = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
stored = read(saved)
texts = {n: (saved / n).read_bytes() for n in ("training-log.jsonl", "README.md")}
seen = 0

def counting(original):
    def call(*arguments):
        global seen
        seen += 1
        if seen == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    return call

os.fsync, os.rename = counting(os.fsync), counting(os.rename)
backwards = dict(reversed(stored.tensors.items()))
try:
    save(output, backwards, stored.facts, texts=texts, overwrite=output.exists())
except TopdataError as error:
    sys.exit(str(error))
print(seen)
"""


def again(saved, output, deadly=0):
    command = [sys.executable, "-c", AGAIN, str(saved), str(output), str(deadly)]
    return subprocess.run(command, capture_output=True, text=True)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_bytes_twice(saved, model, facts, tmp_path):
    texts = {n: (saved / n).read_bytes() for n in ("README.md", "training-log.jsonl")}
    for number in range(5):
        save(tmp_path / str(number), model.state_dict(), facts, texts=texts)
        assert content(tmp_path / str(number)) == content(saved)


def test_the_same_bytes_from_another_process(saved, tmp_path):
    ran = again(saved, tmp_path / "model")
    assert ran.returncode == 0, ran.stderr
    assert content(tmp_path / "model") == content(saved)


def test_coreutils_agree(saved):
    ran = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=saved, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(": OK") == len(list(saved.iterdir())) - 1


def test_the_weights_say_what_they_are_for(saved, facts):
    with safe_open(saved / "model.safetensors", framework="pt") as weights:
        metadata = weights.metadata()
    assert list(metadata) == ["topfm"]
    binding = json.loads(metadata["topfm"])
    assert binding["view_fingerprint"] == facts.view_fingerprint
    assert binding["encoder"] == {"name": "l2-transformer", "options": facts.encoder.options}
    assert list(binding["tasks"]) == ["classify"]


def test_facts_survive(saved, facts):
    text = (saved / "config.json").read_text()
    assert parse_facts(text, saved) == facts
    assert parse_facts(text, saved).to_json() == text
    assert text.index('"ancestors"') < text.index('"encoder"') < text.index('"versions"')


def test_a_group_can_read_it(saved):
    umask = os.umask(0)
    os.umask(umask)
    for path in saved.iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask, path


def test_views_tied_and_strided_tensors(tmp_path, facts):
    weight = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": weight, "tied": weight, "part": weight[1:], "turned": weight.T}
    tensors["grad"] = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    save(tmp_path / "model", tensors, facts)
    for name, tensor in read(tmp_path / "model").tensors.items():
        assert torch.equal(tensor, tensors[name]), name
        assert tensor.dtype == tensors[name].dtype


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path, facts, value):
    tensors = {"good": torch.ones(2), "bad.weight": torch.tensor([1.0, value])}
    with pytest.raises(CheckpointError, match=r"'bad\.weight' is not finite"):
        save(tmp_path / "model", tensors, facts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "a/b.json", "run.py", "weights.pkl", ".hidden.json", "config.json", "a\n.md"],
)
def test_names_that_a_checkpoint_may_not_hold(tmp_path, facts, name):
    with pytest.raises(CheckpointError) as caught:
        save(tmp_path / "in" / "model", {"a": torch.ones(1)}, facts, texts={name: b""})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def test_facts_that_could_not_be_read_again(tmp_path, checkpoint, facts):
    undefined = facts.model_copy(update={"results": {"auc": float("nan")}})
    other = facts.model_copy(update={"view_fingerprint": "0" * 64})
    for wrong in (undefined, other):
        with pytest.raises(CheckpointError, match=r"config\.json: "):
            save(tmp_path / "new", {"a": torch.ones(1)}, wrong)
    with pytest.raises(CheckpointError, match="no JSON"):
        amend(checkpoint, facts=undefined)
    with pytest.raises(ValidationError, match="finite"):
        Facts(**{**dict(facts), "results": {"auc": float("nan")}})


def test_nothing_else_is_replaced(checkpoint, tmp_path, model, facts):
    with pytest.raises(OutputError, match="exists already"):
        save(checkpoint, model.state_dict(), facts)
    (checkpoint / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other things"):
        save(checkpoint, model.state_dict(), facts, overwrite=True)
    assert (checkpoint / "notes.txt").read_text() == "mine"
    (checkpoint / "notes.txt").unlink()
    (tmp_path / "link").symlink_to(checkpoint)
    with pytest.raises(OutputError, match="holds other things"):
        save(tmp_path / "link", model.state_dict(), facts, overwrite=True)


def test_a_checkpoint_is_replaced(checkpoint, facts):
    save(checkpoint, {"a": torch.ones(1)}, facts, overwrite=True)
    assert list(read(checkpoint).tensors) == ["a"]
    assert [path.name for path in checkpoint.parent.iterdir()] == ["model"]


def test_a_place_that_cannot_be_written(facts):
    with pytest.raises(OutputError, match="cannot be written"):
        save(Path("/proc/none/model"), {"a": torch.ones(1)}, facts)


def test_killed_at_any_moment(saved, tmp_path):
    """There is nothing, or all of it."""
    calls = int(again(saved, tmp_path / "calls").stdout)
    assert calls >= 8
    for deadly in (1, calls - 1, calls):  # before the first sync, before and after the rename
        output = tmp_path / str(deadly)
        assert again(saved, output, deadly).returncode == -signal.SIGKILL
        if deadly == calls:
            assert content(output) == content(saved)
        else:
            assert not output.exists()


def test_a_full_disk(saved, tmp_path, model, facts):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        save(disk / "first", {"a": torch.ones(1000)}, facts)
        with pytest.raises(OutputError, match=r"second: cannot be written \(.*[Nn]o space"):
            save(disk / "second", {"a": torch.rand(1 << 18)}, facts)
        with pytest.raises(OutputError, match=r"third: cannot be written \(.*[Nn]o space"):
            save(disk / "third", {"a": torch.ones(1)}, facts, texts={"a.png": bytes(1 << 20)})
        with pytest.raises(OutputError):
            save(disk / "first", {"a": torch.rand(1 << 18)}, facts, overwrite=True)
        assert [path.name for path in disk.iterdir()] == ["first"]
        assert torch.equal(read(disk / "first").tensors["a"], torch.ones(1000))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_results_are_added_later(checkpoint, facts):
    before = verify(checkpoint)
    more = facts.model_copy(update={"results": {"auc": 0.9}, "best_epoch": None})
    digest = amend(checkpoint, facts=more, texts={"roc.png": b"\x89PNG", "README.md": b"# New\n"})
    after = verify(checkpoint)
    assert after.digest == digest != before.digest
    assert after.facts.results == {"auc": 0.9}
    assert after.files["model.safetensors"] == before.files["model.safetensors"]
    assert after.files["training-log.jsonl"] == before.files["training-log.jsonl"]
    assert after.files["README.md"] == hashlib.sha256(b"# New\n").hexdigest()
    assert [path.name for path in checkpoint.parent.iterdir()] == ["model"]


def test_facts_of_other_weights_are_not_added(checkpoint, facts):
    other = facts.model_copy(update={"tasks": {"masked": {}}})
    before = content(checkpoint)
    with pytest.raises(CheckpointError, match="made for other facts"):
        amend(checkpoint, facts=other)
    (checkpoint / "training-log.jsonl").write_bytes(b"changed")
    with pytest.raises(CheckpointError, match="damaged"):
        amend(checkpoint, facts=facts)
    assert content(checkpoint) == {**before, "training-log.jsonl": b"changed"}
