"""The base networks of streams, VGG-16 and ResNets, as steps between which streams can be fused."""

from __future__ import annotations

from dataclasses import dataclass

from actionzoo.models import resnet, vgg
from actionzoo.models.arguments import check_choice
from actionzoo.models.towers import Step
from actionzoo.names import STREAM_BASES

SCORES = "logits"
"""Name of the last layer of a tower, the scores."""


@dataclass(frozen=True)
class Base:
    """The base network of a stream.

    Attributes:
        trunk: the convolutional part, up to the last ReLU.
        head: pool5 and, in VGG-16, fc6 and fc7; the classifier follows it.
        fusable: names of the steps after which two streams can be fused, in order; the scores are the last.
        aliases: step names by the papers' names.
    """

    trunk: list[Step]
    head: list[Step]
    fusable: list[str]
    aliases: dict[str, str]

    def step_name(self, layer: str) -> str:
        """The step that is called `layer`, its own name or one of the papers' (`relu5`, `fc6`, `scores`).

        Raises:
            ValueError: there is no such step.
        """
        known = {name: name for name in self.fusable} | self.aliases | {"scores": SCORES, "fc8": SCORES}
        if layer not in known:
            raise ValueError(
                f"Argument `fusion_layer` must be one or several of {[*self.aliases, 'scores']} or {self.fusable}. "
                f"Received: fusion_layer={layer!r}"
            )
        return known[layer]


def get_base(name: str, channel_factor: float, strides: str, dropout: dict[str, float]) -> Base:
    """The base network `name` of `STREAM_BASES`; `dropout` is the rate before the classifier, by stream."""
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
