"""Changes to recordings: what a camera or a normalised track has lost is put back, or one action made of another.

Each takes a recording and a generator, and gives a recording.
"""

from __future__ import annotations

import numpy as np

from actionzoo.motion.cleaning import clean, smooth
from actionzoo.motion.recording import INDEX, LIMBS, SIDES, Array, MotionRecording
from actionzoo.puppets.retarget import looks_right, size
from actionzoo.puppets.script import Body

UP = np.array([0.0, 0.0, 1.0])
ARM, LEG = LIMBS


def part(recording: MotionRecording, begin: float, end: float) -> MotionRecording:
    """The part between two shares of its length; at least ten frames."""
    count = len(recording.joints)
    first = min(int(begin * count), max(count - 10, 0))
    return recording.replace(joints=recording.joints[first : max(int(end * count), first + 10)])


def repeated(recording: MotionRecording, times: int) -> MotionRecording:
    """The recording to and fro: what people do again and again was recorded once."""
    joints = recording.joints
    pieces = [joints if turn % 2 == 0 else joints[::-1] for turn in range(times)]
    return recording.replace(joints=np.concatenate(pieces))


def looped(recording: MotionRecording, times: int) -> MotionRecording:
    """A recording that ends as it begins, several times; the seams are smoothed."""
    joints = np.concatenate([recording.joints] * times)
    return recording.replace(joints=joints, jitter=max(recording.jitter, 0.05))


def both_arms(recording: MotionRecording) -> MotionRecording:
    """The arm that moves more, mirrored about the middle of the body, in place of the other (3-D)."""
    joints = recording.joints.copy()
    body = joints[:, 0]
    busy = max(SIDES, key=lambda side: float(np.nanstd(body[:, INDEX[f"{side}_wrist"]], axis=0).sum()))
    other = SIDES[busy == SIDES[0]]
    across = body[:, INDEX[f"{busy}_shoulder"]] - body[:, INDEX[f"{other}_shoulder"]]
    across = across * (1.0, 1.0, 0.0)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    for name in ARM[1:]:
        relative = body[:, INDEX[f"{busy}_{name}"]] - body[:, INDEX[f"{busy}_shoulder"]]
        mirrored = relative - 2 * (relative * across).sum(1, keepdims=True) * across
        body[:, INDEX[f"{other}_{name}"]] = body[:, INDEX[f"{other}_shoulder"]] + mirrored
    return recording.replace(joints=joints)


def still_legs(recording: MotionRecording) -> MotionRecording:
    """The legs stand, and the pelvis with them; what is above goes on (2-D)."""
    joints = recording.joints.copy()
    body = joints[:, 0]
    rise = body[:, :1] - np.nanmedian(body[:, :1], axis=0)
    upper = [index for name, index in INDEX.items() if name.partition("_")[2] not in LEG]
    body[:, upper] -= rise
    for index in (INDEX[f"{side}_{name}"] for name in LEG for side in SIDES):
        if np.isfinite(body[:, index]).any():
            body[:, index] = np.nanmedian(body[:, index] - rise[:, 0], axis=0)
    return recording.replace(joints=joints)


def one_arm(recording: MotionRecording, rng: np.random.Generator) -> MotionRecording:
    """One arm hangs."""
    joints = recording.joints.copy()
    body = joints[:, 0]
    down = body[:, INDEX["pelvis"]] - body[:, INDEX["neck"]]
    side = str(rng.choice(SIDES))
    for name, share in zip(ARM[1:], (0.55, 1.05, 1.2), strict=True):
        body[:, INDEX[f"{side}_{name}"]] = body[:, INDEX[f"{side}_shoulder"]] + share * down
    return recording.replace(joints=joints)


def travelling(recording: MotionRecording, speed: float) -> MotionRecording:
    """What was recorded on the spot, ahead at `speed` metres a second; in 2-D to the side that the person faces."""
    scale = 1.0 / size(_seen(recording), Body())
    ahead = _ahead(recording)
    way = np.arange(len(recording.joints))[:, None] / recording.fps * speed * scale * ahead
    return recording.replace(joints=recording.joints + way[:, None, None, :])


def strides(recording: MotionRecording, speed: float) -> MotionRecording:
    """Steps on the spot as strides: each leg swings ahead as its foot is lifted, at `speed` metres a second (3-D)."""
    joints = recording.joints.copy()
    body = joints[:, 0]
    lift = body[:, INDEX["left_ankle"], 2] - body[:, INDEX["right_ankle"], 2]
    lift = smooth(lift, 0.05 * recording.fps)
    phase = _phase(lift - smooth(lift, 0.7 * recording.fps))
    rate = max(float(np.median(np.abs(np.diff(phase)))), 1e-3) * recording.fps / (2 * np.pi)
    leg = Body().leg
    angle = min(speed / np.clip(rate, 0.6, 2.0) / 4 / leg, 0.7)
    ahead = _ahead(recording)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        hip = body[:, INDEX[f"{side}_hip"]]
        for name in LEG[1:]:
            index = INDEX[f"{side}_{name}"]
            body[:, index] = hip + _swung(body[:, index] - hip, sign * angle * np.sin(phase), ahead)
    return travelling(recording.replace(joints=joints), speed)


def _swung(arm: Array, angle: Array, ahead: Array) -> Array:
    """Vectors `(frames, 3)` turned by angles from down to ahead."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along, high = (arm @ ahead)[:, None], (arm @ UP)[:, None]
    rest = arm - along * ahead - high * UP
    turned: Array = rest + (c * along - s * high) * ahead + (s * along + c * high) * UP
    return turned


def _phase(wave: Array) -> Array:
    """The phase of a wave: the angle of its analytic signal (Hilbert transform)."""
    spectrum = np.fft.fft(wave)
    count = len(wave)
    spectrum[count // 2 + 1 :] = 0
    spectrum[1 : (count + 1) // 2] *= 2
    return smooth(np.unwrap(np.angle(np.fft.ifft(spectrum))), 3.0)


def _ahead(recording: MotionRecording) -> Array:
    """The level direction that somebody faces: `(3,)`, or in 2-D `(2,)` to the right or to the left."""
    seen = _seen(recording)
    if recording.flat:
        return np.array([looks_right(seen), 0.0])
    left = np.nanmedian(seen["left_hip"] - seen["right_hip"], axis=0)
    ahead = np.array([left[1], -left[0], 0.0])
    return ahead / max(float(np.linalg.norm(ahead)), 1e-6)


def _seen(recording: MotionRecording) -> dict[str, Array]:
    """Joints by name without gaps."""
    return clean(recording.replace(jitter=0.0), recording.fps).points()
