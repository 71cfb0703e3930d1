"""Builds that are killed: the same command finishes them, to the same bytes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("kill_driver.py")


@pytest.mark.parametrize(
    ("mode", "kills", "workers"),
    [("time", 6, 1), ("time", 2, 2), ("rename", 99, 1), ("overwrite", 99, 1), ("extend", 99, 1)],
)
def test_kill_and_run_again(tmp_path, mode, kills, workers):
    command = [sys.executable, DRIVER, tmp_path / "d", mode, str(kills), str(workers)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    assert all(one["rerun"] == 0 and one["same"] for one in outcomes), outcomes
    killed = [one for one in outcomes if one["ended"] == -signal.SIGKILL]
    assert len(killed) >= (0.7 * kills if mode == "time" else 5)
    # what is left: outputs and the cache, no working folder
    assert not list((tmp_path / "d").glob(".*"))


def test_ctrl_c_with_workers(demo, tmp_path):
    """One line, exit code 130, no process left; finished parts stay."""
    command = [
        sys.executable, "-c", "from topdata.cli import main; main()", "build",
        *(str(demo / f"{name}.root") for name in ("wjj", "tchan", "tt", "tttt", "ttdm")),
        "-o", str(tmp_path / "out"), "--process", "p", "--cross-section", "1",
        "--workers", "2", "--json-log", str(tmp_path / "log"),
    ]  # fmt: skip
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for _ in range(600):
        if (tmp_path / "log").exists() and '"job"' in (tmp_path / "log").read_text():
            break
        time.sleep(0.02)
    # as a terminal does: to every process of the group
    subprocess.run(["kill", "-INT", "--", f"-{running.pid}"], check=True)
    _, err = running.communicate(timeout=60)
    if running.returncode != 0:  # else it was faster than the signal
        assert running.returncode == 130, err
        assert err == "topdata: interrupted; the same command goes on from here\n"
        assert not (tmp_path / "out").exists()
        assert list((tmp_path / ".out.partial" / "parts").glob("*.json"))
    again = subprocess.run([*command, "--overwrite"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    alive = subprocess.run(["pgrep", "-g", str(running.pid)], capture_output=True, text=True)
    assert alive.stdout == ""


def test_only_unfinished_jobs_are_done_again(demo, build_files, tmp_path, monkeypatch):
    import topdata.build.job

    done = []
    original = topdata.build.job.convert

    def counting(chunk, rules, tally):
        done.append(len(chunk))
        if len(done) == 2:
            raise KeyboardInterrupt
        return original(chunk, rules, tally)

    monkeypatch.setattr(topdata.build.job, "convert", counting)
    files = [demo / f"{name}.root" for name in ("ttt", "tttt", "tt")]
    with pytest.raises(KeyboardInterrupt):
        build_files(*files)
    build_files(*files)
    assert done == [300, 500, 500, 700]


def test_a_changed_input_is_noticed(demo, build_files, tmp_path, monkeypatch):
    """A file that changes between two runs is converted again, and only it."""
    import os
    import shutil

    import topdata.build.run

    for name in ("ttt", "tttt"):
        shutil.copy(demo / f"{name}.root", tmp_path)
    files = [tmp_path / "ttt.root", tmp_path / "tttt.root"]
    monkeypatch.setattr("topdata.build.run.assemble", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_files(*files)
    monkeypatch.undo()
    before = {path.name for path in (tmp_path / ".out.partial" / "parts").glob("*.json")}
    shutil.copy(demo / "ttdm.root", files[0])
    os.utime(files[0], (1, 1))
    planned = topdata.build.run.plan(_recipe(files), tmp_path)
    assert len(before & {f"{job.identity}.json" for job in planned.jobs}) == 1
    manifest = build_files(*files)
    assert [source.entries for source in manifest.sources] == [500, 500]


def _recipe(files):
    from topdata.recipe import make_recipe

    process = {"name": "p", "files": [str(file) for file in files], "cross_section": 1.0}
    return make_recipe({"name": "test", "processes": [process]}, "t")


def test_a_file_that_changes_under_the_build(demo, tmp_path, monkeypatch):
    import shutil

    import topdata.build.job
    from topdata.build import build
    from topdata.errors import InputError

    file = tmp_path / "ttt.root"
    shutil.copy(demo / "ttt.root", file)
    original = topdata.build.job.convert

    def touching(*arguments):
        file.touch()
        return original(*arguments)

    monkeypatch.setattr(topdata.build.job, "convert", touching)
    with pytest.raises(InputError, match="changed while it was read"):
        build(_recipe([file]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_while_workers_start(demo, tmp_path):
    """They are deaf to it from their first moment: no traceback of theirs, nothing left."""
    command = [
        sys.executable, "-c", "from topdata.cli import main; main()", "build",
        str(demo / "tt.root"), "-o", str(tmp_path / "out"), "--process", "p", "--workers", "2",
    ]  # fmt: skip
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for _ in range(1500):
        started = subprocess.run(
            ["pgrep", "-g", str(running.pid), "-f", "spawn_main"], capture_output=True, text=True
        )
        if started.stdout:
            break
        time.sleep(0.01)
    subprocess.run(["kill", "-INT", "--", f"-{running.pid}"], check=True)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert err == "topdata: interrupted; the same command goes on from here\n"
    assert not list(tmp_path.iterdir())
