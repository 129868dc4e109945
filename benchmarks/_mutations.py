"""Damage to files, the same for a seed: of bytes, of words in texts, of members in zip archives."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import numpy as np

Generator = np.random.Generator

TEXTS = (".csv", ".json", ".toml", ".txt", ".xml")
ARCHIVES = (".keras", ".npz")
MOST_CHANGES = 6

WORDS = (
    *(b"", b"0", b"-1", b"1", b"1e999", b"-0.0", b"nan", b"NaN", b"Infinity", b"2147483648", b"99999999999999999999"),
    *(b"true", b"null", b"None", b'""', b'"a"', b"[]", b"{}", b"[[]]", b"[1, 2]", b"\xff\xfe", b"\0", b"../../a", b"/"),
    *(b"\r\n", b"\n\n", b",", b";", b"\t", b"=", b'"', b"#", b"1979-05-27", b"\xe2\x80\xae", b"a" * 5000, b"[" * 3000),
)
"""What stands where something else is expected."""

NUMBERS = tuple(
    value.to_bytes(size, order)
    for size in (1, 2, 4, 8)
    for order in ("little", "big")
    for value in (0, 1, (1 << (8 * size - 1)) - 1, 1 << (8 * size - 1), (1 << (8 * size)) - 1)
)
"""Sizes and counts at the edges of what fits."""


def mutate(content: bytes, suffix: str, rng: Generator) -> bytes:
    """A damaged copy of a file's content; `suffix` tells what kind of file it is."""
    if suffix in ARCHIVES and rng.random() < 0.7 and (archive := _of_archive(content, rng)) is not None:
        return archive
    changes = _OF_TEXT if suffix in TEXTS and rng.random() < 0.8 else _OF_BYTES
    for _ in range(rng.integers(1, MOST_CHANGES + 1)):
        content = changes[rng.integers(len(changes))](content, rng)
    return content


def _of_archive(content: bytes, rng: Generator) -> bytes | None:
    """One member damaged, the archive around it whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return None
    if not members:
        return None
    name = list(members)[rng.integers(len(members))]
    if rng.random() < 0.1:
        del members[name]
    else:
        members[name] = mutate(members[name], name[name.rfind(".") :], rng)
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return changed.getvalue()


def _span(content: bytes, rng: Generator) -> tuple[int, int]:
    """Beginning and end of a part; short ones more often."""
    start = int(rng.integers(len(content) + 1))
    return start, min(len(content), start + int(2 ** rng.uniform(0, 12)))


def _flip(content: bytes, rng: Generator) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 9)) if content else ():
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _noise(content: bytes, rng: Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + rng.bytes(end - start) + content[end:]


def _zeros(content: bytes, rng: Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + bytes(end - start) + content[end:]


def _number(content: bytes, rng: Generator) -> bytes:
    value = NUMBERS[rng.integers(len(NUMBERS))]
    start, _ = _span(content, rng)
    return content[:start] + value + content[start + len(value) :]


def _without(content: bytes, rng: Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _twice(content: bytes, rng: Generator) -> bytes:
    start, end = _span(content, rng)
    return content[:end] + content[start:]


def _elsewhere(content: bytes, rng: Generator) -> bytes:
    start, end = _span(content, rng)
    place, _ = _span(content, rng)
    return content[:place] + content[start:end] + content[place:]


def _cut(content: bytes, rng: Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _word(content: bytes, rng: Generator) -> bytes:
    """A word, a number or a text gives way to another."""
    found = [*re.finditer(rb'"[^"\n]*"|[\w.+-]+|[^\w\s]', content)]
    if not found:
        return content
    start, end = found[rng.integers(len(found))].span()
    others = [one.group() for one in found] if rng.random() < 0.3 else WORDS
    other = others[rng.integers(len(others))]
    return content[:start] + other + content[end:]


def _line(content: bytes, rng: Generator) -> bytes:
    """A line goes, comes twice, or takes another place."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    line = lines.pop(rng.integers(len(lines)))
    for _ in range(rng.integers(3)):
        lines.insert(rng.integers(len(lines) + 1), line)
    return b"".join(lines)


_OF_BYTES: tuple[Callable[[bytes, Generator], bytes], ...] = (
    *(_flip, _flip, _noise, _zeros, _number, _number, _without, _twice, _elsewhere, _cut),
)
_OF_TEXT = (_word, _word, _word, _line, _line, _flip, _cut)
