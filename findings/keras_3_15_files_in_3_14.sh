#!/usr/bin/env bash
# Keras 3.15.0 writes `input_axes` into the configuration of variance-scaling initializers (he_normal, glorot_uniform,
# which is the default of Dense and convolutions); Keras 3.14.0 does not load such a `.keras` file, though no weight of
# it needs an initializer: "... got an unexpected keyword argument 'input_axes'". A zoo whose files were saved by 3.15
# cannot allow 3.14.
# Guess before: a minor release's file of stock layers loads in the minor release before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export KERAS_BACKEND=jax
for version in 3.15.0 3.14.0; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install --quiet --disable-pip-version-check "keras==$version" numpy==2.4.6 jax==0.10.2
done
venv-3.15.0/bin/python - <<'PYTHON'
import keras

model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2)])
model.save("model.keras")
keras.saving.load_model("model.keras")
print("Keras", keras.__version__, "writes and reads the file")
PYTHON
venv-3.14.0/bin/python - <<'PYTHON'
import re

import keras

try:
    keras.saving.load_model("model.keras")
except Exception as error:
    said = str(error)
else:
    said = ""
found = re.search(r"\w+\.__init__\(\) got an unexpected keyword argument 'input_axes'", said)
print("Keras", keras.__version__, "says:", found and found[0])
assert found
PYTHON
