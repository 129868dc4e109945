"""Which devices learn together: one, all of this machine, or those of several machines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from actionzoo.errors import TrainingError
from actionzoo.training.meeting import WAIT_S, meet

STRATEGIES = ("auto", "mirrored", "multiworker")


def check_backend() -> None:
    """Raises TrainingError if Keras is not on TensorFlow, which training needs."""
    import keras

    backend = keras.config.backend()
    if backend != "tensorflow":
        raise TrainingError(
            f"training and testing need TensorFlow, but Keras is on {backend}; unset KERAS_BACKEND, or set it to "
            "tensorflow"
        )


def make_strategy(name: str = "auto", wait: float = WAIT_S) -> Any:
    """A strategy of tf.distribute. It must be made before TensorFlow computes anything.

    Args:
        name: "mirrored" uses all GPUs of this machine (or its logical CPU devices), "multiworker" the machines that
            the environment variable TF_CONFIG lists, "auto" what TF_CONFIG and the number of GPUs suggest. Several
            machines wait for each other here.
        wait: seconds to wait for the other machines.

    Raises:
        TrainingError: TF_CONFIG is missing or makes no sense; other machines do not come; Keras is on another backend.
    """
    if name not in STRATEGIES:
        raise ValueError(f"a strategy is one of {', '.join(STRATEGIES)}, not {name!r}")
    check_backend()
    import tensorflow as tf

    if name == "multiworker" or (name == "auto" and "TF_CONFIG" in os.environ):
        meet(*_cluster(os.environ.get("TF_CONFIG")), wait)
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or len(gpus) > 1:
        devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()


def is_chief(strategy: Any) -> bool:
    """Whether this process writes files: the first worker of several, or the only one."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id in (None, 0)


def _cluster(text: str | None) -> tuple[list[str], int]:
    """The workers in TF_CONFIG, as host:port, and which of them this one is. Raises TrainingError."""
    example = '{"cluster": {"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
    if text is None:
        raise TrainingError(f"--strategy multiworker needs the environment variable TF_CONFIG, such as {example}")
    try:
        config = json.loads(text)
        workers, task = [str(worker) for worker in config["cluster"]["worker"]], config["task"]
        good = task["type"] == "worker" and 0 <= task["index"] < len(workers)
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"TF_CONFIG cannot be understood ({error!r}); it is JSON such as {example}") from error
    if not good:
        raise TrainingError(f"TF_CONFIG names task {task} of {len(workers)} workers; index counts from 0")
    for worker in workers:
        host, _, port = worker.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise TrainingError(
                f"TF_CONFIG names the worker {worker!r}, which is not host:port; it is such as {example}"
            )
    return workers, int(task["index"])


@contextmanager
def explain_lost_worker() -> Iterator[None]:
    """What TensorFlow raises when another worker is gone, as a TrainingError that says what to do."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError) as e:
        if "TF_CONFIG" not in os.environ:
            raise
        raise TrainingError(
            "another worker is gone; start all of them again with --resume: they go on from the last checkpoint"
        ) from e
