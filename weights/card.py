"""The model card of `mini`, written from its measured results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

TEMPLATE = Path(__file__).with_name("mini_card.md")

WIRING = {
    "residual": "In each stage a connection adds motion to what the second unit of appearance reads.",
    "none": "No connection joins the streams on the way: they meet in the average of their scores.",
}
NAMES = {"none": "late fusion", "residual": "ST-ResNet connection"}


def card(results: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Fill in the template.

    Args:
        results: what `train_mini.measure` returns, with `connection`, `seed` and `minutes`.
        facts: numbers of the network and of its training, by the names that the template uses.
    """
    chosen = results[results["connection"]]
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        facts,
        wiring=WIRING[results["connection"]],
        rows="\n".join(_rows(results)),
        fused_all_value=round(100 * chosen["accuracy"]["fused_all"]["accuracy"], 1),
        puppets_only=_puppets_only(results[f"{results['connection']}_puppets_only"]["accuracy"]),
        confusion=_confusion(chosen["confusion"], facts["classes"]),
        wrong="; ".join(f"{row['clip']} taken for {row['answer']}" for row in chosen["wrong"]) or "none",
        seed=results["seed"],
    )


def _rows(results: Mapping[str, Any]) -> list[str]:
    """Appearance and motion alone are the towers of the network without a connection."""
    shown = [("appearance alone", "none", "appearance"), ("motion alone", "none", "motion")]
    shown += [(f"both, {NAMES[connection]}", connection, "fused") for connection in NAMES]
    rows = []
    for title, connection, column in shown:
        table = results[connection]["accuracy"]
        cells = [_percent(table[f"{column}_{kept}"]) for kept in ("all", "without_point")]
        shipped = " (shipped)" if column == "fused" and connection == results["connection"] else ""
        rows.append(f"| {title}{shipped} | {cells[0]} | {cells[1]} |")
    return rows


def _percent(entry: Mapping[str, float]) -> str:
    return f"{100 * entry['accuracy']:.1f} ± {100 * entry['standard_error']:.1f}"


def _puppets_only(table: Mapping[str, Any]) -> str:
    return f'{_percent(table["fused_all"])} % ({_percent(table["fused_without_point"])} % without "point")'


def _confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    head = ["| | " + " | ".join(classes) + " |", "|---" * (len(classes) + 1) + "|"]
    return "\n".join(
        head + [f"| {name} | " + " | ".join(map(str, row)) + " |" for name, row in zip(classes, matrix, strict=True)]
    )
