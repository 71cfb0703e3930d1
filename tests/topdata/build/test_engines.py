"""The same list of jobs in this process, in workers, and on a real Dask cluster."""

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topdata.build import build
from topdata.build.cluster import Dask, batch_cluster
from topdata.build.engines import Workers
from topdata.build.job import Task, run_job
from topdata.build.parts import Parts
from topdata.build.plan import plan
from topdata.build.tally import Tally
from topdata.errors import IncompleteError, InputError, RecipeError
from topdata.recipe import make_recipe

NAMES = ("wjj", "tt", "ttt", "tttt")


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def recipe_of(folder, names=NAMES, **more):
    return make_recipe(
        {
            "name": "d",
            "processes": [
                {"name": n, "files": [str(folder / f"{n}.root")], "cross_section": 1.0}
                for n in names
            ],
            **more,
        },
        "t",
    )


@pytest.fixture(scope="module")
def here(demo, tmp_path_factory):
    """The dataset as this process builds it, whole files at a time."""
    output = tmp_path_factory.mktemp("here") / "out"
    build(recipe_of(demo), output)
    return digests(output)


@pytest.fixture
def small_jobs(monkeypatch):
    """Jobs of 100 kB: several for each file."""
    monkeypatch.setattr("topdata.build.plan.JOB_BYTES", 100_000)


def test_jobs_and_tasks_are_small_pickles(demo, small_jobs, tmp_path):
    planned = plan(recipe_of(demo), tmp_path)
    assert len(planned.jobs) > 2 * len(NAMES)
    assert len({job.identity for job in planned.jobs}) == len(planned.jobs)
    for job in planned.jobs:
        assert pickle.loads(pickle.dumps(job)) == job
    assert len(pickle.dumps(planned.jobs[0])) < 1000
    task = Task(planned.recipe.rules(), Parts(tmp_path), 1)
    assert pickle.loads(pickle.dumps(task)) == task


def test_pieces_cover_every_entry_once(demo, small_jobs, tmp_path):
    jobs = [j for j in plan(recipe_of(demo), tmp_path).jobs if j.source.process == "tt"]
    for n in (0, 1, 5, 700, 12345):
        entries = [entry for job in jobs for entry in range(*job.entries(n))]
        assert entries == list(range(n))


def test_pieces_give_the_same_dataset(demo, here, small_jobs, tmp_path):
    build(recipe_of(demo), tmp_path / "out")
    assert digests(tmp_path / "out") == here


def test_workers_give_the_same_dataset(demo, here, small_jobs, tmp_path):
    build(recipe_of(demo), tmp_path / "out", engine=Workers(2), threads=1)
    assert digests(tmp_path / "out") == here


def test_paired_files_in_pieces(pytestconfig, small_jobs, tmp_path):
    """A job in the middle of a Delphes file finds its events in the LHE file."""
    data = pytestconfig.rootpath / "tests" / "data"
    process = {
        "name": "p",
        "delphes": [str(data / "record" / "tt.root")],
        "lhe": [str(data / "lhe" / "tt.lhe.gz")],
    }
    recipe = make_recipe({"name": "d", "processes": [process]}, "t")
    assert len(plan(recipe, tmp_path).jobs) > 2
    manifest = build(recipe, tmp_path / "out")
    assert not any("no partner" in note for note in manifest.sources[0].notes)


def test_an_error_of_a_job_ends_the_build(demo, tmp_path, small_jobs):
    recipe = recipe_of(demo, NAMES[:2])
    planned = plan(recipe, tmp_path)
    moved = [job for job in planned.jobs if job.source.process == "tt"]
    stale = [type(j)(_other_stamp(j.source), j.piece, j.pieces, j.identity) for j in moved]
    (tmp_path / "parts").mkdir()
    task = Task(recipe.rules(), Parts(tmp_path / "parts"), 1)
    with pytest.raises(InputError, match="changed while it was read"):
        list(Workers(2).run(task, stale, lambda *_: None))


def _other_stamp(source):
    from dataclasses import replace

    return replace(source, stamp=source.stamp + "0")


def test_a_lost_worker_process(demo, tmp_path, small_jobs):
    recipe = recipe_of(demo)
    planned = plan(recipe, tmp_path)
    (tmp_path / "parts").mkdir()
    task = Task(recipe.rules(), Parts(tmp_path / "parts"), 1)

    def kill(*_):
        child = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "spawn_main"], capture_output=True, text=True
        )
        for pid in child.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    with pytest.raises(IncompleteError, match="a worker process was lost"):
        list(Workers(1).run(task, planned.jobs, kill))
    finished = [job for job in planned.jobs if task.parts.finished(job.identity)]
    assert 1 <= len(finished) < len(planned.jobs)


