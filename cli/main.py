"""Assembles the command `actionzoo` and turns each way of ending into its exit code.

0 done, 1 a known error (one line on stderr), 2 wrong usage, 3 some of several inputs failed, 130 interrupted.
"""

from __future__ import annotations

import _thread
import codecs
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Annotated, NoReturn

import typer

import actionzoo

from ._output import complain, debugging, set_verbosity
from ._running import CONTEXT, CarriedError, as_command, show_usage_error

COMMANDS = {
    "predict": "Name the action in videos, folders, cameras and streams.",
    "finetune": "Train a network on your own videos.",
    "evaluate": "Measure how good a model is.",
    "fuse": "Average the scores of several models.",
    "visualize": "Paint what a network has learned.",
    "models": "List and describe the networks.",
    "weights": "List, fetch, check, import and publish trained weights.",
    "features": "Write what a layer computes about videos.",
    "flow": "Write the optical flow of a video.",
    "export": "Write a model for another program to run.",
    "data": "Make and check data sets.",
    "doctor": "Check the installation.",
}
"""The commands, each a module of this package, with its line in `actionzoo --help`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    actionzoo ...
    0
    """
    if argv is None:
        _leave_ascii()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _print_any_character()
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _interrupt_again
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader, such as `head`, has closed it
        code = 1
    except Exception as error:
        if debugging():
            raise
        complain(error)
        code = 1
    _flush_or_discard()
    if argv is None:
        os._exit(code)  # a network may still be loading in native code, and an orderly shutdown takes long
    return code


def _interrupt_again(lost: sys.UnraisableHookArgs) -> None:
    """Python drops what is raised while an object is deleted, Ctrl-C too: it is sent once more, a moment later."""
    if lost.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


def _leave_ascii() -> None:
    """Restarts in Python's UTF-8 mode where file names are ASCII, as with LC_ALL=C and PYTHONUTF8=0.

    Otherwise a name with an accent in a CSV file or in a model's labels could neither be opened nor compared with that
    of a folder.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _print_any_character() -> None:
    """Escapes characters that the encoding of a stream lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> int:
    set_verbosity(quiet=False, verbose=False)
    try:
        code = build_app(arguments)(args=arguments, prog_name="actionzoo", standalone_mode=False)
    except SystemExit as stop:
        code = stop.code
    except CarriedError as carried:
        raise carried.error from carried.error.__cause__
    except typer.Abort:
        code = 130
    except Exception as error:
        code = show_usage_error(error)
    return code if isinstance(code, int) else 0


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line; only the command in `arguments` is imported, so that `--help` is fast."""
    app = typer.Typer(
        help="Two-stream action recognition in videos.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
    )
    app.callback()(_global_options)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, line in COMMANDS.items():
        if name == called or "_ACTIONZOO_COMPLETE" in os.environ:
            module = import_module(f".{name}", __package__)
            if hasattr(module, "app"):
                for command in module.app.registered_commands:
                    command.callback = as_command(command.callback)
                app.add_typer(module.app, name=name)
            else:
                app.command(name)(as_command(getattr(module, name)))
        else:
            app.command(name, help=line)(_not_called)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"actionzoo {actionzoo.__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options before the command."""


def _not_called() -> None:
    """Placeholder of a command that was not called, for `--help`."""


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)  # unlike the default, this removes half-written files


def _flush_or_discard() -> None:
    """Keeps the interpreter from failing again on a closed or full standard output as it exits."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
