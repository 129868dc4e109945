"""A performance of one of the six actions: figures that move, people beside them, and the time it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actionzoo.puppets.actions_peaceful import handshake, hug, point
from actionzoo.puppets.actions_violent import kick, punch, push
from actionzoo.puppets.characters import Play, bystander, somebody
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.skeleton import Figure, solve

_PLAYS: dict[str, Callable[[np.random.Generator], Play]] = {
    "handshake": handshake,
    "hug": hug,
    "kick": kick,
    "point": point,
    "punch": punch,
    "push": push,
}

ACTIONS = tuple(_PLAYS)
"""The classes, in the order of their labels."""

_SHORTEST_S, _LONGEST_S = 50 / 30, 185 / 30


@dataclass
class Scenario:
    """The figures of a clip.

    Attributes:
        figures: those who act, then bystanders.
        cast: how many of them act.
        core: the span of time, in seconds, in which the picture must hold those who act.
        time: `(frames,)` seconds.
        still: frames that stand still before and after, as where clips were cut from a recording and padded.
    """

    figures: list[Figure]
    cast: int
    core: tuple[float, float]
    time: Array
    still: tuple[int, int] = (0, 0)


def perform(action: str, rng: np.random.Generator, fps: float) -> Scenario:
    """Draw one performance of `action` at `fps` frames a second.

    >>> scene = perform("kick", np.random.default_rng(0), 30.0)
    >>> scene.figures[0].joints["head"].shape == (len(scene.time), 3)
    True
    """
    play = _PLAYS[action](rng)
    speed = float(np.clip(rng.lognormal(0.0, 0.16), 0.7, 1.4))
    still_s = rng.uniform(0.1, 0.6, 2) if rng.random() < 0.5 else np.zeros(2)
    duration = float(np.clip(play.duration / speed, _SHORTEST_S - still_s.sum(), _LONGEST_S - still_s.sum()))
    time = np.arange(round(duration * fps)) / fps
    figures = [solve(somebody(rng), actor, speed * time, rng) for actor in play.actors]
    play.contact(figures, speed * time)
    cast = len(figures)
    others = rng.integers(1, 4) if rng.random() < 0.35 else 0
    figures += [solve(somebody(rng), bystander(rng, play.duration), speed * time, rng) for _ in range(others)]
    before, after = np.round(still_s * fps).astype(int).tolist()
    return Scenario(figures, cast, (play.core[0] / speed, play.core[1] / speed), time, (before, after))
