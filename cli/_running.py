"""What all commands share: `-q` and `-v`, and errors that reach `main` instead of Typer."""

from __future__ import annotations

import inspect
import re
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
    """Carries the `error` that ended a command past Typer, which would print "Aborted!"."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))


def as_command(function: Callable[..., None]) -> Callable[..., None]:
    """Adds `--quiet` and `--verbose` to the function of a command."""
    if hasattr(function, "__signature__"):  # done already: a group's commands outlive a call of `main`
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


PARSER_WORDS = (
    (r"^Value error, ", ""),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be less than or equal to (\S+)", r"must be at most \1"),
    (r"Input should be greater than (\S+)", r"must be more than \1"),
    (r"Input should be less than (\S+)", r"must be less than \1"),
    (r"Input should be a valid integer\b.*", "must be a whole number"),
    (r"Input should be a valid number\b.*", "must be a number"),
    (r"Input should be a finite number", "must be a finite number"),
    (r"(is not one of .*)\.$", r"\1"),
)
"""Messages of Typer's parser about wrong values, and our wording."""


def plain_words(message: str) -> str:
    """A message about a wrong value, without the jargon of the parser.

    >>> plain_words("Value error, 'xml' is not one of 'json', 'csv'.")
    "'xml' is not one of 'json', 'csv'"
    >>> plain_words("Input should be greater than or equal to 1")
    'must be at least 1'
    """
    for pattern, words in PARSER_WORDS:
        message = re.sub(pattern, words, message)
    return message


def show_usage_error(error: Any) -> int:
    """Prints a usage error and returns the exit code; raises any other error again."""
    if not hasattr(error, "show"):  # Typer does not name the class
        raise error
    error.message = plain_words(error.message)
    error.show()
    return int(error.exit_code)
