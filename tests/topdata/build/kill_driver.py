"""Kill builds without mercy and run them again; a script for test_resume.py.

    python kill_driver.py FOLDER time|rename|overwrite|extend N WORKERS

``time`` kills at N random moments; the others at every rename of a build, of one that overwrites, or
of one that extends a dataset.

Imports once and forks, so that many kills cost little. Prints a JSON line for each: when the child was
killed, with what it ended, and whether the rerun gave the same bytes as a build left in peace.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

# what a build imports when it needs it: once here, not in every child
import datasets  # noqa: F401
import uproot  # noqa: F401

from topdata.build import build
from topdata.build.engines import InProcess, Workers
from topdata.recipe import make_recipe

DEMO = Path(__file__).parents[2] / "data" / "demo"
NAMES = ("ttt", "wjj")


def recipe(names=NAMES):
    return make_recipe(
        {
            "name": "d",
            "universal": True,
            "processes": [
                {"name": n, "files": [str(DEMO / f"{n}.root")], "cross_section": 1.0} for n in names
            ],
        },
        "kill_driver",
    )


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def in_child(work):
    """Fork, do the work there, return the child's id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at_rename(number, work):
    """Run the work until its ``number``-th rename, and die there."""
    seen = 0

    def counting(original):
        def rename(*arguments, **more):
            nonlocal seen
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **more)

        return rename

    os.rename, os.replace = counting(os.rename), counting(os.replace)
    work()


def main():
    root, mode, n, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    root.mkdir(parents=True)

    def run(output, names=NAMES, **options):
        os.environ["TOPDATA_CACHE"] = str(output.parent / "cache" / output.name)
        engine = Workers(workers) if workers > 1 else InProcess()
        build(recipe(names), output, engine=engine, **options)

    def prepare(output):
        if mode in ("overwrite", "extend"):
            assert wait(in_child(lambda: run(output, NAMES[:1]))) == 0
        return {"overwrite": {"overwrite": True}, "extend": {"extend": True}}.get(mode, {})

    options = prepare(root / "before")
    if options:
        shutil.copytree(root / "before", root / "whole")
    began = time.monotonic()
    assert wait(in_child(lambda: run(root / "whole", **options))) == 0
    length = time.monotonic() - began
    expected = digests(root / "whole")
    random.seed(7)
    for number in range(n):
        output = root / f"out{number}"
        if options:
            shutil.copytree(root / "before", output)
        if mode == "time":
            at = random.uniform(0, length)
            pid = in_child(lambda out=output: run(out))
            threading.Event().wait(at)
            os.kill(pid, signal.SIGKILL)
        else:
            at = number + 1
            pid = in_child(
                lambda out=output, k=at, more=options: killed_at_rename(k, lambda: run(out, **more))
            )
        ended = wait(pid)
        if output.exists() and digests(output) == expected:
            again = 0  # it had been published
        else:
            again = wait(in_child(lambda out=output, more=options: run(out, **more)))
        same = output.exists() and digests(output) == expected
        print(json.dumps({"at": at, "ended": ended, "rerun": again, "same": same}), flush=True)
        if mode != "time" and ended == 0:
            break  # there are no more renames


if __name__ == "__main__":
    main()
