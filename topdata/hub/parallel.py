"""Several files at once: on the way from a hub, waiting is most of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from topdata.hub.contents import File

THREADS = 4


def arriving(fetch: Callable[[File], None], files: Iterable[File]) -> Iterator[File]:
    """Yield each file when ``fetch`` has brought it; its error ends all that are not begun."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
    try:
        coming = {pool.submit(fetch, file): file for file in files}
        for done in as_completed(coming):
            done.result()
            yield coming[done]
    finally:
        pool.shutdown(cancel_futures=True)
