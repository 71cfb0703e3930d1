"""Jobs on a Dask cluster: one that runs already, or one started on a batch system.

Workers need this package, and must see the input files and the output's folder under the same
paths. Dask runs a job again elsewhere when its worker is lost. Resources of batch jobs come from
Dask's own configuration (``~/.config/dask/jobqueue.yaml``); what is missing there is in ``_BATCH``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from topdata.build.engines import Advance
from topdata.build.job import Task, run_job
from topdata.build.plan import Job
from topdata.build.tally import Tally
from topdata.errors import IncompleteError, RecipeError, nearest, one_line

_BATCH = {"cores": 1, "processes": 1, "memory": "3GB", "disk": "3GB"}
# unless it is set, Dask lets workers give memory back all the time: a third of the speed
_PROLOGUE = [f"export MALLOC_TRIM_THRESHOLD_={128 << 20}"]
_SYSTEMS = {"slurm": "SLURMCluster", "htcondor": "HTCondorCluster"}
_SUBMIT = {"slurm": "sbatch", "htcondor": "condor_submit"}
_CONNECT_SECONDS = 20


class Dask:
    """Runs jobs on the workers of a scheduler (``tcp://host:port``), or of a batch system.

    ``where`` is an address, ``slurm`` or ``htcondor``; ``workers`` batch jobs are asked for.
    """

    width = 2  # this machine only puts the parts together

    def __init__(self, where: str, workers: int = 1) -> None:
        if "://" not in where and where not in _SYSTEMS:
            raise RecipeError(
                f"--dask {where}: give the address of a scheduler (tcp://HOST:PORT)"
                f"{nearest(where, _SYSTEMS)}"
            )
        self.where = where
        self.workers = workers
        self._client: Any = None

    @contextmanager
    def ready(self) -> Iterator[None]:
        """See :class:`topdata.build.engines.Engine`; an absent scheduler shows at once."""
        distributed = _imported("distributed")
        submit = _SUBMIT.get(self.where)
        if submit is not None and shutil.which(submit) is None:
            raise RecipeError(f"--dask {self.where}: no command {submit!r} on this machine")
        cluster = None if submit is None else batch_cluster(self.where)
        if cluster is not None:
            cluster.scale(jobs=self.workers)
        try:
            self._client = distributed.Client(
                cluster or self.where, timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"--dask {self.where}: no scheduler answers there ({one_line(error)})"
            ) from error
        try:
            yield
        finally:
            self._client.close()
            self._client = None
            if cluster is not None:
                cluster.close()

    def run(self, task: Task, jobs: list[Job], advance: Advance) -> Iterator[tuple[Job, Tally]]:
        """See :class:`topdata.build.engines.Engine`."""
        if self._client is None:
            with self.ready():
                yield from self.run(task, jobs, advance)
            return
        yield from _run(_imported("distributed"), self._client, task, jobs, advance)


def _run(
    distributed: Any, client: Any, task: Task, jobs: list[Job], advance: Advance
) -> Iterator[tuple[Job, Tally]]:
    by_key = {f"topdata-{job.identity}": job for job in jobs}
    shared = client.scatter(task, broadcast=True, hash=False)
    # the key is the job's identity: were it pure, Dask would return an older build's answer
    coming = [
        client.submit(_work, shared, job, key=key, pure=False, retries=0)
        for key, job in sorted(by_key.items(), key=lambda item: -item[1].size)
    ]
    try:
        for future in distributed.as_completed(coming, loop=client.loop):
            job, tally = by_key[future.key], future.result()
            advance(job.size, tally.read)
            yield job, tally
            future.release()
    except (distributed.KilledWorker, distributed.CancelledError) as error:
        raise IncompleteError(
            f"Dask lost its workers ({one_line(error)}); finished parts are kept: run the same "
            "command again"
        ) from error
    finally:
        client.cancel(coming)


def _work(task: Task, job: Job) -> Tally:
    return run_job(task, job)


def batch_cluster(system: str, **options: Any) -> Any:
    """Return a ``dask_jobqueue`` cluster of a batch system, not yet scaled.

    ``options`` go before Dask's configuration, and that before our defaults. Its ``job_script()``
    is the text that would be submitted.
    """
    jobqueue = _imported("dask_jobqueue")
    import dask

    configured = dask.config.get(f"jobqueue.{system}", {})
    known: dict[str, Any] = {
        name: value for name, value in _BATCH.items() if configured.get(name) is None
    }
    if system != "htcondor":
        known.pop("disk", None)
    prologue = [*_PROLOGUE, *(configured.get("job-script-prologue") or [])]
    known["job_script_prologue"] = prologue
    return getattr(jobqueue, _SYSTEMS[system])(**{**known, **options})


def _imported(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise RecipeError("--dask needs more packages: pip install 'topdata[dask]'") from error
