"""Who a figure is and what it is told to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from actionzoo.motion.recording import SIDES
from actionzoo.puppets.geometry import Curve


@dataclass(frozen=True)
class Body:
    """Lengths of one person in metres (segment shares of stature after Drillis & Contini 1966)."""

    height: float = 1.75
    girth: float = 1.0
    legs: float = 1.0

    @property
    def thigh(self) -> float:
        return 0.245 * self.height * self.legs

    @property
    def shin(self) -> float:
        return 0.246 * self.height * self.legs

    @property
    def leg(self) -> float:
        return self.thigh + self.shin

    @property
    def trunk(self) -> float:
        """Hip line to the base of the neck."""
        return 0.818 * self.height - self.leg - self.ankle

    @property
    def ankle(self) -> float:
        """Height of the ankle above the ground."""
        return 0.042 * self.height

    @property
    def upper_arm(self) -> float:
        return 0.18 * self.height

    @property
    def forearm(self) -> float:
        return 0.148 * self.height

    @property
    def arm(self) -> float:
        return self.upper_arm + self.forearm

    @property
    def hand(self) -> float:
        return 0.095 * self.height

    @property
    def foot(self) -> float:
        return 0.125 * self.height

    @property
    def shoulder(self) -> float:
        """Half the distance between the shoulder joints."""
        return 0.108 * self.height * (0.7 + 0.3 * self.girth)

    @property
    def hip(self) -> float:
        """Half the distance between the hip joints."""
        return 0.052 * self.height


@dataclass(frozen=True)
class Step:
    """One planned step.

    Attributes:
        side: which foot.
        begin: when it is lifted, in seconds.
        end: when it lands.
        forward: metres in front of the pelvis at which it lands.
    """

    side: str
    begin: float
    end: float
    forward: float


_ARM = {"raise": 0.06, "out": 0.12, "reach": 0.97, "flare": 0.5}
_LEG = {"raise": 0.0, "out": 0.0, "reach": 1.0, "weight": 0.0}


def _limbs(start: dict[str, float]) -> dict[str, dict[str, Curve]]:
    return {side: {name: Curve(value) for name, value in start.items()} for side in SIDES}


@dataclass
class Script:
    """What one figure does over time: a curve for each degree of freedom, and the steps that are not automatic.

    Attributes:
        heading: 1 looks along +x, -1 along -x.
        back: metres of the pelvis behind the meeting point, in the figure's own direction.
        side: metres of the pelvis along y.
        yaw: turn to the left, added to the heading.
        lean: of the trunk, forwards.
        roll: of the trunk, to the left.
        twist: of the shoulders against the pelvis, to the left.
        crouch: metres that the pelvis is lowered.
        nod: of the head, forwards.
        look: turn of the head against the trunk, to the left.
        arms: for each side `raise` (from hanging, forwards), `out` (sideways), `reach` (shoulder to wrist as a share
            of the arm's length) and `flare` (how far the elbow points outwards).
        legs: for each side the same of a leg in the air, in force by its `weight` 0..1.
        steps: planned ones.
        holds: spans of time (begin, end) in which no foot is lifted unplanned.
        swing_time: seconds a foot is in the air.
        stance: factor on the distance between the feet.
        sway: amount of idle motion.
        swing_arms: how far the arms swing in walking.
    """

    heading: float = 1.0
    back: Curve = field(default_factory=Curve)
    side: Curve = field(default_factory=Curve)
    yaw: Curve = field(default_factory=Curve)
    lean: Curve = field(default_factory=lambda: Curve(0.02))
    roll: Curve = field(default_factory=Curve)
    twist: Curve = field(default_factory=Curve)
    crouch: Curve = field(default_factory=Curve)
    nod: Curve = field(default_factory=Curve)
    look: Curve = field(default_factory=Curve)
    arms: dict[str, dict[str, Curve]] = field(default_factory=lambda: _limbs(_ARM))
    legs: dict[str, dict[str, Curve]] = field(default_factory=lambda: _limbs(_LEG))
    steps: list[Step] = field(default_factory=list)
    holds: list[tuple[float, float]] = field(default_factory=list)
    swing_time: float = 0.38
    stance: float = 1.0
    sway: float = 1.0
    swing_arms: float = 1.0
