#!/usr/bin/env bash
# PyAV 18.1.0: frames that come out of `stream.decode(None)`, the documented way to empty a decoder, have no time base, and
# their `.time` is nan; those of the packets before have theirs. A clip read by packets ends in pictures without a time.
# Guess before: flushed frames are like all others. In 19.0.2 they are.
# What helps: decode the empty packet that `demux` gives at the end instead, or set its stream and time base yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import math

import av
import numpy as np

with av.open("clip.mp4", "w") as out:
    stream = out.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    rng = np.random.default_rng(0)
    for _ in range(30):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))))
    out.mux(stream.encode(None))

with av.open("clip.mp4") as container:
    stream = container.streams.video[0]
    times = [frame.time for packet in container.demux(stream) if packet.size for frame in stream.decode(packet)]
    flushed = [frame.time for frame in stream.decode(None)]
with av.open("clip.mp4") as container:
    all_times = [frame.time for packet in container.demux(video=0) for frame in packet.decode()]
print(f"av {av.__version__}: {len(times)} frames with a time, flushed: {flushed}; by the empty packet: {all_times[-2:]}")
assert len(times) == 28 and not any(map(math.isnan, times))
assert len(flushed) == 2 and all(map(math.isnan, flushed))
assert len(all_times) == 30 and not any(map(math.isnan, all_times))
PYTHON
