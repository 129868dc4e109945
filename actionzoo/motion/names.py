"""Joints of skeletons that name them freely (BVH of Mixamo, CMU, 3ds Max, Bandai Namco; virtual markers of C3D)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CENTRE = {"pelvis": ("hips", "pelvis", "root"), "neck": ("neck",), "head": ("head",)}
_LIMB = {
    "shoulder": ("arm", "upperarm", "uparm", "shoulder", "humerus"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow", "radius"),
    "wrist": ("hand", "wrist"),
    "hip": ("upleg", "upperleg", "thigh", "hip", "femur"),
    "knee": ("leg", "lowerleg", "lowleg", "shin", "calf", "knee", "tibia"),
    "ankle": ("foot", "ankle"),
    "toe": ("toebase", "toe", "toes", "toe0", "ball"),
}
_SIDED = re.compile(r"^(?:(left|right)[ _.-]*(.+)|(.+?)[ _.-]*(left|right)|([lr])[ _.-]+(.+)|(.+?)[ _.-]+([lr]))$")


def named(names: Iterable[str]) -> dict[str, str]:
    """Which of a file's names is which joint; of several that may be, the plainest (an arm before a shoulder).

    >>> named(["Hips", "mixamorig:LeftShoulder", "mixamorig:LeftArm", "Shin_R", "Bip01 L Thigh", "LeftHandThumb1"])
    {'pelvis': 'Hips', 'left_shoulder': 'mixamorig:LeftArm', 'left_hip': 'Bip01 L Thigh', 'right_knee': 'Shin_R'}
    """
    found: dict[tuple[str, str], str] = {}
    for name in names:
        found.setdefault(_split(name), name)
    out = {joint: found["", word] for joint, words in _CENTRE.items() for word in words[::-1] if ("", word) in found}
    for side in ("left", "right"):
        for joint, words in _LIMB.items():
            for word in words[::-1]:
                if (side, word) in found:
                    out[f"{side}_{joint}"] = found[side, word]
    return out


def _split(name: str) -> tuple[str, str]:
    """Side and rest of a name, without the name of the whole skeleton before it.

    >>> _split("Bip01 L Thigh"), _split("mixamorig:LeftUpLeg"), _split("lefthand"), _split("Neck")
    (('left', 'thigh'), ('left', 'upleg'), ('left', 'hand'), ('', 'neck'))
    """
    plain = re.sub(r"^bip\d*[ _.-]+", "", name.split(":")[-1].strip().lower())
    match = _SIDED.match(plain)
    if match is None:
        return "", re.sub(r"[ _.-]", "", plain)
    a, rest_a, rest_b, b, c, rest_c, rest_d, d = match.groups()
    side = a or b or c or d
    rest = rest_a or rest_b or rest_c or rest_d
    return ("left" if side.startswith("l") else "right"), re.sub(r"[ _.-]", "", rest)
