"""What a report says in words: of a confused pair, and of shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from actionzoo.evaluation.metrics import percent
from actionzoo.evaluation.pairs import Pair
from actionzoo.evaluation.shortcuts import Shortcut
from actionzoo.names import STREAMS

CLEAR = 0.1
"""A difference of separations that is worth a word."""

TELLING = 0.8
"""A separation that is worth a word by itself."""

NAMES = {
    "answer": "both streams",
    "appearance": "appearance alone",
    "motion": "motion alone",
    "background": "background",
    "shape": "shape of the frame",
}


def separations(pair: Pair) -> list[tuple[str, float]]:
    """What separates a pair how well: a title for each of its scores, and the area under the ROC curve."""
    names = [name for name in NAMES if name in pair.separation]
    return [(NAMES[name] if len(names) > 1 else "the network", pair.separation[name]) for name in names]


def pair_sentences(pair: Pair, classes: Sequence[str]) -> list[str]:
    """What was confused how often, which stream separates the two, and what else would."""
    first, second = classes[pair.first], classes[pair.second]
    sentences = [
        f"{count} of {of} videos of {name} {'was' if count == 1 else 'were'} mistaken for {other}."
        for count, of, name, other in zip(pair.taken, pair.videos, (first, second), (second, first), strict=True)
        if count
    ]
    return [" ".join(sentences), *_of_streams(pair), *_of_controls(pair), *_of_speed(pair, first, second)]


def _of_streams(pair: Pair) -> list[str]:
    if not all(name in pair.separation for name in STREAMS):
        return []
    appearance, motion = (pair.separation[name] for name in STREAMS)
    numbers = f"(motion {percent(motion)} %, appearance {percent(appearance)} %)"
    if abs(motion - appearance) < CLEAR:
        return [f"Both streams separate them about as well {numbers}."]
    return [f"The {'motion' if motion > appearance else 'appearance'} stream separates them better {numbers}."]


def _of_controls(pair: Pair) -> list[str]:
    background = pair.separation.get("background", 0.0)
    if background < TELLING:
        return []
    return [f"The background separates them, too ({percent(background)} %): places or poses differ, not only motion."]


def _of_speed(pair: Pair, first: str, second: str) -> list[str]:
    area = pair.separation.get("speed", 0.5)
    if max(area, 1 - area) < TELLING:
        return []
    faster, slower = (first, second) if area > 0.5 else (second, first)
    more, less = sorted(pair.medians["speed"], reverse=True)
    medians = f"{more:.1f} and {less:.1f} thousandths of the frame's height a frame step (medians)"
    return [f"{faster} moves more than {slower}: {medians}. That alone separates {percent(max(area, 1 - area))} %."]


def shortcut_sentence(shortcut: Shortcut) -> str:
    """What a class can be told by, with both shares."""
    shares = f"{percent(shortcut.hits)} % of its videos and {percent(shortcut.others)} % of the others"
    answered = {
        "appearance": "The appearance stream identifies it, better than the motion stream: it gives this answer for",
        "background": "The background alone identifies it: without motion, the network gives this answer for",
        "shape": "The shape of the frame alone identifies it: the network gives this answer for an empty frame of",
    }
    if shortcut.sign in answered:
        return f"{answered[shortcut.sign]} {shares}."
    limit, above = shortcut.limit or 0.0, shortcut.above
    word, meant = {
        "aspect": ("shape", f"are {'wider' if above else 'not wider'} than {limit:.2f} times their height"),
        "frames": ("length", f"have {'more than' if above else 'at most'} {limit:.0f} frames"),
        "brightness": ("brightness", f"are {'brighter' if above else 'not brighter'} than {limit:.0f} of 255"),
    }[shortcut.sign]
    return f"The {word} of the video identifies it, whatever the network does: {shares} {meant}."
