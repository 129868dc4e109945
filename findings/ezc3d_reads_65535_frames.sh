#!/usr/bin/env bash
# ezc3d 1.7.2 writes a C3D recording of 70,000 frames whole (the file holds them, and TRIAL:ACTUAL_END_FIELD says how
# many) and reads 65,535 of them: without a word the last 4,465 are gone, 19 seconds at 240 frames a second. The frame
# numbers of the file's first block have 16 bits; the format's answer to that is the parameter, which ezc3d keeps but
# does not follow.
# Guess before: what ezc3d writes it reads, or it refuses to write it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ezc3d==1.7.2 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import os
from importlib import metadata

import ezc3d
import numpy as np

FRAMES = 70_000
file = ezc3d.c3d()
file["parameters"]["POINT"]["RATE"]["value"] = [240.0]
file["parameters"]["POINT"]["LABELS"]["value"] = ("LKNE",)
file.add_parameter("TRIAL", "ACTUAL_START_FIELD", [1, 0])
file.add_parameter("TRIAL", "ACTUAL_END_FIELD", [FRAMES % 65536, FRAMES // 65536])
points = np.ones((4, 1, FRAMES))
points[0, 0] = np.arange(FRAMES)
file["data"]["points"] = points
file.write("long.c3d")
size, found = os.path.getsize("long.c3d"), ezc3d.c3d("long.c3d")
low, high = found["parameters"]["TRIAL"]["ACTUAL_END_FIELD"]["value"]
read = found["data"]["points"].shape[2]
print(f"ezc3d {metadata.version('ezc3d')}: {size} bytes for {16 * FRAMES} of frames")
print(f"ACTUAL_END_FIELD says {low + 65536 * high:.0f}, read are {read}; the last is number {found['data']['points'][0, 0, -1]:.0f}")
assert size >= 16 * FRAMES
assert low + 65536 * high == FRAMES
assert read == 65535
PYTHON
