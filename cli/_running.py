"""What every command has: `-q` and `-v`, and that an end which Typer would call "Aborted!" reaches `main` as it is."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from ._output import detail, set_verbosity

CONTEXT = {"help_option_names": ["--help", "-h"]}

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only results and errors: no progress, no notes.", show_default=False)
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also say how long things take.", show_default=False)]


class CarriedError(Exception):
    """Carries what Typer would handle in its own words out of it; `error` is what a command ended with."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))


def as_command(function: Callable[..., None]) -> Callable[..., None]:
    """The function of a command with `--quiet` and `--verbose` as well."""
    if hasattr(function, "__signature__"):  # it is one already: a group's commands outlive a call of `main`
        return function

    @wraps(function)
    def run(*args: Any, quiet: bool = False, verbose: bool = False, **options: Any) -> None:
        if quiet and verbose:
            raise typer.BadParameter("give one of --quiet and --verbose", param_hint="--verbose")
        set_verbosity(quiet=quiet, verbose=verbose)
        since = time.monotonic()
        try:
            function(*args, **options)
        except (EOFError, OSError, KeyboardInterrupt) as error:
            raise CarriedError(error) from error
        finally:
            detail(f"{time.monotonic() - since:.1f} s")

    signature = inspect.signature(function, eval_str=True)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
    ]
    parameters = [*signature.parameters.values(), *more]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
