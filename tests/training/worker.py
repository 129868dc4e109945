"""One process of a training: `worker.py SET RUN STRATEGY LOGICAL_CPUS RECIPE [--resume]`.

Writes the running loss after every step, a line each, to standard output. `STOP_AT` in the environment kills the
process at that step, as a power cut would.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import tensorflow as tf


def main() -> int:
    """Train as the command line says; the exit code."""
    data, run, strategy, cpus, changes, *rest = sys.argv[1:]
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(cpus))
    import keras

    keras.config.set_floatx("float64")  # the same steps, whatever the order of the sums
    from actionzoo.errors import ActionzooError
    from actionzoo.training import Recipe, callbacks, finetune

    callbacks.SAVE_EVERY_S = 0.0

    class Tell(keras.callbacks.Callback):
        step = 0

        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            sys.stdout.write(f"loss {logs['loss']!r}\n")
            sys.stdout.flush()
            Tell.step += 1
            if Tell.step == int(os.environ.get("STOP_AT", -1)):
                os.kill(os.getpid(), signal.SIGKILL)

    given = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(changes).items()}
    recipe = None if rest else Recipe(**given)
    try:
        finetune(data, run, recipe, strategy=strategy, resume=bool(rest), callbacks=[Tell()])
    except ActionzooError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
