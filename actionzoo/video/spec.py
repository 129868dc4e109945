"""What a model looks at: its classes, the format its videos are brought to, and its clips.

One description for prediction, training, evaluation and visualisation. It travels inside the `.keras` file
(`actionzoo.hub.keras_file`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from actionzoo.video.resize import input_size, short_size
from actionzoo.video.sampling import ClipSpec

DEFAULT_FPS = 15.0
DEFAULT_SIDE = 224
DEFAULT_FRAMES = 5
DEFAULT_STACK = 10
DEFAULT_FLOW = "dis"

ALIKE = (frozenset({"tvl1", "tvl1-opencv"}), frozenset({"dis", "dis-medium"}))
"""Flow methods that are one algorithm under several names, or in several hands."""


@dataclass(frozen=True)
class VideoFormat:
    """At what size and rate decoded videos are kept, and which flow they have.

    Attributes:
        height: in pixels; of the short side where `resize` is "short".
        width: in pixels.
        fps: frames a second to keep; a slower video keeps all it has.
        flow: a method of `actionzoo.video.flow`.
        resize: "fit" or "stretch" (`actionzoo.video.resize`), or "short": the short side becomes `height`, as in the
            papers, and the model's input is cut out of it.
    """

    height: int
    width: int
    fps: float
    flow: str
    resize: str = "fit"

    def size(self, original: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) that a frame of this (height, width) is scaled to.

        >>> VideoFormat(256, 256, 25, "tvl1", "short").size((240, 320))
        (256, 340)
        """
        if self.resize == "short":
            return short_size(original, self.height)
        return input_size(original, (self.height, self.width), self.resize)

    def __str__(self) -> str:
        """In words.

        >>> str(VideoFormat(112, 144, 15, "dis-fine"))
        '112x144 pixels (fit) with dis-fine flow'
        """
        size = f"{self.height}" if self.resize == "short" else f"{self.height}x{self.width}"
        return f"{size} pixels ({self.resize}) with {self.flow} flow"


@dataclass(frozen=True)
class InputSpec:
    """What a model looks at: `num_frames` (T) frames at `stride` (tau), each with `stack_length` (L) flow fields.

    Frames are taken at `fps` and brought to `height` x `width` by the `resize` rule of `actionzoo.video.resize`;
    `flow` is a method of `actionzoo.video.flow`, computed at that size, or `None` where nobody said which one the model
    was trained with. `mirror` averages the answer with that of the mirrored view. `classes` is empty where the file
    names none; they are then numbered.

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

    def __post_init__(self) -> None:
        if self.resize not in ("fit", "stretch"):
            raise ValueError(f"resize is 'fit' or 'stretch', not {self.resize!r}")
        sizes = {name: getattr(self, name) for name in ("height", "width", "num_frames", "stride", "stack_length")}
        for name, value in sizes.items():
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096:
                raise ValueError(f"{name} is a whole number from 1 to 4096, not {value!r}")
        if isinstance(self.fps, bool) or not isinstance(self.fps, int | float) or not 0 < self.fps <= 1000:
            raise ValueError(f"fps is above 0 and at most 1000, not {self.fps!r}")
        if not isinstance(self.flow, str | None) or not isinstance(self.mirror, bool):
            raise ValueError("flow is a name and mirror is true or false")
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError("classes are names")

    @property
    def video_format(self) -> VideoFormat:
        """What videos are brought to before clips are cut out of them.

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
        """Frames from the first to the last that a clip needs, those of its flow stacks included."""
        return (self.num_frames - 1) * self.stride + self.stack_length + 1

    def label(self, index: int) -> str:
        """The name of class `index`, or its number where the spec has none."""
        return self.classes[index] if index < len(self.classes) else str(index)

    def takes_flow(self, method: str) -> bool:
        """Whether flow of that method is what the model was trained with, as far as anybody said.

        >>> InputSpec((), flow="tvl1").takes_flow("tvl1-opencv"), InputSpec((), flow="tvl1").takes_flow("dis")
        (True, False)
        """
        return self.flow in (None, method) or any({self.flow, method} <= names for names in ALIKE)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> InputSpec:
        """Raises ValueError if the text is no spec. Unknown fields, of later versions, are left out."""
        values = json.loads(text)
        if not isinstance(values, dict) or not isinstance(values.get("classes"), list):
            raise ValueError("no list of classes")
        known = {field.name for field in fields(cls)}
        return cls(
            **{name: value for name, value in values.items() if name in known} | {"classes": tuple(values["classes"])}
        )
