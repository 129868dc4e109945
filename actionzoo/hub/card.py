"""The card of a published model: what is known of it, and what is not known said to be so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actionzoo.video.spec import InputSpec

TAGS = ["actionzoo", "action-recognition", "two-stream", "optical-flow"]

TEMPLATE = """# {name}

A two-stream action recognition model of [actionzoo](https://pypi.org/project/actionzoo/), in Keras 3.

    actionzoo predict clip.mp4 --model hf://{repo}

```python
import actionzoo

answer = actionzoo.predict("clip.mp4", model="hf://{repo}")
```

To get the same weights for ever, put the commit behind it: `hf://{repo}@COMMIT`.

## What it looks at

| | |
|---|---|
{rows}

The same as a file: `input.json`. Flow of another method, or another size, gives other answers.

## Classes

{classes}

## How good it is

{metrics}

## Licence and data

{licence}
"""


def model_card(repo: str, spec: InputSpec, metrics: Mapping[str, Any], licence: str | None) -> str:
    """The `README.md` of a hub repository.

    Args:
        repo: `user/repo`.
        spec: of the model.
        metrics: numbers by name, `data` among them for the set that they were measured on; may be empty.
        licence: of the weights; `None` where nobody stated it.
    """
    from huggingface_hub import ModelCardData

    numbers = {name: value for name, value in metrics.items() if _is_number(value)}
    data = metrics.get("data")
    front = ModelCardData(license=licence, library_name="keras", pipeline_tag="video-classification", tags=TAGS)
    trained = f"Trained on: {_line(data)}." if data else "What it was trained on is not stated."
    stated = f"Licence of the weights: {_line(licence)}." if licence else "The licence of the weights is not stated."
    return f"---\n{front.to_yaml()}\n---\n\n" + TEMPLATE.format(
        name=repo.partition("/")[2],
        repo=repo,
        rows="\n".join(f"| {name} | {value} |" for name, value in _rows(spec)),
        classes=", ".join(_line(name) for name in spec.classes) or "The file names none; they are numbered.",
        metrics="\n".join(f"- {_line(name)}: {value:g}" for name, value in numbers.items()) or "Not measured.",
        licence=f"{stated} {trained}",
    )


def _rows(spec: InputSpec) -> list[tuple[str, str]]:
    shape = "kept, padded" if spec.resize == "fit" else "stretched"
    frames = f"{spec.num_frames}, every {spec.stride}th of {spec.fps:g} a second"
    return [
        ("frames", f"{frames}; {spec.height} x {spec.width} pixels (height x width), the shape {shape}"),
        ("flow", f"{spec.stack_length} fields around each frame, method {spec.flow or 'not stated'}"),
        ("cropped", "to where each clip moves" if spec.crop_to_motion else "no"),
        ("mirrored view", "averaged in" if spec.mirror else "no"),
        ("none of these", f"said, as {len(spec.known)} held-out videos taught it" if spec.known else "never said"),
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _line(text: object) -> str:
    """Text of a user's for a line of Markdown."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