def test_workers_end_with_their_parent(demo, tmp_path):
    """After kill -9 of the build no worker stays behind."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from topdata.build.engines import _begin\n"
        "if __name__ == '__main__':\n"
        "    context = get_context('spawn')\n"
        "    pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(context.Event(),))\n"
        "    pool.submit(time.sleep, 0).result()\n"
        "    print('ready', flush=True)\n"
        "    pool.submit(time.sleep, 600).result()\n"
    )
    running = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.kill()
    running.wait()
    running.stdout.close()
    for _ in range(250):
        left = subprocess.run(
            ["pgrep", "-g", str(running.pid), "-f", "spawn_main"], capture_output=True, text=True
        )
        if not left.stdout:
            break
        time.sleep(0.02)
    assert left.stdout == ""


def test_a_tally_survives_json(demo, tmp_path):
    planned = plan(recipe_of(demo, ("tttt",), select="n_jets > 8"), tmp_path)
    (tmp_path / "parts").mkdir()
    task = Task(planned.recipe.rules(), Parts(tmp_path / "parts"), 1)
    tally = run_job(task, planned.jobs[0])
    assert tally.info.entries == 500
    assert 0 < tally.written < 500
    assert (
        Tally.from_json(tally.to_json()) == tally == task.parts.finished(planned.jobs[0].identity)
    )


@pytest.fixture(scope="module")
def cluster():
    """A real scheduler with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        scheduler_port=0, silence_logs=50,
    ) as cluster:  # fmt: skip
        yield cluster


@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same_dataset(demo, here, small_jobs, tmp_path, cluster):
    engine = Dask(cluster.scheduler_address)
    build(recipe_of(demo), tmp_path / "out", engine=engine, threads=1)
    assert digests(tmp_path / "out") == here


@pytest.mark.filterwarnings("ignore")
def test_dask_does_not_answer_from_an_older_build(demo, tmp_path, cluster):
    """The same jobs again, in another folder: results of the scheduler are not reused."""
    engine = Dask(cluster.scheduler_address)
    for name in ("a", "b"):
        build(recipe_of(demo, ("ttt",)), tmp_path / name, engine=engine)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


@pytest.mark.filterwarnings("ignore")
def test_a_dask_worker_killed_under_load(demo, here, small_jobs, tmp_path, cluster):
    killed = []

    class Killing:
        def start(self, *_):
            pass

        def note(self, *_, **__):
            pass

        def advance(self, *_):
            if not killed:  # when the first job is done, the others are running
                pid = next(iter(cluster.workers.values())).pid
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    engine = Dask(cluster.scheduler_address)
    build(recipe_of(demo), tmp_path / "out", engine=engine, threads=1, progress=Killing())
    assert killed
    assert digests(tmp_path / "out") == here


@pytest.mark.filterwarnings("ignore")
def test_a_bad_file_on_dask(demo, tmp_path, cluster):
    import shutil

    for name in ("ttt", "tttt"):
        shutil.copy(demo / f"{name}.root", tmp_path)
    (tmp_path / "bad.root").write_text("<html>not found</html>")
    process = {"name": "p", "cross_section": 1.0}
    process["files"] = [str(tmp_path / f) for f in ("ttt.root", "bad.root", "tttt.root")]
    recipe = make_recipe({"name": "d", "processes": [process]}, "t")
    engine = Dask(cluster.scheduler_address)
    with pytest.raises(IncompleteError, match=r"bad\.root: not a format that topdata reads"):
        build(recipe, tmp_path / "out", engine=engine)
    manifest = build(recipe, tmp_path / "out", engine=engine, skip_bad=True)
    assert manifest.total.written == 800
    assert manifest.quarantine[0].where == "the whole file"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("slurm", ["#SBATCH", "--mem=4G", "--cpus-per-task=2", "distributed.cli.dask_worker"]),
        ("htcondor", ["RequestMemory", "RequestCpus", "distributed.cli.dask_worker", "Queue"]),
    ],
)
def test_the_script_of_a_batch_job(system, words):
    with batch_cluster(
        system, cores=2, memory="4GB", scheduler_options={"port": 0, "dashboard_address": None}
    ) as cluster:
        script = cluster.job_script()
    assert all(word in script for word in words), script
    assert Path(sys.executable).name in script
    assert f"MALLOC_TRIM_THRESHOLD_={128 << 20}" in script


def test_addresses_of_dask(demo, topdata, tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'slurm'"):
        Dask("slurn")
    ran = topdata(
        "build", demo / "ttt.root", "-o", tmp_path / "o", "--process", "p", "--cross-section", 1,
        "--dask", "elsewhere",
    )  # fmt: skip
    assert ran.code == 2
    assert "tcp://HOST:PORT" in ran.err
    ran = topdata(
        "build", demo / "ttt.root", "-o", tmp_path / "o", "--process", "p", "--cross-section", 1,
        "--dask", "slurm",
    )  # fmt: skip
    assert ran.code == 2
    assert ran.err == "topdata: --dask slurm: no command 'sbatch' on this machine\n"
    assert not list(tmp_path.iterdir())


def test_two_builds_of_one_output_as_processes(demo, tmp_path):
    """The second says so and stops; the first is not disturbed."""
    import fcntl

    stage = tmp_path / ".out.partial"
    stage.mkdir()
    command = [
        sys.executable, "-c", "from topdata.cli import main; main()", "build",
        str(demo / "ttt.root"), "-o", str(tmp_path / "out"), "--process", "p",
        "--cross-section", "1",
    ]  # fmt: skip
    with open(stage / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a build that is alive holds it
        second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 2
    assert second.stderr == f"topdata: {tmp_path}/out: another build is writing it\n"
    assert subprocess.run(command, capture_output=True, text=True).returncode == 0
