"""Run ``topfm`` with little memory from the first step on: python frugal.py ARGUMENTS."""

import resource
import sys
from pathlib import Path

from topfm.cli import main
from topfm.training.loop import Trainer

MORE = 200 << 20  # bytes, beyond what the process has when it begins to train
whole = Trainer.run


def run(trainer):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE, resource.RLIM_INFINITY))
    return whole(trainer)


Trainer.run = run
main(sys.argv[1:])
