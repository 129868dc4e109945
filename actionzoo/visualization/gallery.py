"""Painted clips in a folder: what is there already is not painted again."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

import keras
import numpy as np

from actionzoo.errors import OutputError
from actionzoo.files import make_folder
from actionzoo.hub.loading import named_weights
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.painting import Painted, Preset, maximize, speeds_of
from actionzoo.visualization.render import animation, write_animation
from actionzoo.visualization.sheets import overview_sheet, painted_sheet
from actionzoo.visualization.targets import Target

CLIPS = 6
"""At most so many clips are painted at once."""

KINDS = ("webp", "mp4")

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Shown:
    """What is in the folder of one target.

    Attributes:
        target: for which it was painted.
        files: the sheet, and an animation in each format for each speed.
        responses: by speed: the target's response to the finished clip.
        probabilities: by speed, of a class; empty for other channels.
        fresh: whether it was painted now.
    """

    target: Target
    files: tuple[Path, ...]
    responses: dict[str, float]
    probabilities: dict[str, float]
    fresh: bool


def paint_gallery(
    model: keras.Model,
    spec: InputSpec,
    targets: Sequence[Target],
    speeds: Sequence[str],
    folder: Path,
    *,
    preset: Preset,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Shown]:
    """Paint targets into a folder, some at once, and tell of each as soon as its files are there.

    Every target gets `NAME.png`, `NAME_SPEED.webp` and `.mp4` for each speed, `NAME.npz` with the arrays, and
    `NAME.json` last, which says how it was made; a target with such a file of the same making is left as it is.

    Args:
        model: as for `maximize`, and so are `spec`, `speeds`, `preset` and `seed`.
        spec: what the model looks at.
        targets: of any layers.
        speeds: keys of `SPEEDS`.
        folder: is made if it does not exist.
        preset: how.
        seed: of all of them.
        progress: called with the step, the number of steps of these clips, and the objective.

    Raises:
        OutputError: the folder cannot be written.
    """
    identity = _identity(model, spec, speeds, preset, seed)
    make_folder(folder)
    for layer, of_layer in groupby(targets, lambda target: target.layer):
        waiting, own = [], speeds_of(model, layer, speeds)
        for target in of_layer:
            found = _there(folder, target, own, identity)
            if found is None:
                waiting.append(target)
            else:
                yield found
        step = max(1, CLIPS // len(own))
        for first in range(0, len(waiting), step):
            some = waiting[first : first + step]
            painted = maximize(model, spec, some, own, preset=preset, seed=seed, progress=progress)
            for target in some:
                yield _write(folder, [clip for clip in painted if clip.target == target], spec, identity)


def file_name(label: str) -> str:
    """The name of a target's files.

    >>> file_name("fusion 21"), file_name("Clean And/Jerk")
    ('fusion_21', 'Clean_And_Jerk')
    """
    return re.sub(r"[^\w.-]+", "_", label)


def _identity(model: keras.Model, spec: InputSpec, speeds: Sequence[str], preset: Preset, seed: int) -> str:
    """What decides how a clip comes out, in a few letters."""
    digest = hashlib.sha256()
    for name, weight in named_weights(model).items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    digest.update(
        json.dumps([metadata.version("actionzoo"), asdict(spec), list(speeds), asdict(preset), seed]).encode()
    )
    return digest.hexdigest()


def _files(folder: Path, target: Target, speeds: Sequence[str]) -> tuple[Path, ...]:
    name = file_name(target.label)
    moving = [folder / f"{name}_{speed}.{kind}" for speed in speeds for kind in KINDS]
    return folder / f"{name}.png", *moving, folder / f"{name}.npz"


def _there(folder: Path, target: Target, speeds: Sequence[str], identity: str) -> Shown | None:
    """What an earlier run left of a target, if it was made in the same way."""
    try:
        facts = json.loads((folder / f"{file_name(target.label)}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    files = _files(folder, target, speeds)
    same = facts.get("identity") == identity and facts.get("target") == asdict(target)
    if not same or not all(file.exists() for file in files):
        return None
    return Shown(target, files, facts["responses"], facts["probabilities"], fresh=False)


def _write(folder: Path, painted: Sequence[Painted], spec: InputSpec, identity: str) -> Shown:
    target = painted[0].target
    sheet, *moving, arrays = files = _files(folder, target, [clip.speed for clip in painted])
    try:
        painted_sheet(painted).save(sheet)
        for place, path in enumerate(moving):
            write_animation(path, animation(painted[place // len(KINDS)], spec), spec.fps)
        arrays.write_bytes(_npz(painted))
        responses = {clip.speed: clip.response for clip in painted}
        chances = {clip.speed: clip.probability for clip in painted if clip.probability is not None}
        facts: dict[str, Any] = {"target": asdict(target), "responses": responses, "probabilities": chances}
        text = json.dumps({**facts, "identity": identity}, indent=1, ensure_ascii=False)
        (folder / f"{file_name(target.label)}.json").write_text(text + "\n", "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {error.filename or folder}: {error.strerror or error}") from error
    return Shown(target, files, responses, chances, fresh=True)


def write_overview(folder: Path, shown: Sequence[Shown]) -> Path:
    """All that was painted on one sheet, `overview.png`. Raises OutputError."""
    path = folder / "overview.png"
    try:
        overview_sheet([read_painted(each, speed) for each in shown for speed in each.responses]).save(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def read_painted(shown: Shown, speed: str) -> Painted:
    """A clip that lies in the folder of a gallery. Raises OSError."""
    (path,) = (file for file in shown.files if file.suffix == ".npz")
    with np.load(path) as arrays:
        appearance, flow = (
            arrays[name] if (name := f"{speed}_{kind}") in arrays else None for kind in ("appearance", "flow")
        )
    flow = None if flow is None else flow.astype(np.float32)
    return Painted(shown.target, speed, appearance, flow, shown.responses[speed], shown.probabilities.get(speed))


def _npz(painted: Sequence[Painted]) -> bytes:
    arrays = {}
    for clip in painted:
        if clip.appearance is not None:
            arrays[f"{clip.speed}_appearance"] = clip.appearance
        if clip.flow is not None:
            arrays[f"{clip.speed}_flow"] = clip.flow.astype(np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
