"""Whether clips that are stored with pixels of 2:1 get the answers of the same pictures in square pixels.

    python -m benchmarks.pixel_aspect FOLDER --clips 36

Each clip is written twice, without loss: at half its width with a sample aspect ratio of 2:1, and as a control that is
the same half-wide pictures scaled back to square pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

import actionzoo
from actionzoo.video.files import videos_below
from actionzoo.video.reader import probe, read_frames


def write(path: Path, frames: list[np.ndarray], fps: float, aspect: int) -> None:
    """An MP4 without loss, whose pixels are `aspect` times as wide as high."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        out.mux(stream.encode(None))


def both(source: str, folder: Path) -> tuple[Path, Path]:
    """The clip in pixels of 2:1, and its control."""
    info = probe(source)
    height, half = info.height // 2 * 2, info.width // 4 * 2
    frames = [frame.image for frame in read_frames(source, size=(height, half))]
    narrow, control = folder / "narrow.mp4", folder / "control.mp4"
    write(narrow, frames, info.fps, 2)
    wide = [cv2.resize(frame, (2 * half, height), interpolation=cv2.INTER_LINEAR) for frame in frames]
    write(control, wide, info.fps, 1)
    return narrow, control


def main() -> None:
    """Print how many labels differ, and by how much scores do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--clips", type=int, default=36)
    parser.add_argument("--model", default="mini")
    arguments = parser.parse_args()
    found = videos_below(arguments.folder)
    chosen = found[:: max(1, len(found) // arguments.clips)][: arguments.clips]
    model = actionzoo.load_model(arguments.model)
    differences = []
    other = 0
    with tempfile.TemporaryDirectory() as folder:
        for source in chosen:
            narrow, control = (model.predict(path) for path in both(source, Path(folder)))
            other += narrow.label != control.label
            scores = {prediction.index: prediction.score for prediction in control.predictions}
            differences.append(max(abs(scores.get(p.index, 0.0) - p.score) for p in narrow.predictions))
    print(f"{len(chosen)} clips: {other} have another label in pixels of 2:1 than their control")
    print(f"largest difference of a score: median {np.median(differences):.3f}, most {max(differences):.3f}")


if __name__ == "__main__":
    main()
