"""Peak memory of reading a long video against a short one.

    python -m benchmarks.memory
    python -m benchmarks.memory --minutes 1 10 --stages decode flow

Makes a video of one minute and one of an hour (the same packets repeated), runs each stage over both in a process of
its own, and prints the peak memory of the process. An hour must not take more than a minute, and nothing more than 700
MB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_MB = 700
GROWTH_MB = 50
SIZE, FPS, SECONDS = (256, 340), 30, 60


def main() -> int:
    """Print the table; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, nargs=2, default=(1, 60), metavar=("SHORT", "LONG"))
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--run", nargs=2, metavar=("STAGE", "VIDEO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        return run(*arguments.run)
    short, long = arguments.minutes
    with tempfile.TemporaryDirectory() as folder:
        videos = {minutes: Path(folder) / f"{minutes}.mp4" for minutes in (short, long)}
        make_minute(minute := Path(folder) / "minute.mp4")
        for minutes, path in videos.items():
            repeat(minute, path, minutes)
        print(f"{SIZE[1]}x{SIZE[0]}, {FPS} frames a second; peak memory (MB) and time (s)")
        print(f"{'':10} {f'{short} min':>16} {f'{long} min':>16} {'growth':>8}")
        good = True
        for stage in arguments.stages:
            (short_mb, short_s), (long_mb, long_s) = (measure(stage, path) for path in videos.values())
            growth = long_mb - short_mb
            good &= growth <= GROWTH_MB and long_mb <= LIMIT_MB
            print(
                f"{stage:10} {short_mb:7.0f} {short_s:6.1f} s {long_mb:7.0f} {long_s:6.1f} s {growth:+8.0f}", flush=True
            )
    print(f"{'within' if good else 'BEYOND'} the limits: {LIMIT_MB} MB in all, {GROWTH_MB} MB of growth")
    return 0 if good else 1


def measure(stage: str, video: Path) -> tuple[float, float]:
    """Peak memory in MB and seconds of a process that runs one stage over a video."""
    begun = time.perf_counter()
    command = [sys.executable, __file__, "--run", stage, str(video)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout), time.perf_counter() - begun


def run(stage: str, video: str) -> int:
    """Run one stage and print this process's peak memory."""
    import resource

    STAGES[stage](video)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1e6 if sys.platform == "darwin" else 1e3))
    return 0


def decode(video: str) -> None:
    """Decode every frame and convert it to RGB."""
    from actionzoo.video.reader import read_frames

    for _ in read_frames(video):
        pass


def flow(video: str) -> None:
    """Decode 15 frames a second at the size of a small model's input, and compute their flow."""
    from actionzoo.video.flow import flow_stream
    from actionzoo.video.reader import read_frames

    for _ in flow_stream(read_frames(video, fps=15, size=(112, 149))):
        pass


def predict(video: str) -> None:
    """Answer for every ten seconds, with the embedded model."""
    import actionzoo

    actionzoo.predict(video, window=10, step=10)


STAGES = {"decode": decode, "flow": flow, "predict": predict}


def make_minute(path: Path) -> None:
    """A minute of a textured picture that drifts, with some noise."""
    import numpy as np

    from actionzoo.video.writer import VideoWriter

    rng = np.random.default_rng(0)
    height, width = SIZE
    coarse = rng.integers(0, 256, (height // 4 + 64, width // 4 + 64, 3), dtype=np.uint8)
    picture = coarse.repeat(4, 0).repeat(4, 1)
    with VideoWriter(path, FPS, SIZE) as video:
        for index in range(FPS * SECONDS):
            down, right = (round(60 + 60 * np.sin(index / period)) for period in (40, 27))
            image = picture[down : down + height, right : right + width].copy()
            image[:32, :32] = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            video.write(image)


def repeat(minute: Path, path: Path, times: int) -> None:
    """The packets of a video, `times` times in a row, without coding them again."""
    import av

    with av.open(str(path), "w") as out:
        copy = None
        for turn in range(times):
            with av.open(str(minute)) as source:
                stream = source.streams.video[0]
                copy = copy or out.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is None:
                        continue
                    offset = turn * round(SECONDS / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, copy
                    out.mux(packet)


if __name__ == "__main__":
    sys.exit(main())
