"""Downloads over HTTP, from a server on the loopback interface."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from actionzoo.errors import ActionzooError, ModelError, ModelNotFoundError, OutputError, WeightsError
from actionzoo.hub import web
from actionzoo.hub.web import download, file_name

from .conftest import largest_file
from .file_server import FileServer, serving

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download does not go on by itself, as where the program was killed."""
    monkeypatch.setattr(web, "TRIES", 1)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "net.mat"


def left_over(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()} - {f"{target.name}.part.lock"}


def test_a_file_comes_whole_and_once(server: FileServer, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    assert download(server.address, target, sha256=SHA256, progress=lambda *there: seen.append(there)) == target
    assert target.read_bytes() == CONTENT
    assert left_over(target) == {"net.mat"}
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [there for there, _ in seen] == sorted({there for there, _ in seen})
    download(server.address, target)
    assert len(server.requests) == 1


@pytest.mark.usefixtures("one_try")
def test_a_second_try_goes_on_where_the_first_broke_off(server: FileServer, target: Path) -> None:
    server.cut = 1_000_000
    with pytest.raises(ModelError, match=r"broke off .*; try again, it goes on"):
        download(server.address, target, sha256=SHA256)
    assert not target.exists()
    server.cut = None
    download(server.address, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert server.requests[1][1]["Range"] == "bytes=1000000-"
    assert left_over(target) == {"net.mat"}


@pytest.mark.usefixtures("one_try")
@pytest.mark.parametrize("change", ["content", "validator", "ranges", "note", "other address"])
def test_what_cannot_be_gone_on_with_begins_anew(server: FileServer, target: Path, change: str) -> None:
    server.cut, server.validator = 1_000_000, change != "validator"
    address = f"{server.address}?other" if change == "other address" else server.address
    with pytest.raises(ModelError):
        download(address, target)
    server.cut = None
    if change == "content":
        server.content = CONTENT[::-1]
    elif change == "ranges":
        server.ranges = False
    elif change == "note":
        target.with_name("net.mat.part.json").write_text("{")
    download(server.address, target)
    assert target.read_bytes() == server.content


@pytest.mark.usefixtures("one_try")
def test_a_part_that_is_longer_than_the_file_begins_anew(server: FileServer, target: Path) -> None:
    server.cut = 1_000_000
    with pytest.raises(ModelError):
        download(server.address, target)
    server.cut = None
    target.with_name("net.mat.part").write_bytes(CONTENT + b"more")
    download(server.address, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.usefixtures("one_try")
def test_another_part_than_asked_for_is_not_put_behind(server: FileServer, target: Path) -> None:
    server.cut = 1_000_000
    with pytest.raises(ModelError):
        download(server.address, target)
    server.cut, server.wrong_range = None, True
    with pytest.raises(ModelError, match="another part than asked for"):
        download(server.address, target)
    download(server.address, target)
    assert target.read_bytes() == CONTENT


def test_a_download_goes_on_by_itself_while_something_comes(server: FileServer, target: Path) -> None:
    server.cut = 1_000_000
    download(server.address, target, sha256=SHA256)
    assert [headers.get("Range") for _, headers in server.requests] == [None, "bytes=1000000-", "bytes=2000000-"]


def test_a_download_that_brings_nothing_more_ends(server: FileServer, target: Path) -> None:
    server.cut = 1_000_000
    server.ranges = False
    with pytest.raises(ModelError, match="broke off"):
        download(server.address, target)
    assert len(server.requests) == 2


@pytest.mark.usefixtures("one_try")
def test_a_beginning_of_the_same_content_is_gone_on_with(server: FileServer, target: Path) -> None:
    """What the hub's stores call a file may change, what the hub calls its content not."""
    server.cut, server.strict = 1_000_000, False
    with pytest.raises(ModelError):
        download(server.address, target, content="version-1")
    server.cut = None
    download(server.address, target, content="version-1")
    assert server.requests[1][1]["Range"] == "bytes=1000000-"
    assert "If-Range" not in server.requests[1][1]
    assert target.read_bytes() == CONTENT


@pytest.mark.usefixtures("one_try")
def test_a_beginning_of_other_content_is_not(server: FileServer, target: Path) -> None:
    server.cut = 1_000_000
    with pytest.raises(ModelError):
        download(server.address, target, content="version-1")
    server.cut = None
    download(server.address, target, content="version-2")
    assert "Range" not in server.requests[1][1]


def test_a_server_that_is_too_slow(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of the test's: a day passes from piece to piece."""
    days = itertools.count()
    monkeypatch.setattr(web, "clock", lambda: 86_400.0 * next(days))
    with pytest.raises(ModelError, match="sends fewer than 1000 bytes a second; try again later, it goes on"):
        download(server.address, target)
    assert len(server.requests) == 1
    monkeypatch.setattr(web, "clock", lambda: 0.001 * next(days))
    download(server.address, target, sha256=SHA256)


def test_headers_that_trickle_in(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, all of them never."""
    monkeypatch.setattr(web, "REPLY_S", 0.3)
    over = threading.Event()

    def trickle(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not over.wait(0.05):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=trickle, args=[listening])
        server.start()
        with pytest.raises(ModelError, match="does not answer"):
            download(f"http://127.0.0.1:{listening.getsockname()[1]}/net.mat", target)
        over.set()
        server.join()


def test_a_token_goes_to_its_own_host_only(server: FileServer, target: Path) -> None:
    token = {"Authorization": "Bearer hf_secret"}
    server.redirect = server.address.replace("net.mat", "moved.mat")
    download(server.address, target, headers=token)
    assert [headers.get("Authorization") for _, headers in server.requests] == ["Bearer hf_secret"] * 2
    with serving(CONTENT) as other:
        server.redirect = other.address
        download(server.address, target.with_name("other.mat"), headers=token)
        assert [headers.get("Authorization") for _, headers in other.requests] == [None]


def test_wrong_bytes_are_removed(server: FileServer, target: Path) -> None:
    with pytest.raises(WeightsError, match=f"its sha256 is {SHA256}, not 000"):
        download(server.address, target, sha256="0" * 64)
    assert left_over(target) == set()


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, ModelNotFoundError, "has no such file"),
        (410, ModelNotFoundError, "has no such file"),
        (401, ModelNotFoundError, "may not be read"),
        (403, ModelNotFoundError, "may not be read"),
        (500, ModelError, "the server fails"),
        (416, ModelError, "the server fails"),
    ],
)
def test_what_the_server_refuses(
    server: FileServer, target: Path, status: int, kind: type[ActionzooError], says: str
) -> None:
    server.status = status
    with pytest.raises(kind, match=says) as caught:
        download(server.address, target)
    assert "\n" not in str(caught.value)
    assert left_over(target) == set()


def test_a_server_that_is_not_there_or_says_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WAIT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in (f"http://127.0.0.1:{silent.getsockname()[1]}/net.mat", "http://127.0.0.1:9/net.mat"):
            with pytest.raises(ModelError, match="does not answer"):
                download(address, target)


@pytest.mark.usefixtures("one_try")
def test_a_server_that_falls_silent_in_the_middle(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cut = 1_000_000
    with pytest.raises(ModelError):
        download(server.address, target)
    monkeypatch.setattr(web, "WAIT_S", 0.2)
    server.stalls = 1.0
    with pytest.raises(ModelError, match="does not answer"):
        download(server.address, target)
    server.stalls, server.cut = 0.0, None
    download(server.address, target)
    assert target.read_bytes() == CONTENT


def test_files_without_an_end_or_too_large(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 2_000_000)
    with pytest.raises(WeightsError, match="more than any weights"):
        download(server.address, target)
    server.endless = True
    with pytest.raises(WeightsError, match="does not end"):
        download(server.address, target)


def test_redirects(server: FileServer, target: Path) -> None:
    server.redirect = server.address.replace("net.mat", "moved.mat")
    download(server.address, target)
    assert target.read_bytes() == CONTENT
    for elsewhere in ("file:///etc/passwd", "ftp://127.0.0.1/net.mat"):
        server.redirect = elsewhere
        with pytest.raises(ModelError, match="where it is not followed"):
            download(server.address, target.with_name("other.mat"))


def test_two_at_once_fetch_it_once(server: FileServer, target: Path) -> None:
    server.stalls = 0.2
    threads = [threading.Thread(target=download, args=(server.address, target)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_no_room(server: FileServer, target: Path) -> None:
    with largest_file(1_500_000), pytest.raises(OutputError, match=r"no room for net\.mat; make some and try again"):
        download(server.address, target)
    download(server.address, target)
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be written \("):
        download(server.address, tmp_path / "file" / "net.mat")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://host/a/ucf101-ST-ResNet50-split=1.mat", "ucf101-ST-ResNet50-split=1.mat"),
        ("https://host/a/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("http://host/a%20b.mat?x=1", "a_b.mat"),
        ("http://host/.hidden.mat", "hidden.mat"),
    ],
)
def test_names_of_files(address: str, name: str) -> None:
    assert file_name(address) == name


@pytest.mark.parametrize(
    "address",
    ["http://host", "http://host/", "http://host/a/..", "ftp://host/a", "http:///a.mat", "net.mat", "http://h/%2e"],
)
def test_addresses_without_a_file(address: str) -> None:
    with pytest.raises(ModelNotFoundError, match="no address of a file"):
        file_name(address)
