"""The people of a clip: how they stand, gesture and step back, drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from actionzoo.motion.recording import SIDES
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.script import Body, Script
from actionzoo.puppets.skeleton import Figure, solve

Range = float | tuple[float, float]
"""A value, or the bounds that it is drawn between."""

Contact = Callable[[list[Figure], Array], None]
"""Moves the hands or feet of the solved figures, at given times, to what they touch."""


@dataclass
class Actor(Script):
    """A script that is written with chance; all times are seconds, all angles radians."""

    rng: np.random.Generator = field(default_factory=np.random.default_rng)

    def draw(self, value: Range) -> float:
        """The value itself, or a number between its two bounds."""
        return float(self.rng.uniform(*value)) if isinstance(value, tuple) else value

    def pose(
        self,
        sides: Sequence[str],
        begin: float,
        end: float,
        *,
        raised: Range,
        reach: Range,
        out: Range = 0.1,
        flare: Range | None = None,
    ) -> None:
        """Move arms to a pose between two times, both alike."""
        goals = {"raise": self.draw(raised), "reach": self.draw(reach), "out": self.draw(out)}
        if flare is not None:
            goals["flare"] = self.draw(flare)
        for side in sides:
            for name, goal in goals.items():
                self.arms[side][name].to(goal, begin, end)

    def drop(self, sides: Sequence[str], begin: float, end: float) -> None:
        """Let arms hang again."""
        self.pose(sides, begin, end, raised=(-0.05, 0.2), reach=(0.9, 0.98), out=(0.06, 0.22), flare=0.5)

    def retreat(self, begin: float, distance: Range) -> float:
        """Step back at a natural pace; returns when that is done."""
        away = self.draw(distance)
        end = begin + 0.45 + abs(away) / self.draw((0.7, 1.1))
        self.back.walk(self.back.last + away, begin, end)
        if self.rng.random() < 0.25:
            self.yaw.to(self.yaw.last + self.rng.normal(0.0, 0.5), begin, end)
        return end

    def fidget(self, begin: float, end: float) -> None:
        """Perhaps a small movement that means nothing: a hand to the head, a look aside, a step on the spot."""
        if end - begin < 0.5:
            return
        kind, side = self.rng.random(), str(self.rng.choice(SIDES))
        span = (begin, begin + 0.4 * (end - begin), begin + 0.6 * (end - begin), end)
        if kind < 0.12:
            self.arms[side]["raise"].pulse(self.draw((1.2, 2.3)), *span)
            self.arms[side]["reach"].pulse(self.draw((0.35, 0.6)), *span)
        elif kind < 0.24:
            self.look.pulse(self.rng.normal(0.0, 0.6), *span)
        elif kind < 0.36:
            self.back.to(self.back.last + self.rng.normal(0.0, 0.12), begin, end)
        elif kind < 0.46:
            self.yaw.to(self.yaw.last + self.rng.normal(0.0, 0.3), begin, end)
        elif kind < 0.56:
            self.arms[side]["raise"].pulse(self.draw((0.3, 0.9)), *span)
            self.arms[side]["reach"].pulse(self.draw((0.6, 0.9)), *span)


@dataclass
class Play:
    """What happens in a clip.

    Attributes:
        actors: one or two.
        duration: seconds.
        core: the span of time in which the picture must hold them.
        contact: brings hands and feet to what they touch.
    """

    actors: list[Actor]
    duration: float
    core: tuple[float, float]
    contact: Contact = lambda figures, time: None


def stranger(rng: np.random.Generator, heading: float) -> Actor:
    """Someone with a way of standing and moving of their own."""
    actor = Actor(heading, rng=rng)
    actor.yaw.start = rng.normal(0.0, 0.14)
    actor.lean.start = rng.uniform(-0.02, 0.08)
    actor.nod.start = rng.uniform(-0.05, 0.2)
    actor.sway = rng.uniform(0.1, 1.2)
    actor.swing_arms = rng.uniform(0.6, 1.3)
    actor.swing_time = rng.uniform(0.32, 0.44)
    actor.stance = rng.uniform(0.8, 1.7)
    for side in SIDES:
        arm = actor.arms[side]
        arm["raise"].start = rng.uniform(-0.08, 0.25)
        arm["out"].start = rng.uniform(0.06, 0.26)
        arm["reach"].start = rng.uniform(0.9, 0.985)
        arm["flare"].start = rng.uniform(0.2, 1.0)
    habit = rng.random()
    if habit < 0.08:
        actor.pose(SIDES, -1.0, 0.0, raised=0.62, reach=0.62, out=-0.18)
    elif habit < 0.14:
        actor.pose(SIDES, -1.0, 0.0, raised=0.15, reach=0.72, out=0.3, flare=2.0)
    elif habit < 0.22:
        actor.pose((str(rng.choice(SIDES)),), -1.0, 0.0, raised=0.9, reach=0.55, out=-0.1)
    return actor


def two_strangers(rng: np.random.Generator, apart: float, uneven: float = 0.1) -> tuple[list[Actor], Actor, Actor]:
    """Two people who face each other `apart` metres, not quite around the middle.

    Returns:
        both from left to right, then the same two in random order.
    """
    both = [stranger(rng, 1.0), stranger(rng, -1.0)]
    share = rng.uniform(0.5 - uneven, 0.5 + uneven)
    both[0].back.start, both[1].back.start = apart * share, apart * (1.0 - share)
    both[0].side.start, both[1].side.start = rng.normal(0.0, 0.05, 2).tolist()
    first, second = both if rng.random() < 0.5 else both[::-1]
    return both, first, second


def bystander(rng: np.random.Generator, duration: float) -> Actor:
    """Someone behind the action who stands about or passes by."""
    actor = stranger(rng, float(rng.choice([-1.0, 1.0])))
    actor.side.start = rng.uniform(1.2, 3.8)
    if rng.random() < 0.5:
        actor.back.start = rng.uniform(0.0, 3.5)
        actor.back.walk(actor.back.start - 3.0 * rng.uniform(0.7, 1.4) * duration, -duration, 2.0 * duration)
    else:
        actor.back.start = rng.uniform(-2.2, 2.2)
        actor.yaw.start = rng.uniform(-np.pi, np.pi)
        actor.fidget(0.0, duration)
    return actor


def passer_by(rng: np.random.Generator, duration: float) -> Actor:
    """Someone who walks past, behind the action or, one of four, in front of it."""
    actor = stranger(rng, float(rng.choice([-1.0, 1.0])))
    actor.side.start = rng.uniform(-2.2, -0.9) if rng.random() < 0.25 else rng.uniform(0.8, 5.0)
    crossing, half = rng.uniform(0.0, duration), 2.5 * duration + 1.0
    actor.back.start = 0.7 * half * rng.uniform(0.8, 1.7)
    actor.back.walk(-actor.back.start, crossing - half, crossing + half)
    return actor


def others(rng: np.random.Generator, time: Array) -> list[Figure]:
    """People about the one who was recorded at `time`: mostly nobody, else one to three who stand or walk past."""
    count = rng.integers(1, 4) if rng.random() < 0.25 else 0
    drawn = [passer_by if rng.random() < 0.6 else bystander for _ in range(count)]
    return [solve(somebody(rng), draw(rng, float(time[-1])), time, rng) for draw in drawn]


def opening(rng: np.random.Generator) -> float:
    """Seconds before anything happens: mostly next to none, for clips are cut to what they show."""
    return float(rng.uniform(0.0, 0.35) if rng.random() < 0.8 else rng.uniform(0.3, 1.1))


def somebody(rng: np.random.Generator) -> Body:
    """The build of an adult."""
    return Body(height=rng.uniform(1.58, 1.88), girth=rng.uniform(0.85, 1.25), legs=rng.uniform(0.96, 1.03))


def before(figure: Figure, joint: str, distance: float, up: float = 0.0) -> Array:
    """The point `(frames, 3)` that is `distance` metres in front of a joint and `up` above it."""
    return figure.joints[joint] + distance * figure.forward + np.array([0.0, 0.0, up])


def on_trunk(figure: Figure, share: float) -> Array:
    """The point `(frames, 3)` at a share of the way from the pelvis to the neck."""
    pelvis = figure.joints["pelvis"]
    return pelvis + share * (figure.joints["neck"] - pelvis)


def frozen(points: Array, time: Array, moment: float) -> Array:
    """`points` `(frames, 3)` as they are at one moment, in every frame."""
    return np.repeat(points[np.argmin(np.abs(time - moment))][None], len(points), 0)
