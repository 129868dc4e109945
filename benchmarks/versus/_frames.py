"""Frames of the benchmarks' clips in a file, so that both builds see the same.

    python -m benchmarks.versus._frames OUT.npz --size 112 144 [--data FOLDER] [--pairs 8]

Writes `runs`, `(clips, pairs+1, height, width)`, consecutive frames, and `pairs`, `(clips, pairs, 2, height, width)`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks._clips import clip_paths, real_clip


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description="Frames of the benchmarks' clips.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, nargs=2, required=True, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pairs", type=int, default=8)
    given = parser.parse_args()
    clips = [real_clip(name, path, given.pairs, tuple(given.size)) for name, path in clip_paths(given.data).items()]
    np.savez(given.out, runs=np.stack([clip.run for clip in clips]), pairs=np.stack([clip.pairs for clip in clips]))


if __name__ == "__main__":
    main()
