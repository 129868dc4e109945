#!/usr/bin/env bash
# PyAV 18.1.0 and 19.0.2: an MPEG-TS file that is padded with zeros (recorders that allocate ahead leave them) does not
# end: `demux` and `decode` raise BlockingIOError, "Resource temporarily unavailable", from a plain file, and the last
# 3 of 30 pictures are lost. FFmpeg gives EAGAIN where it finds no packet within its search distance; its own tool asks
# again, PyAV's generator is over.
# Guess before: the padding is skipped, 30 pictures.
# What helps: call `demux` again until it ends; every call searches further.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import av
import numpy as np

with av.open("clip.ts", "w", format="mpegts") as out:
    stream = out.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    rng = np.random.default_rng(0)
    for _ in range(30):
        out.mux(stream.encode(av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))))
    out.mux(stream.encode(None))
with open("clip.ts", "ab") as file:
    file.write(bytes(300_000))


def once():
    count = 0
    try:
        with av.open("clip.ts") as container:
            for _ in container.decode(video=0):
                count += 1
    except BlockingIOError:
        return count, "BlockingIOError"
    return count, "end"


def again():
    count = 0
    with av.open("clip.ts") as container:
        while True:
            try:
                for packet in container.demux(video=0):
                    count += len(packet.decode())
                return count
            except BlockingIOError:
                continue


print(f"av {av.__version__}: once {once()}, asked again {again()}")
assert once() == (27, "BlockingIOError")
assert again() == 30
PYTHON
