"""Machines of a training wait for each other before TensorFlow does, which would say nothing and never give up."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator, Sequence

from actionzoo.errors import TrainingError

logger = logging.getLogger("actionzoo")

WAIT_S = 600.0
"""Seconds to wait for the other machines."""

QUIET_S = 5.0
"""Machines that are started together appear within so many seconds: nothing is said before."""

PAUSE_S, PROBE_S = 0.2, 2.0
"""Seconds between two rounds, and for one machine to answer in a round."""


def meet(workers: Sequence[str], index: int, wait: float = WAIT_S) -> None:
    """Wait until all other workers answer on their ports; meanwhile answer them on our own.

    A worker that has met all others leaves its port to TensorFlow, which answers there too.

    Args:
        workers: all of them, as host:port.
        index: which of them this one is.
        wait: seconds.

    Raises:
        TrainingError: some did not come, or our own port is taken.
    """
    missing = [worker for place, worker in enumerate(workers) if place != index]
    begun = time.monotonic()
    told: list[str] = []
    with _answering(workers[index], len(workers)):
        while missing := [worker for worker in missing if not _answers(worker)]:
            waited = time.monotonic() - begun
            names = ", ".join(missing)
            if waited > wait:
                raise TrainingError(
                    f"no answer from {names} within {wait:g} seconds; start the command there too and check its "
                    "TF_CONFIG, or wait longer with --wait"
                )
            if waited > QUIET_S and missing != told:
                logger.warning("waiting for %s, for %g seconds at most", names, wait)
                told = missing
            time.sleep(PAUSE_S)


@contextlib.contextmanager
def _answering(worker: str, count: int) -> Iterator[None]:
    """Lets `count` workers connect to this one's own port. Nothing needs to be read from them."""
    port, both = int(worker.rpartition(":")[2]), socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        server = socket.create_server(("", port), family=family, backlog=count + 128, dualstack_ipv6=both)
    except OSError as error:
        raise TrainingError(
            f"port {port} of this worker, {worker}, cannot be used ({error.strerror or error}); end what holds it, or "
            "name another port in TF_CONFIG"
        ) from error
    with server:  # the system completes connections up to the backlog by itself
        yield


def _answers(worker: str) -> bool:
    host, _, port = worker.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_S).close()
    except OSError:
        return False
    return True
