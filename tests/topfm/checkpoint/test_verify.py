"""Damage and malice: each is one line that names the file, and nothing is loaded."""

import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys

import pytest

from topfm.checkpoint.format import write_sums
from topfm.checkpoint.load import read
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError


def refused(folder):
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder))
    return message.removeprefix(str(folder))


def sign(folder):
    """Write checksums for what is there, as an author who means harm does."""
    write_sums(folder)


def header(folder):
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_header(folder, value, data):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    sign(folder)


def edit(folder, change):
    content = json.loads((folder / "config.json").read_text())
    change(content)
    (folder / "config.json").write_text(json.dumps(content))
    sign(folder)


def test_a_whole_one(saved, model):
    verified = verify(saved)
    sums = (saved / "SHA256SUMS").read_bytes()
    assert verified.digest == hashlib.sha256(sums).hexdigest()
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    assert {name: t.shape for name, t in verified.tensors.items()} == shapes
    assert verified.tensors["normaliser.fitted"].dtype == "I64"


def test_what_a_hub_adds_is_no_surprise(checkpoint):
    (checkpoint / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    assert verify(checkpoint).digest


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "README.md"])
@pytest.mark.parametrize("where", [0.0, 0.5, 0.999])
def test_one_bit(checkpoint, name, where):
    content = bytearray((checkpoint / name).read_bytes())
    content[int(where * len(content))] ^= 1
    (checkpoint / name).write_bytes(content)
    assert refused(checkpoint).startswith(f"/{name}: damaged, sha256")


def test_one_bit_of_the_checksums(checkpoint):
    content = bytearray((checkpoint / "SHA256SUMS").read_bytes())
    content[3] = ord("0") if content[3] != ord("0") else ord("1")
    (checkpoint / "SHA256SUMS").write_bytes(content)
    assert "damaged, sha256" in refused(checkpoint)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
@pytest.mark.parametrize("signed", [False, True])
def test_truncated_weights(checkpoint, length, signed):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    if signed:
        sign(checkpoint)
    assert refused(checkpoint).startswith("/model.safetensors: damaged")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "SHA256SUMS", "README.md"])
def test_a_missing_file(checkpoint, name):
    (checkpoint / name).unlink()
    assert name in refused(checkpoint)


def test_no_folder(tmp_path):
    assert refused(tmp_path / "none") == ": no such folder"
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file") == ": no such folder"
    (tmp_path / "empty").mkdir()
    assert "not a checkpoint" in refused(tmp_path / "empty")


def test_a_file_too_many(checkpoint):
    (checkpoint / "extra.json").write_text("{}")
    assert refused(checkpoint) == "/extra.json: SHA256SUMS does not list it: move it away"


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "weights.pkl", "model.pt", "run.py", "a b.md"]
)
def test_a_file_of_another_kind(checkpoint, name):
    (checkpoint / name).write_bytes(pickle.dumps({"a": 1}))
    assert f"{name!r} is no file of a checkpoint" in refused(checkpoint)
    listed = f"{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}  {name}\n"
    (checkpoint / name).unlink()
    with open(checkpoint / "SHA256SUMS", "a") as stream:
        stream.write(listed)
    assert f"{name!r} is no file of a checkpoint" in refused(checkpoint)


def test_a_pickle_in_the_place_of_the_weights(checkpoint):
    (checkpoint / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    sign(checkpoint)
    assert "/model.safetensors: " in refused(checkpoint)


@pytest.mark.parametrize("name", ["model.safetensors", "README.md", "link.json"])
def test_a_link(checkpoint, tmp_path, name):
    outside = tmp_path / "outside"
    if (checkpoint / name).exists():
        (checkpoint / name).rename(outside)
    else:
        outside.write_text("{}")
    (checkpoint / name).symlink_to(outside)
    assert refused(checkpoint).startswith(f"/{name}: is no plain file")


def test_no_plain_file(checkpoint):
    os.mkfifo(checkpoint / "pipe.json")
    assert "no plain file" in refused(checkpoint)
    (checkpoint / "pipe.json").unlink()
    (checkpoint / "sub.json").mkdir()
    assert "no plain file" in refused(checkpoint)


@pytest.mark.parametrize(
    "name",
    ["../outside.json", "/etc/passwd", "sub/x.json", "..", "a\\..\\b.json", "..json", "SHA256SUMS"],
)
def test_a_name_that_leads_out(checkpoint, tmp_path, name):
    (tmp_path / "outside.json").write_text("{}")
    lines = (checkpoint / "SHA256SUMS").read_text().splitlines(keepends=True)
    lines.append(f"{hashlib.sha256(b'{}').hexdigest()}  {name}\n")
    (checkpoint / "SHA256SUMS").write_text("".join(sorted(lines, key=lambda line: line[66:])))
    message = refused(checkpoint)
    assert message.startswith("/SHA256SUMS: ")
    assert "refused" in message or name == "SHA256SUMS"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + text.splitlines()[-1] + "\n",
        lambda text: "\n".join(reversed(text.splitlines())) + "\n",
        lambda text: text.upper(),
        lambda text: text[:-1],
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("  ", " *"),
        lambda text: "\n" + text,
    ],
    ids=["twice", "order", "case", "end", "windows", "binary", "empty line"],
)
def test_checksums_have_one_text(checkpoint, change):
    text = (checkpoint / "SHA256SUMS").read_text()
    (checkpoint / "SHA256SUMS").write_bytes(change(text).encode())
    assert refused(checkpoint).startswith("/SHA256SUMS: ")


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1, 90_000_000])
def test_a_huge_declared_header(checkpoint, size):
    (checkpoint / "model.safetensors").write_bytes(struct.pack("<Q", size) + b"{}" * 50)
    sign(checkpoint)
    assert "declares a header above 16 MB: refused" in refused(checkpoint)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["data_offsets"].__setitem__(1, t["data_offsets"][1] + 4),
        lambda t: t["shape"].__setitem__(0, 1 << 62),
        lambda t: t["shape"].append(2),
        lambda t: t.__setitem__("dtype", "F16"),
        lambda t: t.__setitem__("dtype", "PICKLE"),
        lambda t: t.__setitem__("data_offsets", [0, 1 << 40]),
    ],
    ids=["offset", "huge", "shape", "dtype", "unknown", "far"],
)
def test_a_header_that_does_not_fit(checkpoint, change):
    value, data = header(checkpoint)
    change(value["encoder.norm.weight"])
    write_header(checkpoint, value, data)
    assert refused(checkpoint).startswith("/model.safetensors: damaged")


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b'{"a":1}', b"[" * 100_000])
def test_a_header_that_is_none(checkpoint, text):
    write_header(checkpoint, text, b"")
    assert refused(checkpoint).startswith("/model.safetensors: ")


