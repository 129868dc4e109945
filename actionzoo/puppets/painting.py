"""From sprites to pictures: each frame is painted from far to near, and its flow with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.puppets.geometry import Array
from actionzoo.puppets.sprites import Image, Sprite, affine_flow


def paint_all(
    canvas: Image,
    margin: tuple[int, int],
    sprites: list[Sprite],
    motion: Array,
    size: tuple[int, int],
    exposure: float,
    with_flow: bool,
) -> tuple[Image, NDArray[np.float32] | None]:
    """Paint every frame, and its flow if asked: the background, then the sprites from far to near.

    The still picture begins at the row and column `margin` of the canvas, which is mirrored where it ends.
    """
    frames, (rows, columns) = len(motion), size
    out = np.empty((frames, rows, columns, 3), np.uint8)
    flow = np.zeros((frames - 1, rows, columns, 2), np.float32) if with_flow else None
    canvas = cv2.cvtColor(canvas, cv2.COLOR_RGB2RGBA)
    place = motion.copy()
    place[:, :, 2] -= motion[:, :, :2] @ np.array(margin[::-1], float)
    still = bool(np.all(motion == motion[0]))
    order = np.argsort(-np.stack([sprite.depth for sprite in sprites], 1), axis=1, kind="stable").tolist()
    boxes = [_boxes(sprite, size, exposure) for sprite in sprites]
    picture = np.empty((rows, columns, 4), np.uint8)
    for k in range(frames):
        if still:
            picture[:] = canvas[margin[0] : margin[0] + rows, margin[1] : margin[1] + columns]
        else:
            cv2.warpAffine(canvas, place[k], (columns, rows), dst=picture, borderMode=cv2.BORDER_REFLECT_101)
        field = None
        if flow is not None and k < frames - 1:
            field = flow[k]
            if not still:
                field[:] = affine_flow(place[k], place[k + 1], 0, 0, columns, rows)
        for index in order[k]:
            left, top, right, bottom, fast = boxes[index][k]
            if right > left and bottom > top:
                _paint(picture, field, sprites[index], k, (left, top, right, bottom), exposure if fast else 0.0)
        cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB, dst=out[k])
    return out, flow


def _paint(
    picture: Image,
    field: NDArray[np.float32] | None,
    sprite: Sprite,
    k: int,
    box: tuple[int, int, int, int],
    exposure: float,
) -> None:
    """Lay one sprite over its box in frame `k`, smeared over the `exposure`, and its flow over the field."""
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    place = sprite.maps[k] - np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    if exposure > 0.0 and 0 < k < len(sprite.maps) - 1:
        stride = exposure / 3.0 * (sprite.maps[k + 1] - sprite.maps[k - 1]) / 2.0
        smear = np.zeros((size[1], size[0], 4), np.float32)
        for share in (-1.0, 0.0, 1.0):
            cv2.accumulate(cv2.warpAffine(sprite.image, place + share * stride, size), smear)
        patch = cv2.convertScaleAbs(smear, alpha=1.0 / 3.0)
    else:
        patch = cv2.warpAffine(sprite.image, place, size)
    region = picture[top:bottom, left:right]
    alpha = cv2.extractChannel(patch, 3)
    behind = cv2.multiply(region, cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGBA), scale=1.0 / 255.0)
    cv2.add(behind, patch, dst=region)
    if field is not None and sprite.solid:
        seen = alpha > 127
        moved = affine_flow(sprite.maps[k], sprite.maps[k + 1], left, top, *size)
        field[top:bottom, left:right][seen] = moved[seen]


def _boxes(sprite: Sprite, size: tuple[int, int], exposure: float) -> list[list[int]]:
    """The pixels that a sprite can touch in each frame: left, top, right, bottom inside the picture.

    A fifth number is 1 where it moves so fast that its smear over the `exposure` shows.
    """
    rows, columns = sprite.image.shape[:2]
    corners = np.array([[-1, -1], [columns, -1], [-1, rows], [columns, rows]], float)
    placed = np.einsum("nij,cj->nci", sprite.maps[:, :, :2], corners) + sprite.maps[:, None, :, 2]
    smear = exposure / 3.0 * np.abs(np.gradient(placed, axis=0)).max((1, 2))
    fast = smear > 0.8
    reach = np.where(fast, smear + 1.0, 0.0)[:, None]
    low, high = np.floor(placed.min(1) - reach), np.ceil(placed.max(1) + reach) + 1
    limit = np.array([size[1], size[0]])
    bounds = [np.clip(low, 0, limit), np.clip(high, 0, limit), fast[:, None]]
    boxes: list[list[int]] = np.concatenate(bounds, 1).astype(int).tolist()
    return boxes
