"""The networks that streams are built on, VGG-16 and ResNets, in the form that fusion works with."""

from __future__ import annotations

from dataclasses import dataclass

from actionzoo.models import resnet, vgg
from actionzoo.models.arguments import check_choice
from actionzoo.models.towers import Step
from actionzoo.names import STREAM_BASES

SCORES = "logits"
"""Name of a tower's last layer, the scores."""


@dataclass(frozen=True)
class Base:
    """The network that a stream is built on.

    Attributes:
        trunk: the convolutional part, up to the last ReLU.
        head: pool5 and, in VGG-16, fc6 and fc7; the classifier comes behind it.
        fusable: names of the steps that two streams can be joined behind, in order; the scores are the last.
        aliases: the papers' names of steps.
    """

    trunk: list[Step]
    head: list[Step]
    fusable: list[str]
    aliases: dict[str, str]

    def step_name(self, layer: str) -> str:
        """The step that `layer` means: its name, or one of the papers' (`relu5`, `fc6`, `scores`).

        Raises ValueError if there is none.
        """
        known = {name: name for name in self.fusable} | self.aliases | {"scores": SCORES, "fc8": SCORES}
        if layer not in known:
            raise ValueError(
                f"Argument `fusion_layer` must be one or several of {[*self.aliases, 'scores']} or {self.fusable}. "
                f"Received: fusion_layer={layer!r}"
            )
        return known[layer]


def get_base(name: str, channel_factor: float, strides: str, dropout: dict[str, float]) -> Base:
    """The base network of that name, one of `STREAM_BASES`; `dropout` is the rate before the classifier, by stream."""
    check_choice("base", name, STREAM_BASES)
    spec = resnet.ResNetSpec(50 if name == "vgg16" else int(name.removeprefix("resnet")), channel_factor, strides)
    if name == "vgg16":
        trunk, aliases = vgg.trunk(channel_factor), vgg.aliases()
        hidden = vgg.hidden(channel_factor, dropout)
        head = [Step("pool5", vgg.pool), *hidden]
    else:
        trunk, aliases, hidden = resnet.trunk(spec), resnet.aliases(spec), []
        head = [Step("pool5", lambda x, stream: resnet.pool5(x, stream, dropout[stream]))]
    return Base(trunk, head, [*(step.name for step in (*trunk, *hidden)), SCORES], aliases)
