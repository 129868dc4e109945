"""What a report says in words: of a confused pair, and of what gives a class away."""

from __future__ import annotations

from collections.abc import Sequence

from actionzoo.evaluation.pairs import Pair
from actionzoo.evaluation.scores import STREAMS
from actionzoo.evaluation.shortcuts import Shortcut

CLEAR = 0.1
"""A difference of separations that is worth a word."""

TELLING = 0.8
"""A separation that is worth a word by itself."""

NAMES = {
    "answer": "both streams",
    "appearance": "appearance alone",
    "motion": "motion alone",
    "background": "the background",
    "shape": "the shape of the picture",
}


def pair_sentences(pair: Pair, classes: Sequence[str]) -> list[str]:
    """What was confused how often, which stream tells the two apart, and what else would."""
    first, second = classes[pair.first], classes[pair.second]
    sentences = [
        f"{count} of {of} videos of {name} {'was' if count == 1 else 'were'} taken for {other}."
        for count, of, name, other in zip(pair.taken, pair.videos, (first, second), (second, first), strict=True)
        if count
    ]
    return [" ".join(sentences), *_of_streams(pair), *_of_controls(pair), *_of_speed(pair, first, second)]


def _of_streams(pair: Pair) -> list[str]:
    if not all(name in pair.separation for name in STREAMS):
        return []
    appearance, motion = (pair.separation[name] for name in STREAMS)
    numbers = f"(motion tells {percent(motion)} % of pairs of videos apart, appearance {percent(appearance)} %)"
    if abs(motion - appearance) < CLEAR:
        return [f"Neither stream separates them better than the other {numbers}."]
    better, other = ("motion", "appearance") if motion > appearance else ("appearance", "motion")
    return [f"The {better} stream separates them, the {other} stream less {numbers}."]


def _of_controls(pair: Pair) -> list[str]:
    background = pair.separation.get("background", 0.0)
    if background < TELLING:
        return []
    return [
        f"What stands still tells {percent(background)} % of them apart: places or poses differ, not only the motion."
    ]


def _of_speed(pair: Pair, first: str, second: str) -> list[str]:
    area = pair.separation.get("speed", 0.5)
    if max(area, 1 - area) < TELLING:
        return []
    faster, slower = (first, second) if area > 0.5 else (second, first)
    more, less = sorted(pair.medians["speed"], reverse=True)
    numbers = f"{more:.1f} against {less:.1f} thousandths of the picture's height a frame step (medians)"
    alone = f"and that alone tells {percent(max(area, 1 - area))} % apart"
    return [f"{faster} moves more than {slower}: {numbers}, {alone}."]


def shortcut_sentence(shortcut: Shortcut) -> str:
    """What gives a class away, with both shares."""
    shares = f"{percent(shortcut.hits)} % of its videos, {percent(shortcut.others)} % of the others"
    if shortcut.sign == "appearance":
        return f"The appearance stream alone decides it, better than motion: it names it for {shares}."
    if shortcut.sign == "background":
        return f"What stands still decides it: the network names it for the background, without motion, of {shares}."
    if shortcut.sign == "shape":
        return f"The shape of the picture alone decides it: the network names it for an empty picture of {shares}."
    limit = shortcut.limit or 0.0
    meant = {
        "aspect": f"are {'wider' if shortcut.above else 'not wider'} than {limit:.2f} of their height",
        "frames": f"have {'more than' if shortcut.above else 'at most'} {limit:.0f} frames",
        "brightness": f"are {'brighter' if shortcut.above else 'not brighter'} than {limit:.0f} of 255",
    }[shortcut.sign]
    word = {"aspect": "shape", "frames": "length", "brightness": "brightness"}[shortcut.sign]
    return f"The {word} of the video gives it away, whatever the network does: {shares} {meant}."


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent, without more digits than it deserves.

    >>> percent(0.953), percent(1.0), percent(None)
    ('95.3', '100', '-')
    """
    return "-" if share is None else f"{100 * share:.1f}".removesuffix(".0")
