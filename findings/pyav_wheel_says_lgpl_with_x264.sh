#!/usr/bin/env bash
# PyAV 18.1.0 (Linux wheel): its FFmpeg says of itself "LGPL version 3 or later", and the wheel declares BSD-3-Clause and
# holds no other licence's text; it brings libx264 and libx265, which are GPL-2.0-or-later, and encodes with both. Who ships
# an application with this wheel in it and asks the library for its licence learns the wrong one.
# Guess before: an FFmpeg with x264 says GPL, as its configure script refuses x264 without --enable-gpl.
# What helps: see for yourself which libraries a wheel holds; encode with libvpx or mpeg4 where the GPL does not do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -m av --version > version.txt
"$folder/venv/bin/python" - <<'PYTHON'
from importlib import metadata

import av
import numpy as np

wheel = metadata.distribution("av")
files = [str(file) for file in wheel.files]
held = sorted({name for name in ("libx264", "libx265") if any(f"/{name}-" in file for file in files)})
licences = [file for file in files if "licenses/LICENSE" in file or "COPYING" in file]
said = sorted({line.split(":", 1)[1].strip() for line in open("version.txt") if "library license:" in line})
written = []
for codec in ("libx264", "libx265"):
    with av.open(f"{codec}.mp4", "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        out.mux(stream.encode(None))
    with av.open(f"{codec}.mp4") as back:
        written.append(back.streams.video[0].codec_context.name)
print(f"av {av.__version__}: declares {wheel.metadata['License-Expression']}, texts {licences}, FFmpeg says {said}; holds {held}, writes {written}")
assert wheel.metadata["License-Expression"] == "BSD-3-Clause" and len(licences) == 1
assert said == ["LGPL version 3 or later"]
assert held == ["libx264", "libx265"] and written == ["h264", "hevc"]
PYTHON
