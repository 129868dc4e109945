"""The actions that `everyday` knows, and the recordings and plays that it learns each of them from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actionzoo.motion import MotionRecording, read_motion
from actionzoo.motion.cleaning import problem
from actionzoo.weights import edits, plays

Generator = np.random.Generator
Edit = Callable[[MotionRecording, Generator], MotionRecording]

FILES = {
    "utd": "utd_mhad_kinect3d.npz",
    "penn": "penn_action_2d.npz",
    "sbu": "sbu_two_people_3d.npz",
    "jhmdb": "jhmdb_2d.npz",
}
"""Recorded joints by a short name, as files of one folder."""

Shelf = Mapping[str, Mapping[str, Sequence[MotionRecording]]]
"""Recordings by file and label."""


@dataclass(frozen=True)
class Recorded:
    """Recordings of some labels of one file, each perhaps changed by an edit.

    Attributes:
        file: a key of `FILES`.
        labels: of that file.
        edit: what is done to each.
        share: how many clips of the class, against its other sources.
    """

    file: str
    labels: tuple[str, ...]
    edit: Edit | None = None
    share: float = 1.0

    def draw(self, shelf: Shelf, rng: Generator) -> MotionRecording:
        """One of them."""
        choices = shelf[self.file][str(rng.choice(self.labels))]
        recording = choices[int(rng.integers(len(choices)))]
        return self.edit(recording, rng) if self.edit else recording


@dataclass(frozen=True)
class Played:
    """A play of `actionzoo.weights.plays`, drawn anew for every clip; `share` as that of `Recorded`."""

    play: plays.Play
    share: float = 1.0

    def draw(self, shelf: Shelf, rng: Generator) -> MotionRecording:
        """A performance."""
        return self.play(rng)


def _again(most: int) -> Edit:
    return lambda recording, rng: edits.repeated(recording, int(rng.integers(1, most + 1)))


def _loop(low: int, high: int) -> Edit:
    return lambda recording, rng: edits.looped(recording, int(rng.integers(low, high + 1)))


def _part(begin: float, end: float) -> Edit:
    return lambda recording, rng: edits.part(recording, begin, end)


def _ahead(speed: float) -> Edit:
    return lambda recording, rng: edits.travelling(recording, speed * rng.uniform(0.75, 1.25))


def _strides(speed: float) -> Edit:
    return lambda recording, rng: edits.strides(recording, speed * rng.uniform(0.75, 1.25))


def _two_hands(recording: MotionRecording, rng: Generator) -> MotionRecording:
    return edits.repeated(edits.both_arms(recording), int(rng.integers(1, 3)))


def _jack_arms(recording: MotionRecording, rng: Generator) -> MotionRecording:
    return edits.looped(edits.still_legs(recording), int(rng.integers(2, 4)))


def _jack_arm(recording: MotionRecording, rng: Generator) -> MotionRecording:
    return edits.one_arm(_jack_arms(recording, rng), rng)


def _one_of_two(recording: MotionRecording, rng: Generator) -> MotionRecording:
    body = int(rng.integers(recording.bodies))
    return recording.replace(joints=recording.joints[:, body : body + 1])


CLASSES: dict[str, tuple[Recorded | Played, ...]] = {
    "walk": (
        Played(lambda rng: plays.gait(rng, running=False), 2),
        Recorded("utd", ("walk",), _strides(1.3)),
        Recorded("jhmdb", ("walk",), lambda r, rng: edits.travelling(_loop(1, 2)(r, rng), rng.uniform(0.9, 1.6)), 2),
        Recorded("sbu", ("approach", "depart"), _one_of_two),
    ),
    "run": (
        Played(lambda rng: plays.gait(rng, running=True), 2),
        Recorded("utd", ("jog",), _strides(2.6)),
        Recorded("jhmdb", ("run",), lambda r, rng: edits.travelling(_loop(1, 2)(r, rng), rng.uniform(2.2, 3.6)), 2),
    ),
    "skip": (Played(lambda rng: plays.hop(rng, 1.9, one_leg=True)),),
    "side step": (Played(plays.side_step),),
    "jump forward": (
        Played(lambda rng: plays.hop(rng, 1.6), 2),
        Played(plays.long_jump),
        Recorded("jhmdb", ("jump",)),
    ),
    "jump in place": (Played(plays.hop),),
    "jump rope": (Recorded("penn", ("jump_rope",), _loop(1, 2)),),
    "jumping jack": (Recorded("penn", ("jumping_jacks",), _loop(2, 3), 2), Played(plays.jumping_jack)),
    "wave one hand": (
        Recorded("utd", ("wave",), _again(2)),
        Played(lambda rng: plays.wave(rng, 1), 2),
        Recorded("penn", ("jumping_jacks",), _jack_arm),
        Recorded("jhmdb", ("wave",)),
    ),
    "wave two hands": (
        Recorded("utd", ("wave",), _two_hands),
        Played(lambda rng: plays.wave(rng, 2), 2),
        Recorded("penn", ("jumping_jacks",), _jack_arms),
    ),
    "bend": (
        Played(plays.bend, 2),
        Recorded("utd", ("pick_up_and_throw",), _part(0.0, 0.6)),
        Recorded("jhmdb", ("pick",)),
    ),
    "sit down": (Recorded("utd", ("stand_to_sit",)), Recorded("jhmdb", ("sit",))),
    "stand up": (Recorded("utd", ("sit_to_stand",)), Recorded("jhmdb", ("stand",))),
    "squat": (Recorded("utd", ("squat",), _again(2)), Recorded("penn", ("squat",))),
    "lunge": (Recorded("utd", ("lunge",), _again(2)),),
    "push-up": (Recorded("penn", ("pushup",), _loop(1, 2)),),
    "pull-up": (Recorded("penn", ("pullup",)), Recorded("jhmdb", ("pullup",))),
    "sit-up": (Recorded("penn", ("situp",)),),
    "lift weights": (Recorded("penn", ("clean_and_jerk",)),),
    "bench press": (Recorded("penn", ("bench_press",)),),
    "throw": (
        Recorded("utd", ("throw",)),
        Recorded("utd", ("pick_up_and_throw",), _part(0.45, 1.0), 0.5),
        Recorded("jhmdb", ("throw",)),
        Recorded("penn", ("baseball_pitch",)),
    ),
    "catch": (Recorded("utd", ("catch",)), Recorded("jhmdb", ("catch",))),
    "kick a ball": (Played(plays.kick_ball),),
    "shoot a basket": (Recorded("utd", ("basketball_shoot",)),),
    "bowl": (Recorded("penn", ("bowl",), None, 2), Recorded("utd", ("bowling",))),
    "baseball swing": (Recorded("penn", ("baseball_swing",), None, 2), Recorded("utd", ("baseball_swing",))),
    "tennis swing": (
        Recorded("penn", ("tennis_forehand",), None, 2),
        Recorded("penn", ("tennis_serve",)),
        Recorded("utd", ("tennis_swing", "tennis_serve")),
    ),
    "golf swing": (Recorded("penn", ("golf_swing",)), Recorded("jhmdb", ("golf",))),
    "box": (Recorded("utd", ("boxing",), _again(2)), Played(plays.boxing)),
    "clap": (Recorded("utd", ("clap",), _again(2)), Recorded("jhmdb", ("clap",))),
    "play guitar": (Recorded("penn", ("strum_guitar",)),),
    "fall": (Played(plays.fall),),
    "handshake": (Recorded("sbu", ("handshake",)),),
    "hug": (Recorded("sbu", ("hug",)),),
    "kick": (Recorded("sbu", ("kick",)),),
    "punch": (Recorded("sbu", ("punch",)),),
    "push": (Recorded("sbu", ("push",)),),
}
"""Where the motion of each action comes from. Those of two people are played by `actionzoo.puppets` as well, and
"point" is played only."""

NONE = "none"
"""The folder of clips of none of the classes."""

IDLE: tuple[Recorded | Played, ...] = (
    Played(plays.idle, 3),
    Recorded("utd", ("arm_curl", "cross_arms", "draw_circle_clockwise", "draw_triangle", "draw_x", "knock")),
    Recorded("jhmdb", ("pour",)),
)
"""What people do that has no class."""


CUTOUTS: dict[str, tuple[str, ...]] = {
    "baseball swing": ("baseball_swing",),
    "bowl": ("bowling",),
    "box": ("boxing",),
    "catch": ("catch",),
    "clap": ("clap",),
    "lunge": ("lunge",),
    "shoot a basket": ("basketball_shoot",),
    "sit down": ("stand_to_sit",),
    "squat": ("squat",),
    "stand up": ("sit_to_stand",),
    "tennis swing": ("tennis_serve", "tennis_swing"),
    "throw": ("throw",),
    "walk": ("walk",),
    "wave one hand": ("wave",),
    NONE: ("arm_curl", "cross_arms", "draw_circle_clockwise", "draw_triangle", "draw_x", "knock", "swipe_left"),
}
"""The depth recordings of UTD-MHAD that show each class."""


def read_shelf(folder: Path) -> Shelf:
    """All recordings in a folder of the `FILES` that show enough."""
    shelf: dict[str, dict[str, list[MotionRecording]]] = {}
    for short, file in FILES.items():
        labels = shelf.setdefault(short, {})
        for recording in read_motion(folder / file):
            if problem(recording) is None:
                labels.setdefault(recording.label, []).append(recording)
    return shelf


def performances(
    label: str, sources: Sequence[Recorded | Played], shelf: Shelf, count: int, seed: int
) -> list[MotionRecording]:
    """Recordings of an action, from its sources by their shares; those of a small `count` are the first of a larger.

    >>> [each.label for each in performances("fall", CLASSES["fall"], {}, 2, seed=0)]
    ['fall', 'fall']
    """
    shares = np.array([source.share for source in sources], float)
    made = []
    for index in range(count):
        rng = np.random.default_rng([seed, index, *label.encode()])
        source = sources[rng.choice(len(sources), p=shares / shares.sum())]
        recording = source.draw(shelf, rng)
        while problem(recording) is not None:
            recording = source.draw(shelf, rng)
        made.append(recording.replace(label=label))
    return made
