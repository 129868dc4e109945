"""What a camera films: figures that move, people beside them, the time it takes, and from where it may be seen."""

from __future__ import annotations

from dataclasses import dataclass

from actionzoo.puppets.geometry import Array
from actionzoo.puppets.skeleton import Figure


@dataclass(frozen=True)
class View:
    """How a scenario may be seen.

    Attributes:
        azimuth: spread of the camera about the y axis, in radians.
        farthest: the largest azimuth.
        elevation: bounds of how far the camera looks down, in radians.
        share: bounds of a person's height as a share of the picture's; None where the figures fill the picture.
        movement: how the camera moves, of `movement.MOVEMENTS`; None as for the six actions, seldom and little.
        cut_off: how often the frame cuts people off, all but what moves most.
        clutter: how often an object stands in front of people.
    """

    azimuth: float = 0.26
    farthest: float = 0.61
    elevation: tuple[float, float] = (0.06, 0.5)
    share: tuple[float, float] | None = None
    movement: str | None = None
    cut_off: float = 0.0
    clutter: float = 0.0


@dataclass
class Scenario:
    """The figures of a clip.

    Attributes:
        figures: those who act, then bystanders.
        cast: how many of them act.
        core: the span of time, in seconds, in which the picture must hold those who act.
        time: `(frames,)` seconds.
        still: frames that stand still before and after, as where clips were cut from a recording and padded.
        view: how it may be seen.
        draped: whether shirts fall over thighs that are raised towards the camera. The six actions are drawn without,
            as `mini` has learned them.
    """

    figures: list[Figure]
    cast: int
    core: tuple[float, float]
    time: Array
    still: tuple[int, int] = (0, 0)
    view: View = View()
    draped: bool = False
