"""The input of a model: its classes, the format of its videos, and its clips.

Prediction, training, evaluation and visualisation share this description. It is stored inside the `.keras` file
(`actionzoo.hub.keras_file`).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields

from actionzoo.video.resize import input_size, short_size
from actionzoo.video.sampling import ClipSpec

DEFAULT_FPS = 15.0
DEFAULT_SIDE = 224
DEFAULT_FRAMES = 5
DEFAULT_STACK = 10
DEFAULT_FLOW = "dis"

ALIKE = tuple(map(frozenset, (("tvl1", "tvl1-opencv"), ("dis", "dis-medium"), ("dis-fine", "dis-fine-fast"))))
"""Flow methods that a network takes for each other: one algorithm under several names, in several implementations, or
at several settings, after which a network is as right (`benchmarks.flow_choice`)."""


LATER = ("known", "crop_to_motion")
"""Fields of an `InputSpec` that the first versions did not have."""


@dataclass(frozen=True)
class VideoFormat:
    """The size and frame rate at which decoded videos are kept, and the flow computed from them.

    Attributes:
        height: in pixels; with `resize="short"`, the length of the short side.
        width: in pixels.
        fps: frames per second to keep; a slower video keeps all its frames.
        flow: a name of `actionzoo.video.flow.METHODS`.
        resize: `"fit"` or `"stretch"` (`actionzoo.video.resize`), or `"short"`: the short side becomes `height`, as in
            the papers, and the model's input is cropped from that.
    """

    height: int
    width: int
    fps: float
    flow: str
    resize: str = "fit"

    def size(self, original: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) to which a frame of `original` (height, width) is scaled.

        >>> VideoFormat(256, 256, 25, "tvl1", "short").size((240, 320))
        (256, 340)
        """
        if self.resize == "short":
            return short_size(original, self.height)
        return input_size(original, (self.height, self.width), self.resize)

    def __str__(self) -> str:
        """The format in words, for messages.

        >>> str(VideoFormat(112, 144, 15, "dis-fine"))
        '112x144 pixels (fit) with dis-fine flow'
        """
        size = f"{self.height}" if self.resize == "short" else f"{self.height}x{self.width}"
        return f"{size} pixels ({self.resize}) with {self.flow} flow"


@dataclass(frozen=True)
class InputSpec:
    """The input of a model: what its classes are called, the format of its videos and the frames of its clips.

    Attributes:
        classes: labels by class index; empty if they are unknown, and then the indices serve as labels.
        height: of a frame, in pixels.
        width: of a frame, in pixels.
        fps: frames per second that are sampled from a video.
        num_frames: frames per clip, T.
        stride: frames from one of the T to the next, tau.
        stack_length: flow fields per flow stack, L.
        flow: a name of `actionzoo.video.flow.METHODS`, computed at `height` x `width`; `None` if the method that the
            model was trained with is unknown.
        resize: a rule of `actionzoo.video.resize`, `"fit"` or `"stretch"`.
        mirror: whether predictions are averaged with those of the mirrored clip.
        crop_to_motion: whether each clip is cropped to where it moves (`actionzoo.video.motion_crop`).
        known: how familiar videos of these classes look that the model has not learned from, from 0 to 1, ascending
            (`actionzoo.inference.familiarity`); empty if the model cannot tell what is none of its classes.

    Raises:
        ValueError: a value is of the wrong type or out of range.

    >>> InputSpec(("push", "hug"), height=112, width=112).span
    31
    """

    classes: tuple[str, ...]
    height: int = DEFAULT_SIDE
    width: int = DEFAULT_SIDE
    fps: float = DEFAULT_FPS
    num_frames: int = DEFAULT_FRAMES
    stride: int = 5
    stack_length: int = DEFAULT_STACK
    flow: str | None = DEFAULT_FLOW
    resize: str = "fit"
    mirror: bool = False
    crop_to_motion: bool = False
    known: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.resize not in ("fit", "stretch"):
            raise ValueError(f"resize is 'fit' or 'stretch', not {self.resize!r}")
        for name in ("height", "width", "num_frames", "stride", "stack_length"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096:
                raise ValueError(f"{name} is a whole number from 1 to 4096, not {value!r}")
        if isinstance(self.fps, bool) or not isinstance(self.fps, int | float) or not 0 < self.fps <= 1000:
            raise ValueError(f"fps is above 0 and at most 1000, not {self.fps!r}")
        if not isinstance(self.flow, str | None) or not isinstance(self.mirror, bool):
            raise ValueError("flow is a name and mirror is true or false")
        if not isinstance(self.crop_to_motion, bool):
            raise ValueError("crop_to_motion is true or false")
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError("classes are names")
        _check_known(self.known)

    @property
    def video_format(self) -> VideoFormat:
        """The format to which videos are converted before clips are cut from them.

        >>> InputSpec(("push", "hug"), height=112, width=144, flow="dis-fine").video_format
        VideoFormat(height=112, width=144, fps=15.0, flow='dis-fine', resize='fit')
        """
        return VideoFormat(self.height, self.width, self.fps, self.flow or DEFAULT_FLOW, self.resize)

    @property
    def clip(self) -> ClipSpec:
        """The frames and flow fields of one clip."""
        return ClipSpec(self.num_frames, self.stride, self.stack_length)

    @property
    def span(self) -> int:
        """Frames from the first to the last that a clip needs, see `ClipSpec.span`."""
        return self.clip.span

    def label(self, index: int) -> str:
        """The label of a class index; the index itself where labels are unknown."""
        return self.classes[index] if index < len(self.classes) else str(index)

    def takes_flow(self, method: str) -> bool:
        """Whether the model was trained with flow of that method, as far as is known.

        >>> InputSpec((), flow="tvl1").takes_flow("tvl1-opencv"), InputSpec((), flow="tvl1").takes_flow("dis")
        (True, False)
        """
        return self.flow in (None, method) or any({self.flow, method} <= names for names in ALIKE)

    def to_json(self) -> str:
        """The spec as a JSON object, without what older versions did not write where that says nothing."""
        values = {name: value for name, value in asdict(self).items() if name not in LATER or value}
        return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> InputSpec:
        """The spec that `to_json` wrote; unknown fields, of later versions, are ignored.

        Raises:
            ValueError: the text is not such a spec.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or not isinstance(values.get("classes"), list):
            raise ValueError("no list of classes")
        if not isinstance(values.setdefault("known", []), list):
            raise ValueError("known is a list of numbers")
        names = {field.name for field in fields(cls)}
        lists = {name: tuple(values[name]) for name in ("classes", "known")}
        return cls(**{name: value for name, value in values.items() if name in names} | lists)


def _check_known(known: tuple[float, ...]) -> None:
    """Raises ValueError for what `InputSpec.known` cannot be."""
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        raise ValueError("known are numbers")
    if not all(math.isfinite(value) and 0 <= value <= 1 for value in known) or list(known) != sorted(known):
        raise ValueError("known are numbers from 0 to 1, ascending")
