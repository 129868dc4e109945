"""The model card of `everyday`, written from what was measured.

    python -m actionzoo.weights.everyday_card FOLDER MEASURED

FOLDER is what `train_everyday` wrote, and MEASURED the JSON that `benchmarks.everyday` wrote of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from actionzoo.hub.download import MODEL_FILE
from actionzoo.hub.keras_file import read_spec
from actionzoo.names import ANSWER, STREAMS

TEMPLATE = Path(__file__).with_name("everyday_card.md")

STEPS = {
    "puppets": "puppets alone",
    "cutouts": "and people cut out of depth recordings",
    "held_out": "and real clips of UT-Interaction and of other things",
}
"""What the network had learned from, step by step, in `results.json`."""


def card(folder: Path, results: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """Fill in the template.

    Args:
        folder: with the files of the network.
        results: `results.json` of `train_everyday`.
        measured: the JSON of `benchmarks.everyday`.
    """
    spec = read_spec(folder / MODEL_FILE)
    megabytes = sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".keras", ".bin", ".xml")) / 1e6
    ucf = measured["ucf101_sample"]
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        {name: getattr(spec, name) for name in ("num_frames", "height", "width", "stride", "stack_length", "flow")},
        fps=f"{spec.fps:g}",
        span=spec.span,
        span_s=round(spec.span / spec.fps, 1),
        count=len(spec.classes),
        classes=", ".join(spec.classes) + ".",
        megabytes=f"{megabytes:.1f}",
        ut_value=round(100 * results["ut_interaction"]["held_out"][ANSWER], 1),
        rows="\n".join(_rows(results, measured)),
        auroc=f"{results['unknown']['auroc']:.3f}",
        false_alarms=f"{100 * results['unknown']['false_alarms']:.0f}",
        answers="\n".join(_answers(ucf)),
        weizmann_clips=measured["weizmann_dev"]["clips"],
        weizmann_refused=measured["weizmann_dev"]["refused"],
        weizmann_right=measured["weizmann_dev"]["named_right"],
        ucf_clips=ucf["clips"],
        ucf_refused=ucf["refused"],
        weizmann_wrong=_listed(measured["weizmann_dev"]["wrong"]),
        ut_wrong=_listed(results["wrong"]),
        strangers=results["clips"]["others"],
        puppets=f"{results['clips']['puppets'] + results['clips']['idle']:,}",
        cutouts=results["clips"]["cutouts"],
        parameters=f"{results['parameters']:,}",
        seed=results["seed"],
    )


def _rows(results: Mapping[str, Any], measured: Mapping[str, Any]) -> list[str]:
    sets = {"weizmann_dev": "Weizmann, 30 clips of 3 people", "ut_interaction": "UT-Interaction, 84 clips"}
    rows = [
        f"| {title}: {learned} | {_shares(results[name][step])} |"
        for name, title in sets.items()
        for step, learned in STEPS.items()
        if step in results.get(name, {})
    ]
    shown = {"weizmann_dev": sets["weizmann_dev"], "ucf101_sample": "UCF101, {} clips whose action it knows"}
    return rows + [
        f"| {title.format(measured[name]['clips'])}: as it ships | {_shares(measured[name]['accuracy'])} |"
        for name, title in shown.items()
    ]


def _shares(table: Mapping[str, float]) -> str:
    return " | ".join(f"{100 * table[name]:.1f}" for name in (*STREAMS, ANSWER))


def _answers(measured: Mapping[str, Any]) -> list[str]:
    return [f"- {clip}: {answer}" for clip, answer in measured["answers"].items()]


def _listed(wrong: Mapping[str, int]) -> str:
    return "; ".join(f"{what.replace(' -> ', ' taken for ')} ({count})" for what, count in wrong.items()) or "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write FOLDER/README.md."""
    parser = argparse.ArgumentParser(description="Write the card of everyday.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("measured", type=Path)
    given = parser.parse_args(arguments)
    results = json.loads((given.folder / "results.json").read_text("utf-8"))
    measured = json.loads(given.measured.read_text("utf-8"))
    (given.folder / "README.md").write_text(card(given.folder, results, measured), "utf-8")


if __name__ == "__main__":
    main()
