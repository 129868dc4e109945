#!/usr/bin/env bash
# OpenCV 5.0.0: cv2.blur of single-precision values that are all zero or more, 30 % of a small picture between 1e-16 and
# 1e4, has results below zero (-8e-14), where nothing is. Its running sums take off again what they added, and rounding
# leaves a little over. A root of it, as for the local strength or the local variance of flow, is then NaN. The same
# means by explicit shifts are never below zero.
# Guess before: a mean of values that are not negative is not negative.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np

rng = np.random.default_rng(0)
speed = (10.0 ** rng.uniform(-8, 2, (28, 36)) * (rng.random((28, 36)) < 0.3)).astype(np.float32)
energy = speed**2
blurred = cv2.blur(energy, (3, 3))
edged = np.pad(energy, 1, mode="reflect")
shifted = sum(edged[y : y + 28, x : x + 36] for y in range(3) for x in range(3)) / 9
print(f"OpenCV {cv2.__version__}: least before {energy.min()}, after {blurred.min()}, by shifts {shifted.min()}")
with np.errstate(invalid="ignore"):
    print(f"roots that are not a number: {np.isnan(np.sqrt(blurred)).sum()}")
assert energy.min() >= 0
assert shifted.min() >= 0
assert blurred.min() < 0
np.testing.assert_allclose(blurred, shifted, rtol=1e-4, atol=1e-9)
PYTHON
