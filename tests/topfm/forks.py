"""A server of processes; a script for the fixture ``forks``.

Imports once what a training needs and forks, so that many real processes cost little. Reads a JSON
line for each request: ``{"argv": [...], "env": {...}, "out": FOLDER}`` starts the command ``topfm``,
or a script where argv[0] is its path, with output to files in FOLDER, and answers its id;
``{"wait": ID}`` answers its exit code, negative for a signal.
"""

import json
import os
import runpy
import sys
import traceback

# what a training imports when it needs it: once here, not in every child
import datasets  # noqa: F401
import peft  # noqa: F401
import scipy.optimize  # noqa: F401

import topdata.loader  # noqa: F401
import topfm.runs.train  # noqa: F401
from topfm import registry
from topfm.cli import main


def run(argv):
    if argv[0] == "topfm":
        main(argv[1:])
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")


def child(request):
    """Do the work of one request and end."""
    code = 1
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(os.path.join(request["out"], name), os.O_WRONLY | os.O_CREAT), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(request["env"])
        run(request["argv"])
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for group in (registry.ENCODERS, registry.TASKS):
        for name in registry.registered(group):
            registry.find(group, name)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                child(request)
        print(json.dumps(answer), flush=True)
