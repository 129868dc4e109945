"""From a script to the joints of a figure in every frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actionzoo.motion.cleaning import smooth
from actionzoo.motion.recording import SIDES
from actionzoo.puppets.gait import Feet, walk
from actionzoo.puppets.geometry import SIGN, UP, Array, sideways, two_bones, unit
from actionzoo.puppets.script import Body, Script


@dataclass
class Figure:
    """Where one person is in every frame.

    Attributes:
        body: the lengths of its bones.
        joints: by name, `(frames, 3)` metres: pelvis, neck, head, and of each side shoulder, elbow, wrist, hand, hip,
            knee, ankle and toe, named as in `left_knee`.
        forward: `(frames, 3)` level unit vectors that the pelvis looks along.
        chest: likewise of the shoulders.
        gaze: unit vectors that the face looks along.
        flare: of each side's elbow, `(frames,)`.
    """

    body: Body
    joints: dict[str, Array]
    forward: Array
    chest: Array
    gaze: Array
    flare: dict[str, Array]

    def reach_hand(self, side: str, target: Array, weight: Array) -> None:
        """Pull the wrist towards `target` `(frames, 3)` by `weight` `(frames,)` 0..1, as far as the arm goes."""
        wrist = self.joints[f"{side}_wrist"]
        self.set_arm(side, wrist + weight[:, None] * (target - wrist))

    def reach_foot(self, side: str, target: Array, weight: Array) -> None:
        """Pull the ankle towards `target` `(frames, 3)` by `weight` `(frames,)` 0..1; knee and toes follow."""
        ankle, toe = self.joints[f"{side}_ankle"], self.joints[f"{side}_toe"]
        self.set_leg(side, ankle + weight[:, None] * (target - ankle), toe - ankle, weight)

    def set_arm(self, side: str, wrist: Array) -> None:
        """Put the wrist at a place; the elbow bends down, back and outwards."""
        outwards = self.flare[side][:, None] * SIGN[side] * sideways(self.chest)
        pole = outwards - 0.15 * UP - _ahead_of(wrist - self.joints[f"{side}_shoulder"], self.chest)
        bones = (self.body.upper_arm, self.body.forearm)
        elbow, wrist = two_bones(self.joints[f"{side}_shoulder"], wrist, *bones, pole)
        self.joints[f"{side}_elbow"], self.joints[f"{side}_wrist"] = elbow, wrist
        self.joints[f"{side}_hand"] = wrist + self.body.hand * unit(wrist - elbow)

    def set_leg(self, side: str, ankle: Array, toe: Array, free: Array) -> None:
        """Put the ankle at a place; the knee bends forwards; `toe` is where it points, or by `free` off the shin."""
        pole = _ahead_of(ankle - self.joints[f"{side}_hip"], self.forward) + 0.12 * SIGN[side] * sideways(self.forward)
        knee, ankle = two_bones(self.joints[f"{side}_hip"], ankle, self.body.thigh, self.body.shin, pole)
        shin = unit(ankle - knee)
        square = unit(pole - (pole * shin).sum(1, keepdims=True) * shin)
        direction = (1.0 - free[:, None]) * unit(toe) + free[:, None] * unit(square + 0.35 * shin)
        self.joints[f"{side}_knee"], self.joints[f"{side}_ankle"] = knee, ankle
        self.joints[f"{side}_toe"] = ankle + 0.8 * self.body.foot * unit(direction)


def solve(body: Body, script: Script, time: Array, rng: np.random.Generator) -> Figure:
    """Carry out a script.

    Args:
        body: whose.
        script: what to do.
        time: `(frames,)` seconds, evenly spaced from 0.
        rng: draws the idle motion, for nobody stands still.
    """
    wave = _waves(rng, time, script.sway)
    yaw = script.yaw(time) + 0.03 * wave() + (0.0 if script.heading > 0 else np.pi)
    forward = _level(yaw)
    ground = np.stack([-script.heading * script.back(time), script.side(time)], 1)
    feet = walk(body, script, time, ground, yaw)
    free = {side: script.legs[side]["weight"](time) for side in SIDES}
    stride = ((feet["right"].ankle - feet["left"].ankle) * forward).sum(1)
    pelvis = _pelvis(body, script, time, ground, forward, feet, free)
    pelvis += (0.012 * wave())[:, None] * sideways(forward) + (0.010 * wave())[:, None] * forward

    twist = script.twist(time) + 0.22 * stride * script.swing_arms + 0.03 * wave()
    look = yaw + 0.5 * twist + script.look(time) + 0.10 * wave()
    flare = {side: script.arms[side]["flare"](time) for side in SIDES}
    figure = Figure(body, {"pelvis": pelvis}, forward, _level(yaw + twist), _level(look), flare)
    _set_trunk(figure, script, time, wave)
    for side in SIDES:
        _set_leg(figure, script, time, side, feet[side], free[side])
        _set_arm(figure, script, time, side, stride, wave)
    return figure


def _waves(rng: np.random.Generator, time: Array, amount: float) -> Callable[[], Array]:
    """A source of slow random waves `(frames,)` of about unit size, a new one with each call."""

    def wave() -> Array:
        frequency, phase = rng.uniform(0.12, 0.75, 3), rng.uniform(0.0, 2.0 * np.pi, 3)
        waves: Array = amount * np.sin(2.0 * np.pi * frequency * time[:, None] + phase).sum(1) / 1.6
        return waves

    return wave


def _level(angle: Array) -> Array:
    """Level unit vectors `(frames, 3)` at angles to the x axis."""
    return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], 1)


def _ahead_of(limb: Array, forward: Array) -> Array:
    """The direction `(frames, 3)` in which a limb moves when it is raised: forwards when it hangs, up when level."""
    line = unit(limb)
    return (line * forward).sum(1, keepdims=True) * UP - line[:, 2:] * forward


def _limb(raised: Array, out: Array, forward: Array, left: Array) -> Array:
    """Where a limb points that hangs at 0 and is raised forwards, turned by `out` to the left."""
    down_and_ahead = np.sin(raised)[:, None] * forward - np.cos(raised)[:, None] * UP
    return np.sin(out)[:, None] * left + np.cos(out)[:, None] * down_and_ahead


def _pelvis(
    body: Body,
    script: Script,
    time: Array,
    ground: Array,
    forward: Array,
    feet: dict[str, Feet],
    free: dict[str, Array],
) -> Array:
    """The pelvis `(frames, 3)` as high as the legs that carry it allow, smoothed."""
    limit = np.full(time.shape, body.ankle + 0.985 * body.leg)
    for side in SIDES:
        hip = ground + SIGN[side] * body.hip * sideways(forward)[:, :2]
        way = hip - feet[side].ankle[:, :2]
        behind = (way * forward[:, :2]).sum(1)
        slack = 0.03 + 0.15 * np.clip(behind - 0.1, 0.0, 0.6) + 0.12 * feet[side].air + free[side]
        reach = np.sqrt(np.maximum((0.99 * body.leg) ** 2 - (way**2).sum(1), 0.2))
        limit = np.minimum(limit, body.ankle + reach + slack)
    height = smooth(limit, 0.05 / (time[1] - time[0])) - script.crouch(time)
    return np.concatenate([ground, height[:, None]], 1)


def _set_trunk(figure: Figure, script: Script, time: Array, wave: Callable[[], Array]) -> None:
    """Spine, shoulders, hips and head."""
    body, joints, left = figure.body, figure.joints, sideways(figure.forward)
    speed = np.gradient(smooth(-script.back(time), 3.0), time[1] - time[0])
    lean = script.lean(time) + 0.03 * np.clip(speed, -1.5, 1.5) + 0.012 * wave()
    roll = script.roll(time) + 0.012 * wave()
    tilt = np.sin(lean)[:, None] * figure.forward + np.cos(lean)[:, None] * UP
    spine = unit(tilt + np.sin(roll)[:, None] * left)
    joints["neck"] = joints["pelvis"] + body.trunk * spine
    across = sideways(figure.chest)
    across = unit(across - (across * spine).sum(1, keepdims=True) * spine)
    nod = script.nod(time) + 0.5 * lean + 0.05 * wave()
    skull = unit(np.sin(nod)[:, None] * figure.gaze + np.cos(nod)[:, None] * UP + 0.5 * roll[:, None] * left)
    joints["head"] = joints["neck"] + 0.112 * body.height * skull
    figure.gaze = unit(figure.gaze - (figure.gaze * skull).sum(1, keepdims=True) * skull)
    for side in SIDES:
        joints[f"{side}_hip"] = joints["pelvis"] + SIGN[side] * body.hip * left
        slope = joints["neck"] - 0.025 * body.height * spine
        joints[f"{side}_shoulder"] = slope + SIGN[side] * body.shoulder * across


def _set_leg(figure: Figure, script: Script, time: Array, side: str, feet: Feet, free: Array) -> None:
    """A leg on its foot, or in the air by `free`; a heel out of reach comes off the ground, the toes do not."""
    body, joints, curves = figure.body, figure.joints, script.legs[side]
    out = SIGN[side] * curves["out"](time)
    swung = _limb(curves["raise"](time), out, figure.forward, sideways(figure.forward))
    aloft = joints[f"{side}_hip"] + (body.leg * curves["reach"](time))[:, None] * swung
    ankle = feet.ankle + free[:, None] * (aloft - feet.ankle)
    figure.set_leg(side, ankle, feet.toe - feet.ankle, free)
    away = np.linalg.norm(feet.toe - joints[f"{side}_ankle"], axis=1) / body.foot
    on_toes = np.clip((1.2 - away) / 0.2, 0.0, 1.0)
    pressed = ((1.0 - free) * on_toes)[:, None]
    joints[f"{side}_toe"] += pressed * (feet.toe - joints[f"{side}_toe"])


def _set_arm(figure: Figure, script: Script, time: Array, side: str, stride: Array, wave: Callable[[], Array]) -> None:
    """An arm as told; one that hangs swings against the legs."""
    curves = script.arms[side]
    raised = curves["raise"](time)
    idle = np.clip(1.3 - np.abs(raised), 0.0, 1.0) * script.swing_arms
    raised = raised + 0.62 * SIGN[side] * idle * stride + 0.05 * wave()
    reach = np.clip(curves["reach"](time) - 0.05 * idle * np.abs(stride) + 0.01 * wave(), 0.2, 0.995)
    out = SIGN[side] * (curves["out"](time) + 0.03 * wave())
    line = _limb(raised, out, figure.chest, sideways(figure.chest))
    figure.set_arm(side, figure.joints[f"{side}_shoulder"] + (figure.body.arm * reach)[:, None] * line)
