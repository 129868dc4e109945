"""Work on several cores or machines, by Dask."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from actionzoo.errors import OutputError

INSTALL = "pip install 'actionzoo[cluster]'"

Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]


@contextlib.contextmanager
def spread(workers: int, scheduler: str | None) -> Iterator[Run]:
    """What calls a function with each of some tasks and hands out what it gives, as the calls end.

    Args:
        workers: processes on this machine; one is this process, more are Dask's.
        scheduler: address of a Dask cluster to use instead.

    Raises:
        OutputError: Dask is missing, does not answer, or loses its workers.
    """
    if scheduler is None and workers == 1:
        yield map
        return
    try:
        import dask
        import distributed
    except ImportError as error:
        raise OutputError(f"several workers need Dask; {INSTALL}, or take --workers 1") from error
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            # A process a core; what they compute with would start a thread for each core otherwise.
            for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
                os.environ.setdefault(name, "1")
            # Dask's nanny has memory given back at once, so that each array is mapped anew: a fifth of the time.
            stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": {}}))
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
            )
            address = stack.enter_context(cluster)
        else:
            address = scheduler
        try:
            client = stack.enter_context(distributed.Client(address, timeout="15s"))
        except OSError as error:
            raise OutputError(f"the Dask scheduler {scheduler} does not answer; check the address") from error

        def run(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
            futures = [client.submit(function, task, pure=False) for task in tasks]
            try:
                for future in distributed.as_completed(futures):
                    yield future.result()
            except distributed.KilledWorker as error:
                raise OutputError("a worker died over and over, perhaps for lack of memory; take fewer") from error

        yield run
