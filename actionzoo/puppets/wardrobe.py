"""What figures wear, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from actionzoo.puppets.geometry import Array
from actionzoo.puppets.sprites import PATTERNS, Cloth

_SHIRTS = np.array([
    (225, 225, 222), (185, 200, 225), (60, 62, 68), (28, 28, 32), (165, 35, 40), (95, 62, 44), (76, 78, 54),
    (42, 54, 90), (205, 190, 145), (108, 62, 70), (92, 108, 118), (148, 120, 112), (62, 92, 72), (185, 115, 70),
    (120, 120, 125),
])  # fmt: skip
_TROUSERS = np.array([
    (66, 80, 108), (44, 52, 74), (90, 105, 132), (35, 35, 40), (120, 112, 94), (90, 88, 85), (70, 61, 52),
    (148, 139, 117),
])  # fmt: skip
_SKINS = np.array([(224, 182, 152), (205, 158, 125), (176, 126, 94), (133, 90, 64), (95, 64, 48), (236, 200, 176)])
_HAIRS = np.array([(25, 22, 20), (35, 28, 24), (60, 42, 30), (95, 70, 45), (140, 115, 80), (110, 108, 106)])
_SHOES = np.array([(30, 28, 28), (60, 45, 35), (200, 200, 200), (110, 105, 100)])


@dataclass(frozen=True)
class Outfit:
    """What one figure wears; colours are RGB 0..255, lengths metres.

    Attributes:
        skin: colour.
        hair: colour.
        shirt: cloth.
        trousers: cloth.
        shoes: colour.
        sleeve: where sleeves end, as a share of the upper arm; above 1 they are long.
        hem: how far the shirt hangs below the waist.
        wide: how wide the trousers are.
        long_hair: whether it falls on the neck.
        cap: whether there is a cap on it.
    """

    skin: Array
    hair: Array
    shirt: Cloth
    trousers: Cloth
    shoes: Array
    sleeve: float
    hem: float
    wide: float
    long_hair: bool
    cap: bool


def dress(rng: np.random.Generator) -> Outfit:
    """Draw what one figure wears."""

    def pick(colours: Array, spread: float) -> Array:
        colour = colours[rng.integers(len(colours))] + rng.normal(0.0, 0.35 * spread, 3) + rng.normal(0.0, spread)
        return np.clip(colour, 8, 245)

    shirt, trousers = pick(_SHIRTS, 14.0), pick(_TROUSERS, 12.0)
    contrast = rng.uniform(25, 110) * (1.0 if shirt.mean() < 120 else -1.0)
    accent = np.clip(shirt + contrast + rng.normal(0.0, 8.0, 3), 8, 245)
    pattern = str(rng.choice(PATTERNS, p=[0.42, 0.22, 0.12, 0.12, 0.12]))
    return Outfit(
        skin=pick(_SKINS, 6.0),
        hair=pick(_HAIRS, 5.0),
        shirt=Cloth(shirt, accent, pattern, rng.uniform(0.05, 0.14)),
        trousers=Cloth(trousers, 0.8 * trousers, "panel" if rng.random() < 0.15 else "plain"),
        shoes=pick(_SHOES, 10.0),
        sleeve=float(rng.choice([0.55, 0.8, 2.0], p=[0.3, 0.08, 0.62])),
        hem=rng.uniform(0.02, 0.16),
        wide=rng.uniform(0.92, 1.22),
        long_hair=bool(rng.random() < 0.25),
        cap=bool(rng.random() < 0.18),
    )


def shade(cloth: Cloth, factor: float) -> Cloth:
    """The same cloth in less light."""
    return replace(cloth, base=cloth.base * factor, accent=cloth.accent * factor)
