"""Ends a command of actionzoo where its training begins: what is measured then is its start.

    python benchmarks/versus/_start.py finetune DATA --epochs 1

Run by the interpreter of the build that is measured.
"""

from __future__ import annotations

import os
import sys

CALLBACKS = "keras.src.callbacks.callback_list"


def end(*_: object) -> None:
    """Ends the process."""
    print("begins", flush=True)
    os._exit(0)


def watch(event: str, _: object) -> None:
    """Has the training end the process, as soon as an import is seen after that of Keras."""
    if event == "import" and (listed := getattr(sys.modules.get(CALLBACKS), "CallbackList", None)) is not None:
        listed.on_train_begin = end


if __name__ == "__main__":
    sys.addaudithook(watch)
    from actionzoo.cli.main import main

    sys.exit(main())
