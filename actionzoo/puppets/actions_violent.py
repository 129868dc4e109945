"""Kick, punch and push, each drawn at random: how it is dealt, how it lands and how it is taken."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import SIDES
from actionzoo.puppets.characters import Actor, Play, before, frozen, on_trunk, opening, two_strangers
from actionzoo.puppets.geometry import SIGN, Array, Curve, sideways
from actionzoo.puppets.script import Step
from actionzoo.puppets.skeleton import Figure


def kick(rng: np.random.Generator) -> Play:
    """A step up, the knee comes high, the leg shoots out and folds; the arms balance, the trunk leans back."""
    close, run = rng.uniform(0.82, 1.08), rng.uniform(0.15, 1.0)
    both, kicker, victim = two_strangers(rng, close + run)
    leg, other = rng.permutation(SIDES).tolist()
    start = opening(rng)
    planted = start + 0.35 + run * rng.uniform(0.55, 0.85)
    lift = planted - rng.uniform(0.06, 0.16)
    hit = planted + rng.uniform(0.3, 0.44)
    stay = hit + rng.uniform(0.04, 0.3)
    fold = stay + rng.uniform(0.18, 0.32)
    down = fold + rng.uniform(0.2, 0.4)
    level = rng.uniform(0.6, 1.2) if rng.random() < 0.8 else rng.uniform(1.1, 1.5)
    kicker.back.walk(close - victim.back.last, start, planted + 0.15)
    kicker.steps.append(Step(other, max(start + 0.05, planted - 0.38), planted, rng.uniform(-0.02, 0.12)))
    kicker.steps.append(Step(leg, lift, down, rng.uniform(-0.25, 0.25)))
    kicker.holds.append((start if run < 0.5 else planted - 0.45, down))
    _swing_leg(kicker, leg, level, lift, hit, stay, fold, down)

    lean = -rng.uniform(0.05, 0.25) - 0.28 * level
    kicker.lean.to(rng.uniform(0.05, 0.15), start, planted).to(lean, lift, hit).to(0.05, stay, down)
    kicker.roll.pulse(SIGN[other] * rng.uniform(0.0, 0.18), lift, hit, stay, down)
    kicker.twist.pulse(SIGN[leg] * rng.uniform(-0.2, 0.7), lift, hit, stay, down)
    kicker.nod.pulse(rng.uniform(0.1, 0.4), lift, hit, stay, down)
    wide = rng.uniform(0.3, 1.1)
    kicker.pose((other,), lift - 0.2, hit, raised=(0.4, 1.5), reach=(0.7, 0.95), out=wide)
    kicker.pose((leg,), lift - 0.1, hit, raised=(-0.8, 0.3), reach=(0.75, 0.97), out=(0.5 * wide, 1.2 * wide))
    kicker.drop(SIDES, stay + 0.1, down + rng.uniform(0.1, 0.5))
    end = kicker.retreat(down - 0.1, (0.1, 0.9)) if rng.random() < 0.75 else down
    kicker.fidget(0.0, start - 0.1)
    victim.fidget(0.0, hit - 0.5)
    end = max(end, _take_kick(victim, hit + rng.uniform(-0.03, 0.1)))
    strike = Curve().pulse(1.0, lift + 0.55 * (hit - lift), hit, stay, fold - 0.05)

    def contact(figures: list[Figure], time: Array) -> None:
        mover, goal = figures[both.index(kicker)], figures[both.index(victim)]
        ankle = frozen(before(goal, "pelvis", 0.17), time, hit)
        ankle[:, 2] *= level
        mover.reach_foot(leg, ankle, strike(time))

    return Play(both, min(end, hit + rng.uniform(0.8, 1.8)), (0.0, stay + 0.3), contact)


def _swing_leg(
    actor: Actor, side: str, level: float, lift: float, hit: float, stay: float, fold: float, down: float
) -> None:
    """Draw the knee up, shoot the leg out at a height (1 = the pelvis), fold it and put it down."""
    leg, chamber = actor.legs[side], lift + 0.55 * (hit - lift)
    leg["weight"].to(1.0, lift, chamber).to(0.0, fold - 0.05, down)
    leg["raise"].start, leg["reach"].start = -0.55, 0.86
    leg["raise"].to(actor.draw((0.8, 1.2)), lift, chamber + 0.03).to(0.9 + 0.6 * level, chamber - 0.05, hit)
    leg["raise"].to(actor.draw((0.5, 0.8)), stay, fold)
    leg["reach"].to(actor.draw((0.55, 0.72)), lift, chamber).to(0.99, chamber - 0.02, hit)
    leg["reach"].to(actor.draw((0.6, 0.8)), stay, fold)
    leg["out"].to(actor.draw((-0.05, 0.2)), lift, hit)


def _take_kick(actor: Actor, hit: float) -> float:
    """Doubled up, staggering, or turned aside; returns when that is over."""
    kind = actor.rng.random()
    rest = hit + actor.draw((0.5, 1.2))
    actor.swing_time = actor.draw((0.24, 0.34))
    if kind < 0.45:
        actor.back.to(actor.back.last + actor.draw((0.1, 0.5)), hit, hit + actor.draw((0.35, 0.6)))
        actor.lean.to(actor.draw((0.35, 0.9)), hit, hit + actor.draw((0.2, 0.35)))
        actor.lean.to(actor.draw((0.05, 0.5)), rest, rest + 0.7)
        actor.crouch.pulse(actor.draw((0.0, 0.08)), hit, hit + 0.3, rest, rest + 0.6)
        actor.pose(SIDES, hit - 0.1, hit + 0.3, raised=(0.5, 0.9), reach=(0.5, 0.75), out=-0.15)
    elif kind < 0.8:
        actor.back.to(actor.back.last + actor.draw((0.35, 1.1)), hit, hit + actor.draw((0.7, 1.1)))
        actor.lean.to(actor.draw((0.1, 0.5)), hit, hit + 0.25).to(0.05, hit + 0.5, rest + 0.3)
        actor.pose(SIDES, hit, hit + 0.3, raised=(0.4, 1.1), reach=(0.7, 0.95), out=(0.1, 0.5))
    else:
        actor.back.to(actor.back.last + actor.draw((0.0, 0.25)), hit, hit + 0.5)
        turn = actor.rng.choice([-1.0, 1.0]) * actor.draw((0.3, 1.0))
        actor.yaw.to(actor.yaw.last + turn, hit - 0.2, hit + 0.4)
        actor.roll.pulse(actor.rng.normal(0.0, 0.2), hit, hit + 0.3, rest, rest + 0.5)
        actor.lean.pulse(actor.draw((-0.2, 0.3)), hit, hit + 0.25, rest, rest + 0.4)
        actor.pose(SIDES, hit - 0.3, hit + 0.2, raised=(0.3, 0.9), reach=(0.55, 0.9), out=(-0.1, 0.4))
    actor.drop(SIDES, rest, rest + actor.draw((0.4, 0.8)))
    return rest + 0.6


def punch(rng: np.random.Generator) -> Play:
    """Fists up, the shoulder goes back, a lunge carries the fist to the face; a hook sweeps on past it."""
    close, lunge, run = rng.uniform((0.82, 0.15, 0.0), (1.12, 0.45, 0.8))
    both, puncher, victim = two_strangers(rng, close + lunge + run)
    fist, other = ("right", "left") if rng.random() < 0.7 else ("left", "right")
    turn, hook = SIGN[fist], bool(rng.random() < 0.45)
    start = opening(rng)
    guard = start + rng.uniform(0.25, 0.5)
    cock = guard + rng.uniform(0.0, 0.3) + 0.45 * run
    hit = cock + rng.uniform(0.24, 0.36)
    stay = hit + rng.choice([rng.uniform(0.03, 0.12), rng.uniform(0.1, 0.65)])
    puncher.back.walk(puncher.back.last - run, start, cock).to(close - victim.back.last, cock - 0.1, hit + 0.04)
    front = other if rng.random() < 0.7 else fist
    puncher.steps.append(Step(front, hit - rng.uniform(0.28, 0.36), hit - 0.02, rng.uniform(0.28, 0.5)))
    puncher.holds.append((cock - 0.1, stay + 0.12))

    guards = SIDES if rng.random() < 0.6 else (fist,)
    puncher.pose(guards, start, guard, raised=(0.7, 1.3), reach=(0.4, 0.6), out=(-0.1, 0.25))
    wound = {"out": (0.3, 0.9), "flare": 1.6} if hook else {"out": 0.2, "flare": 0.8}
    puncher.pose((fist,), guard - 0.1, cock, raised=(0.5, 1.3), reach=(0.42, 0.62), **wound)
    puncher.pose((fist,), cock, hit, raised=(1.5, 1.75), reach=0.98, out=(-0.1, 0.1))
    if other in guards:
        puncher.pose((other,), cock, hit + 0.05, raised=(0.0, 0.9), reach=(0.5, 0.8), out=0.25)
    else:
        puncher.pose((other,), cock, hit + 0.05, raised=(-0.7, 0.3), reach=(0.7, 0.95), out=(0.1, 0.5))
    puncher.twist.to(turn * rng.uniform(0.2, 0.7), start, cock).to(-turn * rng.uniform(0.4, 0.9), cock, hit)
    puncher.lean.to(rng.uniform(-0.08, 0.1), start, cock).to(rng.uniform(0.2, 0.6), cock, hit + 0.05)
    puncher.crouch.pulse(rng.uniform(0.0, 0.06), guard, hit, stay, stay + 0.4)
    strike = Curve().pulse(1.0, cock + 0.06, hit, stay, stay + 0.15)
    if hook:
        through = stay + rng.uniform(0.12, 0.25)
        puncher.pose((fist,), stay - 0.05, through + 0.1, raised=(0.8, 1.4), reach=(0.55, 0.9), out=(-1.1, -0.5))
        puncher.twist.to(-turn * rng.uniform(0.9, 1.5), stay - 0.05, through)
        puncher.lean.to(rng.uniform(0.35, 0.9), stay, through + 0.15)
        stay = through + rng.uniform(0.05, 0.8)
    over = stay + rng.uniform(0.3, 0.6)
    puncher.drop(SIDES, stay, over)
    puncher.twist.to(0.0, stay, over)
    puncher.lean.to(rng.uniform(0.0, 0.2), stay, over + 0.1)
    end = puncher.retreat(stay + 0.1, (0.15, 0.9)) if rng.random() < 0.7 else over
    puncher.fidget(0.0, start - 0.1)
    victim.fidget(0.0, hit - 0.5)
    end = max(end, _take_punch(victim, hit + rng.uniform(-0.05, 0.06), turn))
    below, beside = rng.uniform(-0.12, 0.05), rng.normal(0.0, 0.05)

    def contact(figures: list[Figure], time: Array) -> None:
        mover, goal = figures[both.index(puncher)], figures[both.index(victim)]
        face = frozen(before(goal, "head", 0.08, below), time, hit)
        knuckles = 0.8 * mover.body.hand * mover.forward - beside * sideways(mover.forward)
        mover.reach_hand(fist, face - knuckles, strike(time))

    return Play(both, min(end, max(stay, hit + 0.2) + rng.uniform(0.3, 1.2)), (0.0, hit + 0.4), contact)


def _take_punch(actor: Actor, hit: float, turn: float) -> float:
    """The head jerks away, the trunk follows, perhaps a few steps back; returns when that is over."""
    kind = actor.rng.random()
    rest = hit + actor.draw((0.5, 1.0))
    last = actor.back.last
    actor.swing_time = actor.draw((0.22, 0.34))
    actor.nod.to(actor.draw((-0.7, -0.15)), hit, hit + actor.draw((0.1, 0.18)))
    actor.nod.to(actor.draw((0.0, 0.4)), hit + 0.3, hit + 0.9)
    actor.look.to(turn * actor.draw((0.1, 0.9)), hit, hit + 0.15).to(0.0, hit + 0.6, hit + 1.2)
    actor.twist.to(turn * actor.draw((0.0, 0.8)), hit + 0.03, hit + 0.3).to(0.0, hit + 0.6, hit + 1.3)
    if kind < 0.3:
        actor.lean.to(actor.draw((-0.4, -0.1)), hit, hit + 0.22).to(actor.draw((0.0, 0.3)), hit + 0.4, rest + 0.4)
        actor.back.to(last + actor.draw((0.05, 0.4)), hit + 0.03, hit + 0.6)
    elif kind < 0.6:
        actor.lean.to(actor.draw((-0.35, -0.15)), hit, hit + 0.22).to(0.1, hit + 0.35, rest)
        actor.back.to(last + actor.draw((0.4, 1.3)), hit + 0.03, hit + actor.draw((0.8, 1.3)))
        actor.pose(SIDES, hit + 0.05, hit + 0.35, raised=(0.1, 0.8), reach=(0.7, 0.95), out=(0.2, 0.7))
        if actor.rng.random() < 0.4:
            actor.yaw.to(actor.yaw.last + turn * actor.draw((0.4, 1.6)), hit + 0.1, rest + 0.2)
    else:
        actor.lean.to(actor.draw((-0.25, -0.05)), hit, hit + 0.15).to(actor.draw((0.3, 0.95)), hit + 0.15, hit + 0.6)
        actor.lean.to(actor.draw((0.1, 0.5)), rest + 0.3, rest + 1.0)
        actor.roll.to(turn * actor.draw((-0.1, 0.5)), hit, hit + 0.35).to(0.0, rest + 0.3, rest + 1.0)
        actor.back.to(last + actor.draw((0.05, 0.4)), hit + 0.05, hit + 0.6)
    if actor.rng.random() < 0.4:
        hand = str(actor.rng.choice(SIDES))
        actor.pose((hand,), hit + 0.15, hit + 0.55, raised=(1.6, 2.3), reach=(0.4, 0.55), out=-0.1)
    actor.drop(SIDES, rest + 0.3, rest + 0.9)
    return rest + 0.8


def push(rng: np.random.Generator) -> Play:
    """Hands up to the other's chest, a thrust with the whole body; the other staggers back."""
    close, run, follow = rng.uniform((0.62, 0.35, 0.1), (0.85, 1.4, 0.35))
    both, pusher, victim = two_strangers(rng, close + run)
    hands = SIDES if rng.random() < 0.9 else ("right",)
    start = opening(rng)
    touch = start + 0.4 + run * rng.uniform(0.55, 0.9)
    thrust = touch + rng.uniform(0.0, 0.3)
    away = thrust + rng.uniform(0.22, 0.45)
    stay = away + rng.uniform(0.05, 0.6)
    lower = stay + rng.uniform(0.35, 0.7)
    reached = close - victim.back.last
    pusher.back.walk(reached, start, touch + 0.05).to(reached - follow, thrust - 0.1, away)
    front = str(rng.choice(SIDES))
    pusher.steps.append(Step(front, touch - rng.uniform(0.28, 0.36), touch, rng.uniform(0.2, 0.42)))
    pusher.holds.append((touch - 0.3, stay))
    ready, level = rng.uniform(0.35, 0.7), rng.uniform(1.15, 1.45)
    for side in hands:
        bent = {"reach": (0.45, 0.65), "out": (-0.05, 0.15), "flare": (0.4, 1.4)}
        pusher.pose((side,), touch - ready, touch - 0.02, raised=level, **bent)
        pusher.pose((side,), thrust, away, raised=(1.35, 1.7), reach=(0.93, 0.99), out=(-0.05, 0.12))
    pusher.drop(SIDES, stay, lower)
    pusher.lean.to(rng.uniform(0.05, 0.25), start, touch).to(rng.uniform(0.3, 0.75), thrust - 0.05, away + 0.05)
    pusher.lean.to(rng.uniform(0.0, 0.1), stay, lower + 0.1)
    pusher.nod.pulse(rng.uniform(0.0, 0.3), touch, away, stay, lower)
    end = pusher.retreat(stay + 0.1, (0.1, 0.9)) if rng.random() < 0.6 else lower
    pusher.fidget(0.0, start - 0.1)
    victim.fidget(0.0, touch - 0.3)
    end = max(end, _take_push(victim, thrust + rng.uniform(0.0, 0.08), away))
    where = rng.uniform(0.68, 0.92)
    pressed = Curve().pulse(1.0, touch - 0.25, touch, away, away + 0.12)

    def contact(figures: list[Figure], time: Array) -> None:
        mover, goal = figures[both.index(pusher)], figures[both.index(victim)]
        chest = on_trunk(goal, where) + 0.12 * goal.forward - 0.35 * mover.body.hand * mover.forward
        for side in hands:
            mover.reach_hand(side, chest + 0.09 * SIGN[side] * sideways(mover.forward), pressed(time))

    core = (0.0, away + rng.uniform(0.2, 0.9))
    return Play(both, min(end, touch + rng.uniform(1.2, 2.4)), core, contact)


