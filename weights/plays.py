"""Actions of one person that no recording shows, as formulas: hops, falls, runs, waves, drawn at random.

Each play is a function of a generator that gives a `MotionRecording` without a label. The person faces the camera: x is
to the right, which is the person's left, y away from the camera, z up, in metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from actionzoo.motion.cleaning import smooth
from actionzoo.motion.recording import SIDES, Array, MotionRecording, assemble

FPS = 30.0
AHEAD, LEFT, UP = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
SIGN = {"left": 1.0, "right": -1.0}
UPPER_ARM, FOREARM, THIGH, SHIN, TRUNK = 0.31, 0.26, 0.43, 0.43, 0.52
STANDING = THIGH + SHIN + 0.08

Angle = Array | float
Play = Callable[[np.random.Generator], MotionRecording]


def _column(values: Angle, frames: int) -> Array:
    return np.broadcast_to(np.asarray(values, float), (frames,))[:, None]


def limb(forward: Angle, outward: Angle, side: str, frames: int) -> Array:
    """Directions `(frames, 3)` of a bone that hangs at 0, points ahead at a quarter turn forward and up at a half.

    `outward` turns it away from the middle of the body; all angles are in radians.

    >>> bool(np.allclose(limb(np.pi / 2, 0.0, "left", 1), AHEAD))
    True
    """
    a, o = _column(forward, frames), _column(outward, frames)
    return np.cos(o) * (np.sin(a) * AHEAD - np.cos(a) * UP) + np.sin(o) * SIGN[side] * LEFT


def person(
    arms: Mapping[str, tuple[Array, Array]],
    legs: Mapping[str, tuple[Array, Array]],
    *,
    lean: Angle = 0.05,
    hop: Angle = 0.0,
    travel: Angle = 0.0,
) -> Array:
    """Joints `(frames, joints, 3)` from directions `(frames, 3)` of both bones of each limb.

    Args:
        arms: upper arm and forearm of each side.
        legs: thigh and shin of each side.
        lean: of the trunk, ahead, in radians.
        hop: metres of the lower foot above the ground.
        travel: metres that the person has gone ahead.
    """
    frames = len(arms["left"][0])
    spine = np.sin(_column(lean, frames)) * AHEAD + np.cos(_column(lean, frames)) * UP
    reach = {side: -(THIGH * legs[side][0] + SHIN * legs[side][1])[:, 2] for side in SIDES}
    height = np.maximum(reach["left"], reach["right"]) + 0.08 + np.broadcast_to(hop, (frames,))
    pelvis = height[:, None] * UP + _column(travel, frames) * AHEAD
    points = {"pelvis": pelvis, "neck": pelvis + TRUNK * spine, "head": pelvis + TRUNK * spine + 0.2 * (spine + UP) / 2}
    for side in SIDES:
        points[f"{side}_shoulder"] = pelvis + (TRUNK - 0.04) * spine + 0.18 * SIGN[side] * LEFT
        points[f"{side}_hip"] = pelvis + 0.1 * SIGN[side] * LEFT
        points[f"{side}_elbow"] = points[f"{side}_shoulder"] + UPPER_ARM * arms[side][0]
        points[f"{side}_wrist"] = points[f"{side}_elbow"] + FOREARM * arms[side][1]
        points[f"{side}_knee"] = points[f"{side}_hip"] + THIGH * legs[side][0]
        points[f"{side}_ankle"] = points[f"{side}_knee"] + SHIN * legs[side][1]
    return assemble(points)


def _play(joints: Array, name: str) -> MotionRecording:
    return MotionRecording(joints[:, None], FPS, "", name, group="play")


def _hanging(rng: np.random.Generator, frames: int) -> dict[str, tuple[Array, Array]]:
    bent = rng.uniform(0.05, 0.4)
    return {side: (limb(0.0, 0.1, side, frames), limb(bent, 0.08, side, frames)) for side in SIDES}


def _standing(frames: int, knees: Angle = 0.03, apart: Angle = 0.06) -> dict[str, tuple[Array, Array]]:
    return {side: (limb(knees, apart, side, frames), limb(-np.asarray(knees), apart, side, frames)) for side in SIDES}


def _frames(rng: np.random.Generator, low: float, high: float) -> tuple[int, Array]:
    count = round(rng.uniform(low, high) * FPS)
    return count, np.arange(count) / FPS


def hop(rng: np.random.Generator, speed: float = 0.0, one_leg: bool = False) -> MotionRecording:
    """Crouch, fly, land, again: on the spot, or ahead at `speed` metres a second, on both legs or one."""
    frames, time = _frames(rng, 1.8, 3.4)
    period, share = (rng.uniform(0.4, 0.65), 0.6) if one_leg else (rng.uniform(0.45, 0.85), rng.uniform(0.45, 0.65))
    phase = (time / period + rng.random()) % 1.0
    air = np.clip(phase / share, 0.0, 1.0)
    height = 4 * rng.uniform(0.07, 0.24) * air * (1 - air) * (phase < share)
    landing = np.sin(np.pi * np.clip((phase - share) / (1 - share), 0, 1))
    down = smooth(np.where(phase >= share, landing, 0.15 * np.sin(np.pi * air)), 1.0) * rng.uniform(0.4, 0.95)
    swing = rng.uniform(0.0, 1.3) * smooth(np.sin(2 * np.pi * phase), 1.0) + rng.uniform(-0.1, 0.8)
    elbow, out = rng.uniform(0.2, 1.2), rng.uniform(0.05, 0.5)
    free = str(rng.choice(SIDES)) if one_leg else ""
    bent = rng.uniform(0.9, 1.7) + 0.25 * np.sin(2 * np.pi * phase)
    arms = {side: (limb(swing, out, side, frames), limb(swing + elbow, out / 2, side, frames)) for side in SIDES}
    legs = {
        side: (
            limb(rng.uniform(0.1, 0.5) if side == free else 0.05 + 0.9 * down, 0.05, side, frames),
            limb(-bent if side == free else -0.05 - 0.9 * down, 0.03, side, frames),
        )
        for side in SIDES
    }
    pace = speed * rng.uniform(0.75, 1.25)
    joints = person(arms, legs, lean=0.05 + down * rng.uniform(0.1, 0.6), hop=height, travel=pace * time)
    return _play(joints, "hop")


def long_jump(rng: np.random.Generator) -> MotionRecording:
    """One jump ahead from a standstill, or a few: the arms swing back and then ahead and up, and the legs follow."""
    frames, time = _frames(rng, 1.6, 2.8)
    start, flight = rng.uniform(0.45, 0.8), rng.uniform(0.35, 0.55)
    air = np.clip((time - start) / flight, 0.0, 1.0)
    crouch = np.interp(time, [0, start - 0.15, start, start + flight, start + flight + 0.15, start + flight + 0.6],
                       [0, 1, 0.1, 0.35, 1.0, 0.1])  # fmt: skip
    crouch = smooth(crouch, 1.5) * rng.uniform(0.6, 1.1)
    arms_at = smooth(np.interp(time, [0, start - 0.15, start + 0.1, start + flight, start + flight + 0.4],
                               [0.1, -0.9, 2.3, 1.2, 0.2]), 1.5)  # fmt: skip
    arms = {side: (limb(arms_at, 0.1, side, frames), limb(arms_at + 0.3, 0.05, side, frames)) for side in SIDES}
    tuck = 0.9 * np.sin(np.pi * air)
    legs = {
        side: (limb(crouch + tuck, 0.06, side, frames), limb(-crouch + 0.2 * tuck, 0.05, side, frames))
        for side in SIDES
    }
    ahead = rng.uniform(0.9, 2.0) * (3 * air**2 - 2 * air**3)
    height = 4 * rng.uniform(0.12, 0.3) * air * (1 - air)
    return _play(person(arms, legs, lean=0.1 + 0.5 * crouch, hop=height, travel=ahead), "long jump")


def gait(rng: np.random.Generator, running: bool) -> MotionRecording:
    """Walk or run ahead: thighs swing as a sine, the shin folds while its foot is in the air, arms go against legs."""
    frames, time = _frames(rng, 1.6, 3.2)
    cadence = rng.uniform(1.25, 1.7) if running else rng.uniform(0.75, 1.1)
    phase = 2 * np.pi * (cadence * time + rng.random())
    swing = rng.uniform(0.45, 0.75) if running else rng.uniform(0.25, 0.38)
    fold = rng.uniform(1.1, 1.9) if running else rng.uniform(0.7, 1.0)
    ahead = rng.uniform(0.15, 0.4) if running else 0.08
    elbow = rng.uniform(1.1, 1.8) if running else rng.uniform(0.15, 0.5)
    arm_swing = rng.uniform(0.5, 1.1) if running else rng.uniform(0.15, 0.6)
    arms, legs = {}, {}
    for side in SIDES:
        own = phase + (0.0 if side == "left" else np.pi)
        thigh = ahead + swing * np.sin(own)
        shin = thigh - 0.12 - fold * np.clip(np.cos(own + 0.35), 0.0, None) ** 1.5
        legs[side] = limb(thigh, 0.03, side, frames), limb(shin, 0.0, side, frames)
        upper = -0.1 - arm_swing * np.sin(own)
        arms[side] = limb(upper, 0.12, side, frames), limb(upper + elbow, -0.1 if running else 0.05, side, frames)
    bounce = np.clip(np.cos(2 * phase), 0.0, None) * rng.uniform(0.04, 0.1) if running else 0.0
    # A foot on the ground goes back under the hip as fast as the person goes ahead.
    speed = 2 * np.pi * cadence * swing * (THIGH + SHIN) * (0.85 if running else 0.95)
    lean = rng.uniform(0.05, 0.3) if running else rng.uniform(0.0, 0.1)
    return _play(person(arms, legs, lean=lean, hop=bounce, travel=speed * time), "run" if running else "walk")


def side_step(rng: np.random.Generator) -> MotionRecording:
    """Gallop sideways: the legs open and close, with a small jump between."""
    frames, time = _frames(rng, 1.6, 3.0)
    cadence = rng.uniform(1.1, 1.9)
    phase = 2 * np.pi * (cadence * time + rng.random())
    open_ = rng.uniform(0.16, 0.38) * (1 + np.sin(phase))
    knees = rng.uniform(0.1, 0.4) + 0.15 * np.sin(phase + 1)
    way = float(rng.choice([-1.0, 1.0]))
    arms = _hanging(rng, frames)
    if rng.random() < 0.4:
        up = rng.uniform(0.2, 0.9)
        arms = {s: (limb(0.2, up, s, frames), limb(rng.uniform(0.2, 1.2), up / 2, s, frames)) for s in SIDES}
    legs = {s: (limb(knees, open_, s, frames), limb(-knees, open_, s, frames)) for s in SIDES}
    joints = person(
        arms, legs, lean=rng.uniform(0.02, 0.2), hop=np.clip(np.cos(phase), 0, None) * rng.uniform(0.02, 0.09)
    )
    speed = cadence * rng.uniform(0.8, 1.2)
    joints = joints + (way * speed * time)[:, None, None] * LEFT
    return _play(joints, "side step")


def bend(rng: np.random.Generator) -> MotionRecording:
    """The trunk goes down over straight or soft legs, a hand or both to the ground, and mostly up again."""
    frames, time = _frames(rng, 1.8, 3.4)
    at = time / time[-1]
    back = rng.uniform(0.5, 0.85) if rng.random() < 0.8 else 1.1
    go = smooth(np.where((at > rng.uniform(0.02, 0.2)) & (at < back), 1.0, 0.0), rng.uniform(0.06, 0.11) * frames)
    lean, knee = 0.05 + go * rng.uniform(1.3, 2.2), 0.03 + go * rng.uniform(0.0, 1.0)
    arms = {}
    for side in SIDES:
        reach = go * rng.uniform(-0.1, 0.7)
        arms[side] = limb(reach, 0.08, side, frames), limb(reach + 0.1, 0.0, side, frames)
    legs = {
        side: (limb(knee - 0.15 * go, 0.06, side, frames), limb(-0.6 * knee - 0.1 * go, 0.06, side, frames))
        for side in SIDES
    }
    return _play(person(arms, legs, lean=lean), "bend")


def wave(rng: np.random.Generator, hands: int) -> MotionRecording:
    """One hand or both go to and fro beside or above the head: from the elbow, or the whole arm."""
    frames, time = _frames(rng, 1.6, 3.4)
    rate, begin = rng.uniform(0.6, 2.2), rng.random()
    up = np.ones(frames) if rng.random() < 0.6 else smooth((time > rng.uniform(0.3, 0.8)).astype(float), 5.0)
    arms = _hanging(rng, frames)
    whole = rng.random() < 0.55
    centre, width = (
        (rng.uniform(1.6, 2.3), rng.uniform(0.4, 0.9)) if whole else (rng.uniform(1.2, 2.0), rng.uniform(0.15, 0.3))
    )
    fore = rng.uniform(0.3, 0.9)
    fro = np.sin(2 * np.pi * (rate * time + begin))
    for side in SIDES if hands == 2 else (str(rng.choice(SIDES)),):
        upper = up * np.clip(centre + width * fro, -0.2, 3.1) if whole else up * (centre + width * fro)
        lower = upper + up * (0.15 * fro if whole else 0.6 + fore * fro)
        # A bone turned outward by more than a quarter points up: 0 hangs, pi is overhead.
        arms[side] = limb(0.1 * up, upper, side, frames), limb(0.15 * up, lower, side, frames)
    return _play(person(arms, _standing(frames, rng.uniform(0.0, 0.1), rng.uniform(0.03, 0.2))), "wave")


def jumping_jack(rng: np.random.Generator) -> MotionRecording:
    """Arms and legs open and close together, with a jump between."""
    frames, time = _frames(rng, 1.6, 3.2)
    phase = 2 * np.pi * (rng.uniform(0.7, 1.4) * time + rng.random())
    open_ = 0.5 - 0.5 * np.cos(phase)
    top = rng.uniform(2.3, 3.1)
    arms = {
        side: (limb(0.1, 0.1 + (top - 0.1) * open_, side, frames), limb(0.15, 0.1 + (top + 0.15) * open_, side, frames))
        for side in SIDES
    }
    spread = 0.04 + rng.uniform(0.25, 0.5) * open_
    knees = rng.uniform(0.05, 0.3) * np.sin(phase) ** 2
    legs = {side: (limb(knees, spread, side, frames), limb(-knees, spread, side, frames)) for side in SIDES}
    height = rng.uniform(0.03, 0.12) * np.sin(phase) ** 2
    return _play(person(arms, legs, hop=height), "jumping jack")


def fall(rng: np.random.Generator) -> MotionRecording:
    """From standing or walking to the ground within a second, ahead, back or aside, and lying there."""
    frames, time = _frames(rng, 1.8, 3.2)
    start, takes = rng.uniform(0.2, 0.9), rng.uniform(0.5, 0.95)
    share = np.clip((time - start) / takes, 0.0, 1.0)
    down = share**2 * (3 - 2 * share)  # slow at first, as what tips over
    knee = np.sin(np.pi * share) * rng.uniform(0.3, 1.4) + rng.uniform(0.0, 0.6) * down
    reach = down * rng.uniform(0.2, 1.6)
    arms = {
        side: (
            limb(reach * rng.uniform(0.7, 1.3), 0.15 + 0.6 * down * rng.random(), side, frames),
            limb(reach + 0.3 + 0.4 * down, 0.1, side, frames),
        )
        for side in SIDES
    }
    joints = person(arms, _standing(frames, 0.03 + knee, 0.08), lean=0.05 + 0.5 * np.sin(np.pi * share) * rng.random())
    way = rng.uniform(0.0, 2 * np.pi)
    return _play(_tipped(joints, (np.pi / 2 - 0.05) * down**1.3, way), "fall")


def _tipped(joints: Array, angle: Array, way: float) -> Array:
    """Joints `(frames, joints, 3)` turned about the feet by angles `(frames,)` towards a direction on the ground."""
    foot = np.nanmin(joints[..., 2], axis=1)
    to = np.cos(way) * AHEAD + np.sin(way) * LEFT
    across = np.cross(UP, to)
    base = joints[:, 0] * (1, 1, 0) + foot[:, None] * UP
    arm = joints - base[:, None]
    c, s = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along = (arm @ across)[..., None] * across
    turned: Array = c * arm + s * np.cross(across, arm) + (1 - c) * along + base[:, None]
    return turned


def boxing(rng: np.random.Generator) -> MotionRecording:
    """Fists before the chin, which strike ahead one after the other, at the air or at a bag."""
    frames, time = _frames(rng, 1.6, 3.2)
    arms_at = {side: np.zeros(frames) for side in SIDES}
    now, side = rng.uniform(0.0, 0.3), str(rng.choice(SIDES))
    while now < time[-1]:
        takes = rng.uniform(0.14, 0.24)
        arms_at[side] += np.exp(-0.5 * ((time - now) / (takes / 1.7)) ** 2)
        now += takes + rng.uniform(0.1, 0.4)
        side = SIDES[side == SIDES[0]] if rng.random() < 0.75 else side
    level = rng.uniform(1.1, 1.6)
    arms = {}
    for side in SIDES:
        out = np.clip(arms_at[side], 0.0, 1.0)
        arms[side] = (
            limb(0.45 + (level - 0.45) * out, 0.25 - 0.15 * out, side, frames),
            limb(2.4 + (level - 2.4) * out, -0.25 + 0.2 * out, side, frames),
        )
    bob = rng.uniform(0.05, 0.3) + 0.1 * np.sin(2 * np.pi * rng.uniform(0.8, 2.0) * time)
    legs = _standing(frames, bob, 0.15)
    stagger = rng.uniform(0.1, 0.4) * rng.choice([-1, 1])
    legs = {s: (legs[s][0] + SIGN[s] * stagger * AHEAD, legs[s][1] + SIGN[s] * stagger * AHEAD) for s in SIDES}
    legs = {s: tuple(v / np.linalg.norm(v, axis=1, keepdims=True) for v in bones) for s, bones in legs.items()}
    lean = rng.uniform(0.05, 0.35) + 0.1 * (arms_at["left"] + arms_at["right"])
    return _play(person(arms, legs, lean=np.clip(lean, 0, 0.7)), "boxing")


def kick_ball(rng: np.random.Generator) -> MotionRecording:
    """Some steps of a run, a leg swings back and then through ahead, and the person comes to a stop."""
    run = gait(rng, running=True).joints[:, 0]
    frames, time = _frames(rng, 1.2, 2.0)
    strike = rng.uniform(0.35, 0.6)
    thigh = smooth(
        np.interp(time, [0, strike - 0.15, strike + 0.12, strike + 0.4, strike + 0.9], [0, -0.7, 1.2, 0.7, 0]), 1.2
    )
    shin = thigh - smooth(
        np.interp(time, [0, strike - 0.12, strike + 0.03, strike + 0.4, strike + 0.7], [0.1, 1.4, 0, 0.5, 0.1]), 1.2
    )
    side = str(rng.choice(SIDES))
    legs = _standing(frames, 0.15, 0.05)
    legs[side] = limb(thigh, 0.05, side, frames), limb(shin, 0.03, side, frames)
    arms = {
        s: (limb((-0.7 if s == side else 0.9) * thigh * 0.8, 0.5, s, frames), limb(0.4, 0.3, s, frames)) for s in SIDES
    }
    slow = np.cumsum(np.interp(time, [0, strike, strike + 0.5], [2.0, 1.0, 0.1])) / FPS
    kick = person(arms, legs, lean=0.15 - 0.15 * thigh, travel=slow)
    keep = run[-round(rng.uniform(0.2, 1.0) * FPS) :]
    meet = (keep[-1, :1] - kick[0, :1]) * (1, 1, 0)
    joined = np.concatenate([keep, kick + meet])
    return _play(smooth(joined, 1.2), "kick a ball")


def idle(rng: np.random.Generator) -> MotionRecording:
    """Somebody who stands about, shifts a little, looks at a hand or scratches: none of the classes."""
    frames, time = _frames(rng, 1.6, 3.2)
    arms, bones = _hanging(rng, frames), _standing(frames, rng.uniform(0.0, 0.15), rng.uniform(0.03, 0.15))
    if rng.random() < 0.6:
        side, goal = str(rng.choice(SIDES)), rng.uniform(0.2, 1.2)
        up = smooth((np.abs(time - time[-1] / 2) < rng.uniform(0.3, 1.2)).astype(float), rng.uniform(3.0, 9.0))
        arms[side] = (
            limb(goal * up * rng.uniform(0.2, 1.0), 0.1, side, frames),
            limb(0.2 + 2 * goal * up, -0.2 * up, side, frames),
        )
    sway = 0.04 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * time + rng.uniform(0, 6))
    return _play(person(arms, bones, lean=0.05 + sway), "idle")
