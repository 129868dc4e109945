"""Files from the Hugging Face hub: from its cache if they are there, else one bounded download, then checked."""

from __future__ import annotations

import errno
import re
import sys
from pathlib import Path

from actionzoo.errors import ActionzooError, ModelError, ModelNotFoundError, OfflineError, OutputError, WeightsError
from actionzoo.hub.cache import sha256_of

MODEL_FILE = "model.keras"
WAIT_S = 8.0
"""Seconds to wait for the hub's first reply; with the name's look-up a dead address fails within ten."""

_ADDRESS = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?/?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_address(address: str) -> tuple[str, str]:
    """Repository and revision of `hf://user/repo[@revision]`. Raises ModelNotFoundError if it is not of that form.

    >>> parse_address("hf://user/repo@v2")
    ('user/repo', 'v2')
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ModelNotFoundError(f"{address} is no hub address; write hf://user/repo or hf://user/repo@revision")
    return match["repo"], match["revision"] or "main"


def fetch(address: str, *, offline: bool = False) -> Path:
    """The `model.keras` of a hub repository, as a local path. Raises as `fetch_file` does."""
    repo, revision = parse_address(address)
    return fetch_file(repo, revision, MODEL_FILE, address, offline=offline)


def fetch_file(repo: str, revision: str, file: str, name: str, *, offline: bool = False) -> Path:
    """A file of a hub repository, as a local path. `name` is what errors call it.

    A cached file is taken without asking the hub: a branch stays as it was when it was first fetched.

    Raises OfflineError, ModelNotFoundError (no such repository, revision or file, or not allowed), ModelError (the
    hub does not answer), WeightsError (the content is not what the hub announced), OutputError (no room).
    """
    from huggingface_hub import constants

    try:
        if (kept := cached_file(repo, revision, file)) is not None:
            return _checked(kept, name)
        if offline or constants.is_offline_mode():
            raise OfflineError(f"{name} is not in the cache and the network is off; run once without --offline")
        return _checked(_download(repo, revision, file), name)
    except ActionzooError:
        raise
    except Exception as error:
        raise _explained(error, name, file) from error


def cached_file(repo: str, revision: str, file: str) -> Path | None:
    """The file in the hub's cache, unchecked, or `None`. Asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    kept = try_to_load_from_cache(repo, file, revision=revision)  # hf_hub_download may ask for other things
    return Path(kept) if isinstance(kept, str) else None


def announced_sha256(path: Path) -> str | None:
    """The sha256 that the hub gave of a cached file, by which the hub's cache names it; `None` for a small file."""
    name = path.resolve().name
    return name if _SHA256.fullmatch(name) else None


def _download(repo: str, revision: str, file: str) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()
    # hf_hub_download retries a dead hub for half a minute; asking once ourselves first keeps the wait short.
    get_hf_file_metadata(hf_hub_url(repo, file, revision=revision), timeout=WAIT_S)
    return Path(hf_hub_download(repo, file, revision=revision, etag_timeout=WAIT_S))


def _checked(path: Path, name: str) -> Path:
    """The file, if its bytes have the sha256 that the hub gave as its ETag."""
    announced = announced_sha256(path)
    if announced is not None and sha256_of(path) != announced:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise WeightsError(f"{name}: the downloaded file is damaged (sha256) and was removed; try again")
    return path


def _explained(error: Exception, name: str, file: str) -> ActionzooError:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return ModelNotFoundError(f"{name} is gated: ask for access on the hub, then log in with `hf auth login`")
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelNotFoundError(f"{name}: the repository has no such revision")
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelNotFoundError(f"{name}: no such repository, or it is private (`hf auth login`)")
    if isinstance(error, errors.EntryNotFoundError):
        return ModelNotFoundError(f"{name}: the repository has no {file}")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return OfflineError(f"{name} is not in the cache and the network is off (HF_HUB_OFFLINE)")
    if isinstance(error, errors.HFValidationError):
        return ModelNotFoundError(f"{name} is no hub address; write hf://user/repo or hf://user/repo@revision")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"{name}: no room for it in the hub's cache; make some, or set HF_HOME to another disk")
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(f"{name}: the hub does not answer ({reason}); check the network or HF_ENDPOINT")
