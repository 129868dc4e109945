"""Text for people and for programs: safe to print, and written atomically."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from actionzoo.errors import ActionzooError
from actionzoo.files import cannot_write, replacing_output

_OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")
"""Names of this error in torch and TensorFlow."""


def printable(text: object) -> str:
    r"""One line that is safe on a terminal: control characters and undecodable bytes are escaped.

    >>> print(printable("café\x1b[31m\nb"))
    café\x1b[31m\nb
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in str(text)
    )


def debugging() -> bool:
    """Whether tracebacks are wanted: ACTIONZOO_DEBUG=1."""
    return os.environ.get("ACTIONZOO_DEBUG") == "1"


@dataclass
class _Verbosity:
    quiet: bool = False
    verbose: bool = False


_VERBOSITY = _Verbosity()


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Sets `--quiet` and `--verbose` for the command that runs."""
    _VERBOSITY.quiet, _VERBOSITY.verbose = quiet, verbose


def shows_progress() -> bool:
    """Whether progress bars are shown: unless `--quiet`, on a terminal."""
    return not _VERBOSITY.quiet and sys.stderr is not None and sys.stderr.isatty()


def note(text: object) -> None:
    """Prints a message on stderr, unless `--quiet`."""
    if not _VERBOSITY.quiet:
        _say(text)


def detail(text: object) -> None:
    """Prints a message on stderr, with `--verbose`."""
    if _VERBOSITY.verbose:
        _say(text)


def complain(error: BaseException) -> None:
    """Prints an error as one line on stderr."""
    _say(f"actionzoo: {explain(error)}")


def explain(error: BaseException) -> str:
    """An error in words: what is wrong and what to do. Only a bug is "unexpected".

    >>> explain(OSError(28, "No space left on device", "out.csv"))
    'out.csv: No space left on device'
    >>> explain(MemoryError())
    'not enough memory: take a smaller model, fewer frames or a smaller batch, or end other programs'
    """
    if isinstance(error, ActionzooError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ in _OUT_OF_MEMORY:
        return "not enough memory: take a smaller model, fewer frames or a smaller batch, or end other programs"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ImportError):
        return f"a part of the installation does not load ({error}); `actionzoo doctor` says what to do"
    what = f"unexpected {type(error).__name__}" + (f": {error}" if str(error) else "")
    return f"{what} (a bug: please report it, with the traceback that ACTIONZOO_DEBUG=1 shows)"


def _say(text: object) -> None:
    """One line on stderr, which may be closed."""
    with suppress(OSError, AttributeError, ValueError):
        sys.stderr.write(f"{printable(text)}\n")


def warn(text: str) -> None:
    """Prints a warning as one line on stderr."""
    _say(f"actionzoo: warning: {text}")


def standard_output(*, utf8: bool) -> TextIO:
    r"""Standard output that never fails on a character; `utf8` for formats that are UTF-8 whatever the locale.

    A character that cannot be encoded is printed as `\udc80`: a valid escape in a JSON string.
    """
    if sys.stdout is None:  # closed by the parent process
        return io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if utf8 else None, errors="backslashreplace")
    return sys.stdout


@contextmanager
def output_file(path: Path) -> Iterator[TextIO]:
    """A text file that is written atomically: it gets its name when the block ends, and is gone if the block raises.

    What is not a regular file (a pipe, `/dev/stdout`) is written to directly.

    Raises:
        OutputError: the file cannot be written; a missing folder or permission shows before the block starts.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with output_file(path) as out:
    ...     _ = out.write("push")
    ...     path.exists()
    False
    >>> path.read_text()
    'push'
    """
    try:
        direct = path.exists() and not path.is_file() and not path.is_dir()
        with (
            nullcontext(path) if direct else replacing_output(path) as place,
            place.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as out,
        ):
            yield out
    except OSError as error:
        raise cannot_write(path, error) from error
