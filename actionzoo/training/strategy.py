"""The devices of a training: one, all of this machine, or those of several machines, which wait for each other.

They meet before TensorFlow connects them, which waits without a message and without end.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

from actionzoo.errors import TrainingError

logger = logging.getLogger("actionzoo")

WAIT_S = 600.0
"""Seconds to wait for the other workers."""

QUIET_S = 5.0
"""Seconds without a message: workers that are started together appear within them."""

PAUSE_S, PROBE_S = 0.2, 2.0
"""Seconds between two rounds, and for one worker to answer in a round."""

STRATEGIES = ("auto", "mirrored", "multiworker")
TF_CONFIG = '{"cluster": {"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
"""An example, for messages."""


def check_backend() -> None:
    """Raises TrainingError if Keras does not run on TensorFlow, which training needs."""
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise TrainingError(
            f"training and testing need TensorFlow, but Keras is on {backend}; unset KERAS_BACKEND, or set it to "
            "tensorflow"
        )


def make_strategy(name: str = "auto", wait: float = WAIT_S) -> tf.distribute.Strategy:
    """A strategy of tf.distribute. It must be created before TensorFlow computes anything.

    Args:
        name: "mirrored" for all GPUs of this machine (or its logical CPU devices), "multiworker" for the machines in
            the environment variable TF_CONFIG, "auto" by TF_CONFIG and the number of GPUs. Workers wait for each other
            here.
        wait: seconds to wait for the other workers.

    Raises:
        ValueError: there is no strategy of that name.
        TrainingError: TF_CONFIG is missing or invalid; a worker does not answer; Keras is on another backend.

    >>> make_strategy("auto").num_replicas_in_sync                                                # doctest: +SKIP
    1
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy is one of {', '.join(STRATEGIES)}, not {name!r}")
    check_backend()
    if name == "multiworker" or (name == "auto" and "TF_CONFIG" in os.environ):
        meet(*_cluster(os.environ.get("TF_CONFIG")), wait)
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or len(gpus) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in gpus or tf.config.list_logical_devices("CPU")])
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes files: the first of several workers, or the only one."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id in (None, 0)


def _cluster(text: str | None) -> tuple[list[str], int]:
    """The workers in TF_CONFIG, as host:port, and the index of this one. Raises TrainingError."""
    if text is None:
        raise TrainingError(f"--strategy multiworker needs the environment variable TF_CONFIG, such as {TF_CONFIG}")
    try:
        config = json.loads(text)
        workers, task = [str(worker) for worker in config["cluster"]["worker"]], config["task"]
        if task["type"] != "worker" or not 0 <= task["index"] < len(workers):
            raise ValueError(f"names task {task} of {len(workers)} workers; index counts from 0")
        for worker in workers:
            host, _, port = worker.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError(f"names the worker {worker!r}, which is not host:port")
    except (ValueError, KeyError, TypeError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise TrainingError(f"TF_CONFIG is invalid ({reason}); it is JSON such as {TF_CONFIG}") from error
    return workers, int(task["index"])


@contextmanager
def explain_lost_worker() -> Iterator[None]:
    """Raise TensorFlow's errors about a lost worker as a TrainingError that says what to do."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError) as e:
        if "TF_CONFIG" not in os.environ:
            raise
        raise TrainingError(
            "another worker is gone; start all of them again with --resume, which continues from the last checkpoint"
        ) from e


def meet(workers: Sequence[str], index: int, wait: float = WAIT_S) -> None:
    """Wait until all other workers answer on their ports; meanwhile answer them on this one's.

    A worker that has met all others leaves its port to TensorFlow, which answers there too.

    Args:
        workers: all workers, as host:port.
        index: of this worker.
        wait: seconds before giving up.

    Raises:
        TrainingError: a worker did not answer, or this worker's port is taken.
    """
    missing = [worker for place, worker in enumerate(workers) if place != index]
    begun = time.monotonic()
    reported: list[str] = []
    with _answering(workers[index], len(workers)):
        while missing := [worker for worker in missing if not _answers(worker)]:
            waited = time.monotonic() - begun
            names = ", ".join(missing)
            if waited > wait:
                raise TrainingError(
                    f"no answer from {names} within {wait:g} seconds; start the command there too and check its "
                    "TF_CONFIG, or wait longer with --wait"
                )
            if waited > QUIET_S and missing != reported:
                logger.warning("waiting for %s, for %g seconds at most", names, wait)
                reported = missing
            time.sleep(PAUSE_S)


@contextmanager
def _answering(worker: str, count: int) -> Iterator[None]:
    """Accept connections of `count` workers on this one's port. Nothing needs to be read from them."""
    port, both = int(worker.rpartition(":")[2]), socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        server = socket.create_server(("", port), family=family, backlog=count + 128, dualstack_ipv6=both)
    except OSError as error:
        raise TrainingError(
            f"port {port} of this worker, {worker}, cannot be used ({error.strerror or error}); end the program "
            "that uses it, or name another port in TF_CONFIG"
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
