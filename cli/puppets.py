"""`actionzoo data puppets`: rendered videos, of six actions or of recorded joints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from actionzoo.motion import MotionRecording, read_motion
from actionzoo.motion.cleaning import problem
from actionzoo.puppets import ACTIONS, write_dataset, write_motion_dataset

from ._options import Backgrounds
from ._output import note
from ._progress import bar


def _known(actions: list[str] | None) -> list[str] | None:
    for action in actions or []:
        if action not in ACTIONS:
            raise typer.BadParameter(f"{action!r} is not one of {', '.join(ACTIONS)}")
    return actions


def puppets(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", show_default=False, help="The folder that gets a folder for each action.")
    ],
    clips: Annotated[int, typer.Option(min=1, metavar="N", help="Videos of each action.")],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed makes the same bytes.")] = 0,
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION",
            callback=_known,
            help=f"Only this one of {', '.join(ACTIONS)}; may be given several times.",
        ),
    ] = None,
    motion: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Render recorded joints instead: .npz, .bvh, .c3d, .skeleton or .json; may be given several times.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Only this label of the recordings; may be given several times."),
    ] = None,
    motion_fps: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="RATE",
            show_default=False,
            help="Frames a second of files that tell none. [default: 30]",
        ),
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror/--no-mirror", help="Mirror half of the clips of recordings.")
    ] = True,
    height: Annotated[int, typer.Option(min=32, max=1080, metavar="PIXELS", help="Rows of the picture.")] = 240,
    point_light: Annotated[bool, typer.Option("--point-light", help="Joints as moving dots.")] = False,
    backgrounds: Backgrounds = None,
    flow: Annotated[bool, typer.Option("--flow", help="Also write the exact optical flow, an .npz a video.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes. [default: one a core]", show_default=False)
    ] = None,
) -> None:
    """Render videos of jointed figures, with known labels and motion: six actions of two people, or recorded ones."""
    if motion and action:
        raise typer.BadParameter(
            "--action chooses among the actions that need no recording; use --label", param_hint="--action"
        )
    if label and not motion:
        raise typer.BadParameter(
            "--label chooses among recordings; name a file of them with --motion", param_hint="--label"
        )
    if backgrounds and point_light:
        raise typer.BadParameter("--point-light shows dots on a dark ground; leave out one", param_hint="--backgrounds")
    how: dict[str, Any] = {
        "height": height,
        "point_light": point_light,
        "with_flow": flow,
        "backgrounds": backgrounds,
        "workers": workers,
    }
    if motion:
        recordings = [recording for path in motion for recording in read_motion(path, fps=motion_fps)]
        _tell_unusable(recordings, label)
        with bar("rendering") as progress:
            paths = write_motion_dataset(
                out, recordings, clips, seed, labels=label, mirror=mirror, progress=progress, **how
            )
    else:
        with bar("rendering") as progress:
            paths = write_dataset(out, clips, seed, actions=tuple(action or ACTIONS), progress=progress, **how)
    for path in paths:
        typer.echo(path)


def _tell_unusable(recordings: list[MotionRecording], labels: list[str] | None) -> None:
    """Say which recordings are left out."""
    wanted = [recording for recording in recordings if not labels or recording.label in labels]
    problems = [f"{recording.name}: {why}" for recording in wanted if (why := problem(recording))]
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        note(f"left out {len(problems)} of {len(wanted)} recordings: {'; '.join(problems[:3])}{more}")
