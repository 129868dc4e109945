"""Painted clips in a folder: what is there already is not painted again."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from itertools import groupby
from pathlib import Path

import numpy as np

from actionzoo.errors import ModelError
from actionzoo.files import make_folder, write_atomic
from actionzoo.inference.model import Model
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.painter import Progress
from actionzoo.visualization.painting import SPEEDS, PaintedClip, maximize, speeds_of
from actionzoo.visualization.presets import Preset, preset_for
from actionzoo.visualization.render import animation, encoded_png, write_animation
from actionzoo.visualization.sheets import overview_sheet, painted_sheet
from actionzoo.visualization.targets import Target

BATCH = 6
"""At most so many clips are painted at once."""

KINDS = ("webp", "mp4")


@dataclass(frozen=True)
class PaintedFiles:
    """The files of a target that was painted.

    Attributes:
        target: what was painted.
        files: the sheet, an animation in each format for each speed, and the arrays.
        responses: by speed, the target's response to the finished clip.
        probabilities: by speed, of a class; empty for other channels.
        fresh: whether it was painted now.
    """

    target: Target
    files: tuple[Path, ...]
    responses: dict[str, float]
    probabilities: dict[str, float]
    fresh: bool

    def __str__(self) -> str:
        values = {speed: f"{value:.3f}" for speed, value in self.probabilities.items()}
        values = values or {speed: f"{value:.3g}" for speed, value in self.responses.items()}
        return "  ".join([self.target.name, *map(" ".join, values.items()), str(self.files[0])])


def paint_gallery(
    model: Model,
    targets: Sequence[Target],
    speeds: Sequence[str],
    folder: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[PaintedFiles]:
    """Paint targets into a folder, in batches; yields each target's files when they are written.

    Every target gets `NAME.png`, `NAME_SPEED.webp` and `.mp4` for each speed, `NAME.npz` with the arrays, and
    `NAME.json` last, which says how it was made; a target with such a file of the same making is left as it is.

    Targets may be of several layers. No speeds stand for all of `SPEEDS`; `steps` are by default those of the network's
    preset. Raises ModelError for a layer that there is not, and for speeds of a model without motion; OutputError.
    """
    if speeds and all(tensor.name != "motion" for tensor in model.network.inputs):
        raise ModelError(f"{model.name} has no motion, so it has no speeds; leave speed out")
    speeds, preset = speeds or list(SPEEDS), preset_for(model.network)
    preset = replace(preset, steps=steps or preset.steps)
    identity = _identity(model, speeds, preset, seed)
    make_folder(folder)
    for layer, of_layer in groupby(targets, lambda target: target.layer):
        missing, own = [], speeds_of(model, layer, speeds)
        for target in of_layer:
            found = _read(folder, target, own, identity)
            if found is None:
                missing.append(target)
            else:
                yield found
        step = max(1, BATCH // len(own))
        for start in range(0, len(missing), step):
            some = missing[start : start + step]
            painted = maximize(model, some, own, preset=preset, seed=seed, progress=progress)
            for place in range(0, len(painted), len(own)):
                yield _write(folder, painted[place : place + len(own)], model.spec, identity)


def file_name(name: str) -> str:
    """A name as that of a file.

    >>> file_name("fusion 21"), file_name("Clean And/Jerk")
    ('fusion_21', 'Clean_And_Jerk')
    """
    return re.sub(r"[^\w.-]+", "_", name)


def write_overview(folder: Path, painted: Sequence[PaintedFiles]) -> None:
    """All that was painted on one sheet, `overview.png`. Raises OutputError, and OSError if a clip cannot be read."""
    clips = [read_painted(each, speed) for each in painted for speed in each.responses]
    write_atomic(folder / "overview.png", encoded_png(overview_sheet(clips)))


def read_painted(painted: PaintedFiles, speed: str) -> PaintedClip:
    """A clip that lies in the folder of a gallery. Raises OSError."""
    with np.load(painted.files[-1]) as arrays:
        appearance, flow = (arrays.get(f"{speed}_{kind}") for kind in ("appearance", "flow"))
    flow = None if flow is None else flow.astype(np.float32)
    probability = painted.probabilities.get(speed)
    return PaintedClip(painted.target, speed, appearance, flow, painted.responses[speed], probability)


def _identity(model: Model, speeds: Sequence[str], preset: Preset, seed: int) -> str:
    """What decides how a clip comes out, in a few letters."""
    version = metadata.version("actionzoo")
    facts = [version, model.files.sha256, asdict(model.spec), list(speeds), asdict(preset), seed]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _path(folder: Path, target: Target, ending: str) -> Path:
    return folder / f"{file_name(target.name)}{ending}"


def _files(folder: Path, target: Target, speeds: Sequence[str]) -> tuple[Path, ...]:
    moving = [f"_{speed}.{kind}" for speed in speeds for kind in KINDS]
    return tuple(_path(folder, target, ending) for ending in (".png", *moving, ".npz"))


def _read(folder: Path, target: Target, speeds: Sequence[str], identity: str) -> PaintedFiles | None:
    """What an earlier run left of a target, if it was made in the same way."""
    try:
        facts = json.loads(_path(folder, target, ".json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    files = _files(folder, target, speeds)
    same = facts.get("identity") == identity and facts.get("target") == asdict(target)
    if not same or not all(file.exists() for file in files):
        return None
    return PaintedFiles(target, files, facts["responses"], facts["probabilities"], fresh=False)


def _write(folder: Path, clips: Sequence[PaintedClip], spec: InputSpec, identity: str) -> PaintedFiles:
    """The files of one target, whose clips these are. Raises OutputError."""
    target = clips[0].target
    write_atomic(_path(folder, target, ".png"), encoded_png(painted_sheet(clips)))

    def write(moving: tuple[str, np.ndarray, str]) -> None:
        speed, frames, kind = moving
        write_animation(_path(folder, target, f"_{speed}.{kind}"), frames, spec.fps)

    rendered = [(clip.speed, animation(clip, spec)) for clip in clips]
    with ThreadPoolExecutor() as threads:
        list(threads.map(write, [(*clip, kind) for clip in rendered for kind in KINDS]))
    write_atomic(_path(folder, target, ".npz"), _npz(clips))
    responses = {clip.speed: clip.response for clip in clips}
    probabilities = {clip.speed: clip.probability for clip in clips if clip.probability is not None}
    facts = {"target": asdict(target), "responses": responses, "probabilities": probabilities, "identity": identity}
    write_atomic(_path(folder, target, ".json"), json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    return PaintedFiles(target, _files(folder, target, list(responses)), responses, probabilities, fresh=True)


def _npz(clips: Sequence[PaintedClip]) -> bytes:
    arrays = {}
    for clip in clips:
        if clip.appearance is not None:
            arrays[f"{clip.speed}_appearance"] = clip.appearance
        if clip.flow is not None:
            arrays[f"{clip.speed}_flow"] = clip.flow.astype(np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
