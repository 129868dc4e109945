"""Files from the Hugging Face hub: from its cache if they are there, else one bounded download, then checked."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from actionzoo.errors import ActionzooError, ModelError, ModelNotFoundError, OfflineError, OutputError
from actionzoo.hub.cache import sha256_of

if TYPE_CHECKING:
    from actionzoo.hub.web import Progress

MODEL_FILE = "model.keras"
WAIT_S = 8.0
"""Seconds to wait for the hub's first reply; with the name's look-up a dead address fails within ten."""

_ADDRESS = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?/?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_ETAG = re.compile(r"[\w-]{1,128}")

logger = logging.getLogger("actionzoo")


def parse_address(address: str) -> tuple[str, str]:
    """Repository and revision of `hf://user/repo[@revision]`.

    Raises:
        ModelNotFoundError: the address is not of that form.

    >>> parse_address("hf://user/repo@v2")
    ('user/repo', 'v2')
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ModelNotFoundError(f"{address} is no hub address; write hf://user/repo or hf://user/repo@revision")
    return match["repo"], match["revision"] or "main"


def fetch(address: str, *, offline: bool = False) -> Path:
    """The `model.keras` of a hub repository, as a local path. See `fetch_file`."""
    repo, revision = parse_address(address)
    return fetch_file(repo, revision, MODEL_FILE, address, offline=offline)


def fetch_file(repo: str, revision: str, file: str, name: str, *, offline: bool = False) -> Path:
    """A file of a hub repository, as a local path.

    A cached file is taken without asking the hub: a branch stays as it was when it was first fetched.

    Args:
        repo: `user/repo`.
        revision: a commit, branch or tag.
        file: its name in the repository.
        name: what errors call it.
        offline: never use the network.

    Raises:
        OfflineError: it is not in the cache and the network is off.
        ModelNotFoundError: there is no such repository, revision or file, or it may not be read.
        ModelError: the hub does not answer.
        WeightsError: the content is not what the hub announced.
        OutputError: there is no room for it.
    """
    from huggingface_hub import constants

    try:
        if (kept := cached_file(repo, revision, file)) is not None:
            if is_as_announced(kept):
                return kept
            logger.warning("%s: %s is damaged (sha256); it is fetched again", name, kept)
            kept.resolve().unlink(missing_ok=True)
            kept.unlink(missing_ok=True)
        if offline or constants.is_offline_mode():
            raise OfflineError(f"{name} is not in the cache and the network is off; run once without --offline")
        return _download(repo, revision, file, name)
    except OutputError as error:
        raise _explained(error.__cause__ or error, name, file) from error
    except ActionzooError:
        raise
    except Exception as error:
        raise _explained(error, name, file) from error


def cached_file(repo: str, revision: str, file: str) -> Path | None:
    """The file in the hub's cache, unchecked, or `None`. Asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    kept = try_to_load_from_cache(repo, file, revision=revision)  # hf_hub_download may ask for other things
    return Path(kept) if isinstance(kept, str) else None


def is_as_announced(path: Path) -> bool:
    """Whether a file of the hub's cache is the one that the hub announced, by whose checksum the cache names it.

    That is the sha256 of a large file, git's sha1 of a small one.
    """
    name = path.resolve().name
    if _SHA256.fullmatch(name):
        return sha256_of(path) == name
    if _SHA1.fullmatch(name):
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == name
    return True


def _download(repo: str, revision: str, file: str, name: str) -> Path:
    """Fetch a file into the hub's cache.

    The hub's client would begin anew after a break, and wait for ever for a slow hub; so the content is fetched by
    `web.download` to where the client looks for it, which then gives it the name that it has in the repository.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    from actionzoo.hub.web import REPLY_S, download, within

    address = hf_hub_url(repo, file, revision=revision)
    etag = within(REPLY_S, lambda: get_hf_file_metadata(address, timeout=WAIT_S)).etag
    if etag is None or not _ETAG.fullmatch(etag):
        raise ModelError(f"{name}: the hub gives its {file} no name that a file can have; fetch it by hand")
    content = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repo, repo_type="model"), "blobs", etag)
    sha256 = etag if _SHA256.fullmatch(etag) else None
    with _bar(name) as progress:
        download(address, content, sha256=sha256, progress=progress, headers=build_hf_headers(), content=etag)
    return Path(within(REPLY_S, lambda: hf_hub_download(repo, file, revision=revision, etag_timeout=WAIT_S)))


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Progress]:
    """The client's own bar, where somebody sees it."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    with tqdm(desc=name, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:  # type: ignore[no-untyped-call]

        def progress(there: int, total: int | None) -> None:
            bar.total = total
            bar.update(there - bar.n)

        yield progress


def _explained(error: BaseException, name: str, file: str) -> ActionzooError:
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
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = f"{error.filename}: " if error.filename else ""
        return OutputError(
            f"{name}: the hub's cache cannot be written ({where}{error.strerror}); set HF_HOME to a folder of your own"
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(f"{name}: the hub does not answer ({reason}); check the network or HF_ENDPOINT")
