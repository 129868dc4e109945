"""The two protocols by which a network is tested: what it is shown of a video, and how its scores are averaged.

"papers": 25 frames spread over the video as one clip, and its mirror image; the whole frame, fully convolutional, with
its short side at 256/224 of the model's; scores averaged over frames, places and the two images (ST-ResNet, NIPS'16,
section 4; so for ST-MulNet and T-ResNet). The networks average their frames, places and towers as logits themselves.

"windows": the clips that `actionzoo predict` sees: of the model's own length and stride, overlapping by half, over the
whole video; their logits averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actionzoo.data.decoded import DecodedVideo
from actionzoo.errors import ModelError
from actionzoo.inference import clips as inference_clips
from actionzoo.inference.clips import clips_of, fitted
from actionzoo.video.sampling import flip, gather_clip, spread_centres
from actionzoo.video.sampling import views as ten_views
from actionzoo.video.spec import InputSpec

if TYPE_CHECKING:
    import keras

PROTOCOLS = ("auto", "papers", "windows")
AVERAGES = ("logits", "softmax")
VIEWS = (1, 2, 10)
PAPERS_FRAMES = 25
WHOLE_FRAME = 256 / 224
"""The short side of a whole frame in the papers' protocol, as a multiple of the side of the training crops."""

Clip = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Appearance `(time, height, width, 3)` and motion `(time, height, width, 2*L)`."""


class Protocol:
    """How a model is tested.

    Args:
        spec: the model's input spec.
        protocol: "papers", "windows", or "auto": windows for models that see whole frames in training (`resize` "fit"),
            the papers' protocol for others.
        num_frames: of the papers' clip.
        views: of each clip: 1 is the clip, 2 also its mirror image, 10 the corners and the centre of whole frames and
            their mirror images (NIPS'14); by default 2 for the papers' protocol, and else what the spec says.
        average: "logits" or "softmax", over clips and views.

    Raises:
        ValueError: an unknown protocol, average or number of views, or ten views of a model that sees whole frames.

    >>> how = Protocol(InputSpec(("push", "hug"), resize="stretch"))
    >>> how.name, how.views, how.video_format.size((240, 320))
    ('papers', 2, (256, 340))
    """

    def __init__(
        self,
        spec: InputSpec,
        protocol: str = "auto",
        *,
        num_frames: int = PAPERS_FRAMES,
        views: int | None = None,
        average: str = "logits",
    ) -> None:
        if protocol not in PROTOCOLS or average not in AVERAGES or views not in (None, *VIEWS):
            raise ValueError(
                f"a protocol is one of {', '.join(PROTOCOLS)}, averages logits or softmax over {VIEWS} views. "
                f"Received: {protocol}, {average}, {views}"
            )
        self.name = ("windows" if spec.resize == "fit" else "papers") if protocol == "auto" else protocol
        self.spec, self.num_frames, self.average = spec, num_frames, average
        self.video_format = spec.video_format
        if self.name == "papers" and spec.resize != "fit":
            side = round(min(spec.height, spec.width) * WHOLE_FRAME)
            self.video_format = replace(self.video_format, height=side, width=side, resize="short")
        self.views = views or (2 if self.name == "papers" or spec.mirror else 1)
        if self.views == 10 and self.video_format.resize != "short":
            raise ValueError(
                "ten views are cut out of frames that are larger than the model's input: only in the papers' protocol, "
                'and only for models whose resize is not "fit"'
            )

    def network(self, model: keras.Model) -> keras.Model:
        """The network for this protocol, with the scores of its streams; `model` is left as it is.

        Raises:
            ModelError: the papers' clip is too short for it.
        """
        from actionzoo.models.dense import fully_convolutional
        from actionzoo.models.graph import with_towers
        from actionzoo.models.temporal import TemporalPooling

        shortest = max((layer.window for layer in model.layers if isinstance(layer, TemporalPooling)), default=1)
        if self.name == "papers" and self.num_frames < shortest:
            raise ModelError(
                f"the network pools over {shortest} frames, a clip has {self.num_frames}; give --frames {shortest}"
            )
        return with_towers(fully_convolutional(model) if self.name == "papers" else model)

    def clips(self, decoded: DecodedVideo) -> Iterator[Clip]:
        """What the network is shown of a video, all views of each clip."""
        size = self.spec.height, self.spec.width
        windows = ((clip.appearance, clip.motion) for clip in clips_of(decoded, self.spec))
        for clip in [self._papers_clip(decoded)] if self.name == "papers" else windows:
            if self.views == 10:
                yield from ten_views(*clip, size)
            else:
                yield clip
                yield from [flip(*clip)] * (self.views == 2)

    def _papers_clip(self, decoded: DecodedVideo) -> Clip:
        """One clip of the whole video, padded where an upright video is narrower than the model's input."""
        length = self.spec.stack_length
        centres = spread_centres(len(decoded.frames), self.num_frames, length)
        gathered = gather_clip(decoded.frames, decoded.flow, centres, length)
        clip = fitted(inference_clips.Clip(0, *gathered), self.spec)
        return clip.appearance, clip.motion
