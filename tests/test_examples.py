"""The example clip is what its README says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionzoo.puppets import write_dataset
from actionzoo.video.reader import read_frames


def test_the_clip_is_rendered_by_our_own_command(clip: Path, tmp_path: Path) -> None:
    """The same picture for picture; bytes may differ between versions of the encoder."""
    again = write_dataset(tmp_path, 2, 7, actions=["handshake"], workers=1)[1]
    shown, rendered = list(read_frames(clip)), list(read_frames(again))
    assert len(shown) == len(rendered)
    for one, other in zip(shown, rendered, strict=True):
        error = one.image.astype(np.float32) - other.image
        assert np.square(error).mean() < 4.0
