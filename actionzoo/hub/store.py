"""The files of catalogued weights on this machine: fetched once, then found and checked without the network.

The hub's files lie in the hub's own cache, those of other servers in ours. What the catalog does not know of a file,
its sha256 and the hub's commit, is written down when it is first fetched, and every later copy must be the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from safetensors import SafetensorError, safe_open

from actionzoo.errors import OfflineError, WeightsError
from actionzoo.files import make_folder, write_atomic
from actionzoo.hub import download, web
from actionzoo.hub.cache import cache_folder, cache_folders, remembered_sha256, sha256_of
from actionzoo.hub.catalog import CatalogEntry
from actionzoo.hub.loading import check_finite

logger = logging.getLogger("actionzoo")


@dataclass(frozen=True)
class Pin:
    """What the first copy of a file was: its sha256, its size in bytes, and the hub's commit."""

    sha256: str
    size: int
    commit: str | None = None


def fetch_weights(entry: CatalogEntry, *, offline: bool = False, progress: web.Progress | None = None) -> Path:
    """The file of a hub's or authors' entry, fetched if it is not here yet.

    Args:
        entry: of the catalog.
        offline: never use the network.
        progress: is told of every piece of an authors' file; the hub's client has a bar of its own.

    Returns:
        Where the file is.

    Raises:
        OfflineError: it is not here and the network is off, by `offline` or by HF_HUB_OFFLINE.
        WeightsError: it is not the file of the catalog, or not the one that was first fetched.
        ActionzooError: it cannot be fetched.
    """
    if entry.kind == "hub":
        repo, revision, file = _in_hub(entry)
        path = download.fetch_file(repo, revision, file, entry.name, offline=offline)
    else:
        path = fetch_address(_address(entry), sha256=entry.sha256, offline=offline, progress=progress)
    _check(entry, path, remembered_sha256(path))
    return path


def fetch_address(
    address: str, *, sha256: str | None = None, offline: bool = False, progress: web.Progress | None = None
) -> Path:
    """The file at an address, fetched if it is not here yet. See `fetch_weights`."""
    for kept in _kept(address):
        if _is_as_fetched(kept):
            return kept
        logger.warning("%s is damaged; it is fetched again", kept)
        with contextlib.suppress(OSError):  # of a cache that is not this user's
            kept.unlink()
    if offline or is_offline():
        raise OfflineError(f"{address} is not in the cache and the network is off; run once without --offline")
    target = cache_folder("web") / _place(address)
    web.download(address, target, sha256=sha256, progress=progress)
    write_atomic(_checksum(target), sha256_of(target))
    return target


def find_weights(entry: CatalogEntry) -> Path | None:
    """The file of a hub's or authors' entry if it is here, unchecked. Asks nobody."""
    if entry.kind == "hub":
        return download.cached_file(*_in_hub(entry))
    return next(iter(_kept(_address(entry))), None)


def verify_weights(entry: CatalogEntry) -> bool:
    """Read the files of an entry, byte for byte.

    Returns:
        Whether they are here.

    Raises:
        WeightsError: a file is not what it was or should be, or holds non-finite weights.
    """
    if entry.kind == "embedded":
        for file in entry.files:
            entry.read(file)
        return True
    if (path := find_weights(entry)) is None:
        return False
    found = sha256_of(path)
    if entry.kind == "hub" and not download.is_as_announced(path):
        raise WeightsError(f"{entry.name}: {path} is damaged (sha256); remove it and fetch it again")
    _check(entry, path, found)
    if path.suffix == ".safetensors":
        check_finite(_tensors(path), f"{entry.name}: {path}")
    return True


def _tensors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of a safetensors file by name, one after the other; those of types that numpy lacks are left out."""
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118  it is no mapping
                with contextlib.suppress(TypeError, AttributeError):
                    yield name, file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} is no safetensors file ({reason}); remove it and fetch it again") from error


def read_pin(entry: CatalogEntry) -> Pin | None:
    """What was written down when the file was first fetched.

    Raises:
        WeightsError: that is damaged.
    """
    note = _note(entry)
    try:
        return Pin(**json.loads(note.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{note} is damaged; remove it to trust the file of {entry.name} again") from error


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids the network."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


def _check(entry: CatalogEntry, path: Path, found: str) -> None:
    """Compare a file's sha256 with the catalog's and the first copy's; write down that of the first copy."""
    if entry.sha256 is not None and found != entry.sha256:
        raise WeightsError(
            f"{entry.name}: {path} is not the file of the catalog (sha256); remove it and fetch it again"
        )
    pin = read_pin(entry)
    if pin is None:
        commit = path.parent.name if entry.kind == "hub" else None  # the hub's cache: snapshots/<commit>/<file>
        make_folder(_note(entry).parent)
        write_atomic(_note(entry), json.dumps(asdict(Pin(found, path.stat().st_size, commit)), indent=1) + "\n")
    elif pin.sha256 != found:
        raise WeightsError(
            f"{entry.name}: {path} is another file than the one first fetched here (sha256 {found}, not {pin.sha256}); "
            f"remove {_note(entry)} if that is right"
        )


def _note(entry: CatalogEntry) -> Path:
    """What is written down of the first copy: the first such note that there is, or where it will be."""
    notes = [folder / f"{entry.name}.json" for folder in cache_folders("pins")]
    return next(filter(os.path.isfile, notes), notes[-1])


def _place(address: str) -> Path:
    """Where our cache keeps the file of an address: a folder for each, so that equal names do not meet."""
    host = re.sub(r"[^\w.-]", "_", urlsplit(address).hostname or "").strip(".")
    mark = hashlib.sha256(address.encode()).hexdigest()[:16]
    return Path(f"{host}-{mark}", web.file_name(address))


def _kept(address: str) -> list[Path]:
    """The file of an address where it is here, unchecked."""
    return [folder / _place(address) for folder in cache_folders("web") if os.path.isfile(folder / _place(address))]


def _checksum(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _is_as_fetched(path: Path) -> bool:
    """Whether a file has the sha256 that it came with, as far as that was written down."""
    try:
        return remembered_sha256(path) == _checksum(path).read_text("utf-8").strip()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _in_hub(entry: CatalogEntry) -> tuple[str, str, str]:
    assert entry.repository is not None
    assert entry.revision is not None
    assert entry.file is not None
    return entry.repository, entry.revision, entry.file


def _address(entry: CatalogEntry) -> str:
    if entry.address is None:
        raise WeightsError(f"{entry.name} comes with actionzoo; there is nothing to fetch")
    return entry.address