def test_a_type_that_nobody_needs(checkpoint):
    value, _ = header(checkpoint)
    tensor = {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}
    write_header(checkpoint, {"__metadata__": value["__metadata__"], "a": tensor}, bytes(8))
    assert "tensor 'a' is of type C64" in refused(checkpoint)


def test_weights_of_another_checkpoint(checkpoint):
    def other(content):
        content["encoder"]["options"]["heads"] = 1

    edit(checkpoint, other)
    assert "does not agree with config.json" in refused(checkpoint)


@pytest.mark.parametrize("metadata", [None, {}, {"topfm": "{}"}, {"format": "pt"}])
def test_weights_that_do_not_say_what_for(checkpoint, metadata):
    value, data = header(checkpoint)
    own = value.pop("__metadata__")
    if metadata is not None:
        value["__metadata__"] = metadata if "format" not in metadata else {**own, **metadata}
    write_header(checkpoint, value, data)
    assert "does not agree with config.json" in refused(checkpoint)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.update(format=2), "format 2, newer than 1 of this package: run `pip install"),
        (lambda c: c.update(format=0), "no checkpoint of topfm (format 0)"),
        (lambda c: c.pop("format"), "no checkpoint of topfm (format None)"),
        (lambda c: c.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda c: c["data"].update(extra=1), "data.extra: Extra inputs are not permitted"),
        (lambda c: c.update({"a\nb": 1}), "a b: Extra inputs are not permitted"),
        (lambda c: c.pop("encoder"), "encoder: Field required"),
        (lambda c: c.update(steps="many"), "steps: Input should be a valid integer"),
        (lambda c: c.update(view_fingerprint="0" * 64), "view_fingerprint is not the one of"),
        (lambda c: c["data"].update(dataset="/home/me/data"), "is a path on one machine"),
        (lambda c: c["data"]["sources"][0].update(file="/eos/me/tt.root"), "is a path"),
    ],
)  # fmt: skip
def test_a_config_of_another_kind(checkpoint, change, says):
    edit(checkpoint, change)
    message = refused(checkpoint)
    assert message.startswith("/config.json: ")
    assert says in message


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format":' + b"9" * 5000 + b"}"]
)
def test_a_config_that_is_none(checkpoint, text):
    (checkpoint / "config.json").write_bytes(text)
    sign(checkpoint)
    assert refused(checkpoint).startswith("/config.json: ")


def test_a_huge_config(checkpoint):
    with open(checkpoint / "config.json", "r+b") as stream:
        stream.truncate(20 << 20)
    sign(checkpoint)
    assert "larger than 16 MB" in refused(checkpoint)


def test_a_folder_that_cannot_be_read(tmp_path):
    assert refused(tmp_path / ("a" * 300)).startswith(": cannot be read")


MEMORY = """
import sys
from pathlib import Path
from topfm.checkpoint.amend import amend
from topfm.checkpoint.verify import verify
verify(Path(sys.argv[1]))
assert not {"torch", "topfm.data"} & set(sys.modules), "imports"
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent before exec
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def test_without_torch_and_in_bounded_memory(checkpoint):
    """Weights of 400 MB, most of them a hole in the file."""
    value, _ = header(checkpoint)
    size = 400 << 20
    tensor = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    write_header(checkpoint, {"__metadata__": value["__metadata__"], "a": tensor}, b"")
    with open(checkpoint / "model.safetensors", "r+b") as stream:
        stream.truncate(stream.seek(0, 2) + size)
    sign(checkpoint)
    command = [sys.executable, "-c", MEMORY, str(checkpoint)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 120, "MB"
