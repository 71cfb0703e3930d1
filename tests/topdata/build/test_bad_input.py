"""Bad input, through the command line: one line, exit code 2, nothing half-written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uproot

import topdata

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def refused(topdata, tmp_path):
    """Run a build that must fail, and return its one line."""

    def run(*arguments):
        output = tmp_path / "out"
        ran = topdata("build", *arguments, "-o", output)
        assert ran.code == 2, (ran.out, ran.err)
        assert ran.out == ""
        assert ran.err.count("\n") == 1, ran.err
        assert "Traceback" not in ran.err
        assert not output.exists()
        return ran.err

    return run


QUICK = ("--process", "p", "--cross-section", "1")


def spoiled(source, path, branch, basket):
    """Copy a file and overwrite the compressed bytes of one basket."""
    shutil.copy(source, path)
    leaf = uproot.open(path)["Delphes"][branch]
    with open(path, "r+b") as stream:
        stream.seek(leaf.basket_key(basket).data_cursor.index + 20)
        stream.write(b"\xff" * 40)
    return [int(edge) for edge in leaf.entry_offsets[basket : basket + 2]]


def test_not_a_root_file(refused, tmp_path):
    (tmp_path / "x.root").write_text("<html>not found</html>")
    assert "x.root: not a format that topdata reads (" in refused(tmp_path / "x.root", *QUICK)


def test_an_empty_file(refused, tmp_path):
    (tmp_path / "x.root").touch()
    assert "x.root: the file is empty" in refused(tmp_path / "x.root", *QUICK)


def test_a_missing_file(refused, tmp_path):
    assert "no file matches" in refused(tmp_path / "none_*.root", *QUICK)


def test_a_folder(refused, tmp_path):
    assert "is a folder, name its files" in refused(tmp_path, *QUICK)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_file(refused, demo, tmp_path, keep):
    content = (demo / "ttt.root").read_bytes()
    (tmp_path / "cut.root").write_bytes(content[: int(len(content) * keep)])
    line = refused(tmp_path / "cut.root", *QUICK)
    assert "cut.root: " in line
    assert "truncated" in line


def test_no_delphes_tree(refused, delphes):
    assert "no tree 'Delphes'" in refused(delphes / "no_delphes_tree.root", *QUICK)


def test_a_missing_named_collection(refused, delphes, tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"name: d\nbranches: {{jets: Jett}}\nprocesses: [{{name: p, cross_section: 1, "
        f"files: [{delphes}/no_jets.root]}}]\n"
    )
    assert "no collection 'Jett'" in refused(recipe)


def test_one_file_named_twice(refused, demo, tmp_path):
    shutil.copy(demo / "ttt.root", tmp_path / "copy.root")
    line = refused(demo / "ttt.root", tmp_path / "copy.root", *QUICK)
    assert "copy.root: the same events as" in line
    assert "is named twice" in refused(demo / "ttt.root", demo / "ttt.root", *QUICK)


def test_no_cross_section(refused, pytestconfig):
    """The file has a cross-section branch that nobody ever filled: -1.6e-23."""
    file = pytestconfig.rootpath / "tests" / "data" / "variants" / "ttdecay_DelphesPythia8.root"
    line = refused(file, "--process", "p")
    assert "holds no usable cross-section, add `cross_section:` in pb" in line


def test_no_process_name(refused, demo):
    assert "--process NAME is needed" in refused(demo / "ttt.root")


def test_options_beside_a_recipe(refused, tmp_path):
    (tmp_path / "r.yaml").write_text("name: d\n")
    assert "--cross-section: only without a recipe" in refused(
        tmp_path / "r.yaml", "--cross-section", "1"
    )
    assert "give one recipe, or data files" in refused(tmp_path / "r.yaml", tmp_path / "b.root")


def test_a_mistyped_cut(refused, demo):
    assert "did you mean 'n_jets'" in refused(demo / "ttt.root", *QUICK, "--select", "njets > 3")


def test_weights_that_cancel(refused, delphes, monkeypatch):
    monkeypatch.setattr(
        "topdata.readers.delphes.collections.Collections.weights",
        lambda self, start, stop: __import__("numpy").zeros(stop - start),
    )
    line = refused(delphes / "two_cycles.root", *QUICK)
    assert "the generator weights sum to 0, which no cross-section fits" in line


def test_numbers_that_are_not_finite(refused, topdata, delphes, tmp_path):
    file = delphes / "nan_kinematics.root"
    line = refused(file, *QUICK)
    assert "entry 2: jets.pt is not finite; 2 of 5 events are lost" in line
    assert "--skip-bad" in line
    ran = topdata("build", file, "-o", tmp_path / "out", *QUICK, "--skip-bad")
    assert ran.code == 0, ran.err
    assert "5 read = 3 written + 0 cut + 2 quarantined" in ran.out
    manifest = __import__("topdata").info(tmp_path / "out")
    assert [(q.ranges, q.reason) for q in manifest.quarantine] == [
        ([(2, 3)], "jets.pt is not finite"),
        ([(4, 5)], "leptons.eta is not finite"),
    ]
    assert manifest.processes[0].sum_weight == pytest.approx(1, rel=1e-9)


def test_dangling_references_are_counted(topdata, delphes, tmp_path):
    ran = topdata("build", delphes / "dangling_refs.root", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 0, ran.err
    notes = __import__("topdata").info(tmp_path / "out").sources[0].notes
    assert "2 lepton references lead nowhere" in notes


def test_a_damaged_basket(refused, topdata, demo, tmp_path):
    file = tmp_path / "damaged.root"
    start, stop = spoiled(demo / "tttt.root", file, "Particle/Particle.PT", 1)
    line = refused(file, demo / "ttt.root", *QUICK)
    assert f"entries {start} to {stop - 1}: Particle.PT is damaged" in line
    assert f"{stop - start} of 800 events are lost" in line
    ran = topdata("build", file, demo / "ttt.root", "-o", tmp_path / "out", *QUICK, "--skip-bad")
    assert ran.code == 0, ran.err
    total = __import__("topdata").info(tmp_path / "out").total
    assert (total.read, total.quarantined) == (800, stop - start)
    assert total.closes


def test_a_damaged_basket_of_a_rarely_read_leaf(refused, topdata, demo, tmp_path):
    file = tmp_path / "damaged.root"
    start, stop = spoiled(demo / "ttdm.root", file, "Particle/Particle.Status", 0)
    line = refused(file, *QUICK)
    assert f"damaged.root: entries {start} to {stop - 1}: Particle.Status is damaged" in line
    ran = topdata("build", file, "-o", tmp_path / "out", *QUICK, "--skip-bad")
    assert ran.code == 0, ran.err
    assert f"500 read = {500 - stop} written + 0 cut + {stop} quarantined" in ran.out


def test_a_mistyped_file(refused, demo):
    assert "did you mean 'tttt.root'" in refused(demo / "ttttt.root", *QUICK)


def test_names_are_not_markup(topdata, demo, tmp_path):
    ran = topdata("build", demo / "ttt.root", "-o", tmp_path / "o[/v1][red]", *QUICK)
    assert ran.code == 0, ran.err
    assert "o[/v1][red]" in ran.out
    shutil.copy(demo / "ttt.root", tmp_path / "w[bold].root")
    assert "w[bold].root" in topdata("inspect", tmp_path / "w[bold].root").out


def test_a_folder_without_rights(topdata, demo, tmp_path, monkeypatch):
    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.is_symlink", denied)
    ran = topdata("build", demo / "ttt.root", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 2
    assert ran.err == f"topdata: {tmp_path / 'out'}: Permission denied\n"


def test_an_unreadable_file_can_be_left_out(topdata, demo, tmp_path):
    (tmp_path / "bad.root").write_bytes((demo / "tt.root").read_bytes()[:1000])
    ran = topdata(
        "build",
        tmp_path / "bad.root",
        demo / "ttt.root",
        "-o",
        tmp_path / "out",
        *QUICK,
        "--skip-bad",
    )
    assert ran.code == 0, ran.err
    assert "lost: bad.root: " in ran.out
    assert str(tmp_path) not in (tmp_path / "out" / "topdata.json").read_text()


def test_the_good_part_of_the_work_is_kept(refused, topdata, demo, tmp_path, monkeypatch):
    """After a failure for damage, --skip-bad converts nothing again."""
    file = tmp_path / "damaged.root"
    spoiled(demo / "tttt.root", file, "Particle/Particle.PT", 1)
    refused(file, demo / "ttt.root", *QUICK)
    monkeypatch.setattr("topdata.build.job.convert", lambda *a: 1 / 0)
    ran = topdata("build", file, demo / "ttt.root", "-o", tmp_path / "out", *QUICK, "--skip-bad")
    assert ran.code == 0, ran.err


def test_an_existing_output(topdata, demo, tmp_path):
    (tmp_path / "out").mkdir()
    ran = topdata("build", demo / "ttt.root", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 2
    assert "exists already" in ran.err


def test_a_folder_that_cannot_be_written(topdata, demo):
    ran = topdata("build", demo / "ttt.root", "-o", "/proc/none/out", *QUICK)
    assert ran.code == 2
    assert "cannot be written" in ran.err


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk, demo):
    """One line; what was finished is there for the next run, which has more space."""
    command = [
        sys.executable, "-c", "from topdata.cli import main; main()", "build",
        *(str(demo / f"{name}.root") for name in ("wjj", "tchan", "tt", "tttt", "ttdm")),
        "-o", str(small_disk / "out"), *QUICK,
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 2, ran.stderr
    assert "no space left on the device" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (small_disk / "out").exists()
    parts = list((small_disk / ".out.partial" / "parts").glob("*.json"))
    assert parts
    subprocess.run(["mount", "-o", "remount,size=30m", str(small_disk)], check=True)
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert topdata.info(Path(small_disk) / "out").total.written == 3100
