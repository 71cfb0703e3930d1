"""Where jobs run: in this process or in local worker processes (for clusters: ``cluster.py``).

The list of jobs is the same everywhere, and so is the result: parts do not depend on who made them,
and the dataset is put together in the order of the list.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing import connection, get_context, parent_process
from multiprocessing.synchronize import Event
from typing import Protocol

from topdata.build.job import Task, run_job
from topdata.build.plan import Job
from topdata.build.tally import Tally
from topdata.entrypoints import registered
from topdata.errors import IncompleteError
from topdata.registry import READERS

Advance = Callable[[int, int], None]  # (bytes, events) done


class Engine(Protocol):
    """Something that runs jobs."""

    width: int  # how many processors of this machine the user lent

    def ready(self) -> AbstractContextManager[None]:
        """Start what takes time to start, while the build is planned; jobs run inside."""
        ...

    def run(self, task: Task, jobs: list[Job], advance: Advance) -> Iterator[tuple[Job, Tally]]:
        """Yield every job with its tally, in any order.

        Raises what a job raises, or :class:`IncompleteError` if workers are lost; jobs that are
        finished by then stay finished.
        """
        ...


class InProcess:
    """Runs one job after another, here."""

    width = 1

    def ready(self) -> AbstractContextManager[None]:
        """See :class:`Engine`."""
        return nullcontext()

    def run(self, task: Task, jobs: list[Job], advance: Advance) -> Iterator[tuple[Job, Tally]]:
        """See :class:`Engine`."""
        for job in jobs:
            yield job, run_job(task, job, advance)


class Workers:
    """Runs jobs in ``n`` processes of this machine.

    A script that uses it needs the usual ``if __name__ == "__main__":``, because workers are fresh
    interpreters: a fork would copy the threads of Arrow and of the progress bar in mid-flight.
    """

    def __init__(self, n: int) -> None:
        self.width = n
        self._pool: ProcessPoolExecutor | None = None

    @contextmanager
    def ready(self) -> Iterator[None]:
        """See :class:`Engine`."""
        context = get_context("spawn")
        stop = context.Event()
        pool = ProcessPoolExecutor(self.width, context, initializer=_begin, initargs=(stop,))
        try:
            with _no_interrupt():
                pool.submit(_nothing)  # starts all workers
            self._pool = pool
            yield
        finally:
            self._pool = None
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def run(self, task: Task, jobs: list[Job], advance: Advance) -> Iterator[tuple[Job, Tally]]:
        """See :class:`Engine`."""
        if self._pool is None:
            with self.ready():
                yield from self.run(task, jobs, advance)
            return
        try:
            # the largest first: a worker that ends with one keeps the others waiting
            order = sorted(jobs, key=lambda job: -job.size)
            coming = {self._pool.submit(_work, task, job): job for job in order}
            for future in as_completed(coming):
                job, tally = coming.pop(future), future.result()
                advance(job.size, tally.read)
                yield job, tally
        except BrokenProcessPool as error:
            raise IncompleteError(
                "a worker process was lost (killed for its memory?); finished parts are kept: run "
                "the same command again, with fewer --workers if memory is short"
            ) from error


_stop: Event | None = None  # of a worker process: set when the build is over


def _begin(stop: Event) -> None:
    """Prepare a worker: Ctrl-C is for its parent, and it does not outlive that."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    for reader in registered(READERS).values():
        reader.load()  # the imports of the first job


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Let processes that start here be deaf to Ctrl-C from their first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set this
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _nothing() -> None:
    """Do nothing, elsewhere."""


def _follow_parent() -> None:
    """End this process when its parent has ended, even by ``kill -9``."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


class _Stopped(Exception):
    """The build ended while this job ran."""


def _work(task: Task, job: Job) -> Tally:
    def advance(size: int, events: int) -> None:
        if _stop is not None and _stop.is_set():
            raise _Stopped

    return run_job(task, job, advance)