def _take_push(actor: Actor, hit: float, away: float) -> float:
    """Thrown back on the heels and staggering backwards; returns when that is over."""
    first, rest = actor.draw((0.15, 0.35)), actor.draw((0.4, 1.5))
    stop = away + 0.5 + rest / actor.draw((1.0, 1.8))
    actor.swing_time = actor.draw((0.22, 0.32))
    actor.back.to(actor.back.last + first, hit, away + 0.12)
    actor.back.to(actor.back.last + rest, hit + 0.12, stop)
    bend = actor.draw((-0.38, 0.0)) if actor.rng.random() < 0.75 else actor.draw((0.0, 0.3))
    actor.lean.to(bend, hit, away + 0.05).to(actor.draw((0.05, 0.25)), away + 0.15, away + 0.7)
    actor.lean.to(0.04, stop - 0.2, stop + 0.4)
    actor.nod.pulse(actor.draw((0.0, 0.4)), hit, away, away + 0.3, stop)
    swing = actor.draw((0.3, 1.5))
    for side in SIDES:
        raised = (0.6 * swing, 1.2 * swing)
        actor.pose((side,), hit + 0.05, away + 0.1, raised=raised, reach=(0.7, 0.95), out=(0.1, 0.6))
    actor.drop(SIDES, away + 0.25, stop)
    if actor.rng.random() < 0.3:
        actor.yaw.to(actor.yaw.last + actor.rng.normal(0.0, 0.8), away, stop)
    return stop + 0.2
