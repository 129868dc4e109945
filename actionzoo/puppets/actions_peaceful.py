"""Handshake, hug and point, each drawn at random: tempo, sides, distances, heights."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import SIDES
from actionzoo.puppets.characters import Play, on_trunk, opening, two_strangers
from actionzoo.puppets.geometry import SIGN, Array, Curve, sideways
from actionzoo.puppets.skeleton import Figure


def handshake(rng: np.random.Generator) -> Play:
    """They walk up, the right hands meet at waist height, go up and down, and let go; they step back."""
    close = rng.uniform(0.9, 1.2)
    both, first, second = two_strangers(rng, close + rng.uniform(0.1, 1.5), 0.15)
    start = opening(rng)
    arrive = start + rng.uniform(0.6, 1.2)
    share = rng.choice([0.5, rng.uniform(0.1, 0.9)])
    first.back.walk(close * share, start, arrive)
    second.back.walk(close * (1 - share), start + rng.normal(0.0, 0.1), arrive + rng.normal(0.0, 0.1))
    touch = arrive + rng.uniform(-0.25, 0.2)
    release = touch + rng.uniform(0.7, 2.4)
    end = release
    for actor in both:
        actor.pose(
            ("right",), touch - actor.draw((0.5, 1.0)), touch, raised=(0.8, 1.05), reach=0.85, out=-0.1, flare=0.3
        )
        actor.drop(("right",), release, release + actor.draw((0.4, 0.7)))
        actor.lean.pulse(actor.draw((0.03, 0.22)), touch - 0.4, touch + 0.2, release - 0.1, release + 0.4)
        actor.twist.pulse(actor.draw((0.0, 0.3)), touch - 0.4, touch, release, release + 0.4)
        actor.nod.pulse(actor.nod.last + actor.draw((-0.05, 0.25)), touch - 0.3, touch + 0.3, release, release + 0.4)
        actor.holds.append((arrive + 0.3, release))
        actor.fidget(0.0, start)
    for actor in both:
        end = max(end, actor.retreat(release + actor.draw((0.0, 0.4)), (0.05, 0.7)))
        actor.fidget(end, end + 1.0)

    height, amplitude, rate = rng.uniform((0.53, 0.012, 1.6), (0.63, 0.06, 3.0))
    held = [Curve().pulse(1.0, touch - rng.uniform(0.45, 0.8), touch, release, release + 0.5) for _ in both]
    clasped = Curve().pulse(1.0, touch, touch + 0.4, release - 0.2, release + 0.3)
    clasps = rng.random(2) < 0.1

    def contact(figures: list[Figure], time: Array) -> None:
        fading = np.clip(np.minimum(time - touch, release - time) / 0.25, 0.0, 1.0)
        meet = np.mean([figure.joints["right_shoulder"] for figure in figures], axis=0)
        meet[:, 2] = height * np.mean([figure.body.height for figure in figures])
        meet[:, 2] += amplitude * fading * np.sin(2 * np.pi * rate * (time - touch))
        for figure, hold, clasp in zip(figures, held, clasps, strict=True):
            palm = figure.body.hand * figure.forward
            figure.reach_hand("right", meet - 0.85 * palm, hold(time))
            if clasp:
                figure.reach_hand("left", meet - 0.6 * palm, clasped(time))

    return Play(both, end + rng.uniform(-0.2, 0.3), (0.0, end), contact)


def hug(rng: np.random.Generator) -> Play:
    """They walk up with open arms, wrap them around each other, stay, and part."""
    close = rng.uniform(0.26, 0.36)
    both, first, second = two_strangers(rng, close + rng.uniform(0.7, 2.0), 0.15)
    start = opening(rng)
    arrive = start + rng.uniform(1.0, 1.6)
    share = rng.choice([0.5, rng.uniform(0.1, 0.9)])
    first.back.walk(close * share, start, arrive)
    second.back.walk(close * (1 - share), start + rng.normal(0.0, 0.08), arrive + rng.normal(0.0, 0.08))
    release = arrive + rng.uniform(0.6, 2.0)
    part = release + rng.uniform(0.35, 0.6)
    beside = rng.choice([-1.0, 1.0]) * rng.uniform(0.03, 0.09)
    high = [str(rng.choice(SIDES))] * 2 if rng.random() < 0.75 else rng.choice(SIDES, 2).tolist()
    end = part
    for actor, upper in zip(both, high, strict=True):
        opened = arrive - actor.draw((0.6, 1.2))
        for side in SIDES:
            raised = (1.3, 1.9) if side == upper else (0.7, 1.3)
            wide = {"reach": (0.8, 0.95), "out": (0.2, 0.6), "flare": (2.0, 4.0)}
            actor.pose((side,), opened, arrive - 0.15, raised=raised, **wide)
            actor.drop((side,), release, part + actor.draw((0.1, 0.5)))
        actor.side.pulse(actor.side.start + beside * actor.heading, start, arrive, release, part + 0.5)
        actor.lean.pulse(actor.draw((0.06, 0.24)), arrive - 0.6, arrive, release, part)
        actor.roll.pulse(0.06 * np.sign(beside) * actor.draw((0.3, 2.0)), arrive - 0.4, arrive, release, part)
        actor.nod.pulse(actor.draw((0.1, 0.4)), arrive - 0.4, arrive + 0.1, release, part)
        actor.twist.pulse(rng.normal(0.0, 0.15), arrive, arrive + 0.6, release - 0.1, part)
        actor.holds.append((arrive + 0.25, release))
        actor.fidget(0.0, start)
    for actor in both:
        end = max(end, actor.retreat(release + actor.draw((0.1, 0.35)), (0.25, 0.9)))
        actor.fidget(end, end + 1.0)

    tap, rate = rng.uniform((0.0, 1.5), (0.035, 3.0))
    wraps = [Curve().pulse(1.0, arrive - rng.uniform(0.35, 0.55), arrive + 0.12, release, part) for _ in both]

    def contact(figures: list[Figure], time: Array) -> None:
        spots = {share: [on_trunk(figure, share) for figure in figures[::-1]] for share in (0.45, 0.88)}
        for index, figure in enumerate(figures):
            pat = tap * np.sin(2 * np.pi * rate * time + index)[:, None] * figure.forward
            for side in SIDES:
                back = spots[0.88 if side == high[index] else 0.45][index] + 0.13 * figure.forward
                around = -0.06 * SIGN[side] * sideways(figure.forward)
                figure.reach_hand(side, back + around + pat, wraps[index](time))

    return Play(both, end + rng.uniform(-0.2, 0.3), (0.0, end), contact)


def point(rng: np.random.Generator) -> Play:
    """One raises an arm to shoulder height, holds it and lowers it; at times another stands there, too."""
    both, actor, other = two_strangers(rng, rng.uniform(1.6, 2.8))
    if rng.random() < 0.6:
        actor.back.start = rng.normal(0.0, 0.1)
        both = [actor]
    side = str(rng.choice(SIDES))
    start = opening(rng)
    up = start + rng.uniform(0.4, 0.85)
    lower = up + rng.uniform(0.5, 2.3)
    end = lower + rng.uniform(0.4, 0.85)
    aim = rng.uniform(1.35, 1.85)
    arm = actor.arms[side]
    if rng.random() < 0.35:
        arm["reach"].to(rng.uniform(0.6, 0.85), start, (start + up) / 2)
    actor.pose((side,), start, up, raised=aim, reach=(0.95, 0.99), out=(-0.25, 0.45), flare=0.6)
    if rng.random() < 0.25:
        arm["raise"].pulse(aim + rng.normal(0.0, 0.15), up + 0.1, up + 0.35, lower - 0.4, lower - 0.1)
    actor.drop((side,), lower, end)
    actor.twist.pulse(-SIGN[side] * rng.uniform(0.0, 0.5), start - 0.1, up, lower, end)
    actor.lean.pulse(rng.uniform(-0.08, 0.1), start, up, lower, end)
    actor.look.pulse(rng.normal(0.0, 0.25), start - 0.2, up - 0.1, lower + 0.1, end)
    actor.nod.pulse(rng.uniform(-0.15, 0.15), start - 0.1, up, lower, end)
    if rng.random() < 0.3:
        actor.back.to(actor.back.last - rng.uniform(0.1, 0.3), start - 0.1, up + 0.1)
        if rng.random() < 0.6:
            actor.back.to(actor.back.last + rng.uniform(0.1, 0.3), lower, end + 0.2)
    actor.fidget(end, end + 0.8)
    if len(both) == 2:
        other.look.to(rng.normal(0.0, 0.7), up, up + 0.6)
        other.fidget(0.2, lower)
    return Play(both, end + rng.uniform(-0.1, 0.4), (0.0, end))
