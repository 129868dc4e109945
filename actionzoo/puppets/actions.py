"""A performance of one of the six actions: figures that move, people beside them, and the time it takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from actionzoo.puppets.actions_peaceful import handshake, hug, point
from actionzoo.puppets.actions_violent import kick, punch, push
from actionzoo.puppets.characters import Play, bystander, somebody
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.scenario import Scenario
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
    figures += bystanders(rng, play.duration, speed * time)
    before, after = np.round(still_s * fps).astype(int).tolist()
    return Scenario(figures, cast, (play.core[0] / speed, play.core[1] / speed), time, (before, after))


def bystanders(rng: np.random.Generator, duration: float, time: Array, often: float = 0.35) -> list[Figure]:
    """Mostly nobody, else one to three people who stand about or pass by behind the action at `time`, in seconds."""
    count = rng.integers(1, 4) if rng.random() < often else 0
    return [solve(somebody(rng), bystander(rng, duration), time, rng) for _ in range(count)]
