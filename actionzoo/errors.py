"""Errors a user can meet.

Each message says what is wrong, with which file, and what to do about it. The command line prints the message as one
line and exits with code 1; anything that is not an `ActionzooError` is a bug.
"""

from __future__ import annotations

import difflib
import tokenize
import zipfile
import zlib
from collections.abc import Iterable


class ActionzooError(Exception):
    """Base class of every error that actionzoo raises on purpose."""


def source_name(source: object) -> str:
    """What to call a video: the file or address as the user gave it; of what is in memory, what it is.

    >>> source_name("clip.mp4"), source_name(b"RIFF")
    ('clip.mp4', '<bytes>')
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return name if isinstance(name, str) else "<file>"
    return str(source)


UNREADABLE_NPZ = (
    *(ArithmeticError, EOFError, KeyError, MemoryError, OSError, RuntimeError, SyntaxError, ValueError),
    *(SystemError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise for damaged files; RuntimeError for ciphers and compressions that they lack."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that there is not: the names nearest to it, if any is near.

    >>> did_you_mean("punhc", ["wave", "punch", "hug"])
    '; did you mean punch?'
    """
    near = difflib.get_close_matches(name, [*known], n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


class SourceError(ActionzooError):
    """A file cannot be used. `source` is its `source_name`, `reason` what is wrong with it."""

    def __init__(self, source: object, reason: str) -> None:
        self.source = source_name(source)
        self.reason = reason
        super().__init__(f"{self.source}: {reason}")

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str]]:
        return type(self), (self.source, self.reason)


class VideoError(SourceError):
    """A video cannot be used."""


class VideoNotFoundError(VideoError):
    """There is no file or stream of that name, or it may not be read."""


class NotAVideoError(VideoError):
    """The file is not a video: text, a picture, sound without pictures, or empty."""


class BrokenVideoError(VideoError):
    """The video is damaged or cut off. The reason names the time at which decoding failed."""


class VideoTooLargeError(VideoError):
    """The video asks for more memory than one video may take."""


class DataError(ActionzooError):
    """A set of labelled videos cannot be used as it is: videos, labels, lists or groups do not fit together."""


class MotionError(SourceError):
    """A file of recorded motion cannot be used."""


class TrainingError(ActionzooError):
    """A network cannot be trained as asked, or its training had to stop. What was learned so far is kept."""


class OutputError(ActionzooError):
    """A result cannot be written: no permission, no space, or the folder does not exist."""


class ModelError(ActionzooError):
    """A model cannot be used as asked."""


class ModelNotFoundError(ModelError):
    """No model of that name, file, folder or address."""


class WeightsError(ModelError):
    """A weights file is damaged, or is not the file that the catalog describes."""


class OfflineError(ActionzooError):
    """The network is needed, but `--offline` (or HF_HUB_OFFLINE) forbids it."""
