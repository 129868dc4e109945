"""Walking: feet that stay where they stand until the body is about to leave them behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionzoo.motion.cleaning import smooth
from actionzoo.motion.recording import SIDES
from actionzoo.puppets.geometry import SIGN, Array, minimum_jerk
from actionzoo.puppets.script import Body, Script, Step

_TOE_OUT = 0.15
_AHEAD_S = 0.22  # a foot lands where the pelvis will be this much later


@dataclass
class Feet:
    """One foot in every frame: `ankle` and `toe` `(frames, 3)`, and `air` `(frames,)`, 0 standing to 1 mid-swing."""

    ankle: Array
    toe: Array
    air: Array


@dataclass
class _Flight:
    """A foot on its way: times, places on the ground `(2,)`, and the angles it points at."""

    begin: float
    end: float
    start: Array
    goal: Array
    turn: tuple[float, float]


class _Walker:
    """Follows one figure through time and decides when which foot goes where."""

    def __init__(self, body: Body, script: Script, time: Array, ground: Array, yaw: Array) -> None:
        self.body, self.script, self.time, self.ground, self.yaw = body, script, time, ground, yaw
        self.step_s = float(time[1] - time[0])
        self.velocity = smooth(np.gradient(ground, self.step_s, axis=0), 0.06 / self.step_s)
        self.planned = sorted(script.steps, key=lambda step: step.begin)
        self.spot = {side: self.home(0, side) + 0.12 * SIGN[side] * self.velocity[0] for side in SIDES}
        self.angle = {side: float(yaw[0]) + _TOE_OUT * SIGN[side] for side in SIDES}
        self.flight: dict[str, _Flight | None] = dict.fromkeys(SIDES)
        self.place = dict(self.spot)

    def frame_at(self, moment: float) -> int:
        return min(round(moment / self.step_s), len(self.time) - 1)

    def home(self, frame: int, side: str) -> Array:
        """Where a foot stands at ease below the pelvis."""
        left = np.array([-np.sin(self.yaw[frame]), np.cos(self.yaw[frame])])
        return self.ground[frame] + SIGN[side] * 1.25 * self.script.stance * self.body.hip * left

    def lift(self, side: str, begin: float, end: float, goal: Array, land: int) -> None:
        turn = (self.angle[side], float(self.yaw[land]) + _TOE_OUT * SIGN[side])
        self.flight[side] = _Flight(begin, end, self.place[side], goal, turn)

    def follow_plan(self, now: float) -> None:
        """Lift the foot of each planned step that is due."""
        while self.planned and now >= self.planned[0].begin:
            step: Step = self.planned.pop(0)
            land = self.frame_at(step.end)
            ahead = np.array([np.cos(self.yaw[land]), np.sin(self.yaw[land])])
            self.lift(step.side, now, step.end, self.home(land, step.side) + step.forward * ahead, land)

    def step_if_needed(self, frame: int, now: float) -> None:
        """Lift the foot that the body is about to leave behind, if there is one."""
        off = {side: self.home(frame, side) - self.spot[side] for side in SIDES}
        far = max(float(np.linalg.norm(way)) for way in off.values())
        held = any(begin <= now < end for begin, end in self.script.holds)
        if any(self.flight.values()) or (held and far < 0.75 * self.body.leg):
            return
        speed = float(np.linalg.norm(self.velocity[frame]))
        if speed > 0.08:
            late = {side: float(way @ self.velocity[frame]) / speed for side, way in off.items()}
            nothing_ahead = min(late.values()) > -0.03
            needed = 0.05 if nothing_ahead else 0.04 + 0.16 * speed
        else:
            late = {side: float(np.linalg.norm(way)) for side, way in off.items()}
            needed = 0.16 * self.script.stance
        side = max(SIDES, key=lambda name: late[name])
        if late[side] <= needed:
            return
        end = now + self.script.swing_time
        stops = [begin for begin, _ in self.script.holds if now <= begin < end]
        land = self.frame_at(stops[0] if stops else end)
        goal = self.home(land, side) + (0.0 if stops else _AHEAD_S) * self.velocity[land]
        self.lift(side, now, end, goal, land)

    def stand(self, side: str, now: float) -> tuple[Array, Array, float]:
        """Ankle and toe `(3,)` of one foot, and how much it is in the air."""
        flight = self.flight[side]
        pointing, up, toe_up, air = self.angle[side], 0.0, 0.0, 0.0
        self.place[side] = self.spot[side]
        if flight:
            share = (now - flight.begin) / (flight.end - flight.begin)
            glide = float(minimum_jerk(np.array(0.02 + 0.96 * share)))
            self.place[side] = flight.start + glide * (flight.goal - flight.start)
            pointing = flight.turn[0] + glide * (flight.turn[1] - flight.turn[0])
            length = min(float(np.linalg.norm(flight.goal - flight.start)), 1.0)
            air = float(np.sin(np.pi * share))
            up = (0.035 + 0.10 * length) * max(air, 0.0) ** 1.3
            toe_up = max(0.85 * up - 0.05 * length * float(np.sin(2.0 * np.pi * share)), 0.0)
        tip = self.place[side] + 0.78 * self.body.foot * np.array([np.cos(pointing), np.sin(pointing)])
        return np.array([*self.place[side], self.body.ankle + up]), np.array([*tip, 0.022 + toe_up]), air

    def land(self, now: float) -> None:
        """Put down the feet whose time in the air is over."""
        for side, flight in self.flight.items():
            if flight and now >= flight.end:
                self.spot[side], self.angle[side], self.flight[side] = flight.goal, flight.turn[1], None


def walk(body: Body, script: Script, time: Array, ground: Array, yaw: Array) -> dict[str, Feet]:
    """Feet that carry the pelvis along a path.

    Args:
        body: whose feet.
        script: its steps and holds.
        time: `(frames,)` seconds, evenly spaced from 0.
        ground: `(frames, 2)` metres, the pelvis seen from above.
        yaw: `(frames,)` where the pelvis points.

    Returns:
        the feet of each side.
    """
    walker, frames = _Walker(body, script, time, ground, yaw), len(time)
    feet = {side: Feet(np.empty((frames, 3)), np.empty((frames, 3)), np.empty(frames)) for side in SIDES}
    for frame, now in enumerate(time.tolist()):
        walker.land(now)
        walker.follow_plan(now)
        walker.step_if_needed(frame, now)
        for side in SIDES:
            ankle, toe, air = walker.stand(side, now)
            feet[side].ankle[frame], feet[side].toe[frame], feet[side].air[frame] = ankle, toe, air
    return feet
