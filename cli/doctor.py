"""`actionzoo doctor`: what works here, and what a bug report needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from actionzoo.doctor import Check, examine
from actionzoo.errors import ActionzooError

from ._output import complain, printable, shows_progress, standard_output

if TYPE_CHECKING:
    from collections.abc import Iterator

INDENT = 20
UNITS = {"bytes": "", "s": " s", "ms": " ms"}
UNTOLD = ("logits",)
"""Facts that only `--json` prints."""

COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out Keras and the accelerators, which take some ten seconds.")
    ] = False,
) -> None:
    """Check every piece of the installation, and print what a bug report needs.

    Uses no network. Home folders and tokens are not printed.
    """
    out = standard_output(utf8=json_)
    checks = list(_with_progress(quick))
    if json_:
        out.write(json.dumps(_as_dict(checks), ensure_ascii=False, allow_nan=False, indent=2) + "\n")
    else:
        _print(checks, Console(file=out, highlight=False))
    if broken := [check.name for check in checks if check.broken]:
        complain(ActionzooError(f"does not work: {', '.join(broken)}"))
        raise typer.Exit(1)


def _with_progress(quick: bool) -> Iterator[Check]:
    """The checks, with a word on a terminal's stderr that they take their time."""
    if not shows_progress():
        yield from examine(quick=quick)
        return
    with Console(stderr=True).status("checking" if quick else "checking (some ten seconds)"):
        yield from examine(quick=quick)


def _as_dict(checks: list[Check]) -> dict[str, Any]:
    return {
        "ok": not any(check.broken for check in checks),
        **{check.name: check.to_dict() for check in checks},
        "problems": [
            {"check": check.name, "reason": check.reason, "advice": check.advice, "essential": check.essential}
            for check in checks
            if check.status in ("failed", "warning")
        ],
    }


def _print(checks: list[Check], console: Console) -> None:
    for check in checks:
        first, *others = _lines(check)
        status = Text(f"{check.status:<9}", style=COLOURS[check.status])
        console.print(Text.assemble((f"{check.name:<11}", "bold"), status, first), soft_wrap=True)
        for line in others:
            console.print(Text(" " * INDENT + line), soft_wrap=True)


def _lines(check: Check) -> list[str]:
    """What there is to say about a piece, first what is wrong with it."""
    lines = [check.reason] if check.reason else []
    lines += [f"what to do: {check.advice}"] if check.advice else []
    for name, value in check.facts.items():
        if name not in UNTOLD:
            lines += _told(name, value)
    return [printable(line) for line in lines] or ["none"]


def _told(name: str, value: Any) -> list[str]:
    """The lines about one fact.

    >>> _told("memory_bytes", 16 << 30), _told("decoders", {"h264": True, "av1": False})
    (['memory: 16.0 GiB'], ['decoders: h264 yes, av1 no'])
    >>> _told("methods", {"dis": {"ms": 3.1}})
    ['dis: 3.1 ms']
    """
    if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
        return [f"{key}: {_words(key, inner)}" for key, inner in value.items()]
    if name == "versions":
        return [f"{key}: {_words(key, inner)}" for key, inner in value.items()]
    stem, _, unit = name.rpartition("_")
    label = stem if stem and unit in UNITS else name
    return [f"{label.replace('_', ' ')}: {_words(name, value)}"]


def _words(name: str, value: Any) -> str:
    """One value in words, with its unit if its name ends in one."""
    unit = name.rpartition("_")[2]
    match value:
        case None:
            return "-" if unit == "bytes" else "not installed"
        case bool():
            return "yes" if value else "no"
        case int() | float() if unit == "bytes":
            return f"{value / (1 << 30):.1f} GiB" if value >= 1 << 29 else f"{value / (1 << 20):.1f} MiB"
        case int() | float():
            return f"{value}{UNITS.get(unit, '')}"
        case dict():
            parts = ((key, _words(key, inner)) for key, inner in value.items())
            return ", ".join(words if key in UNITS else f"{key} {words}" for key, words in parts)
        case list():
            return ", ".join(map(str, value)) or "none"
    return str(value)
