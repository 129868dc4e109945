"""The names of all networks, with a description and the paper of each. Needs no Keras."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

DEFAULT_MODEL = "everyday"
"""Of prediction and features: the model of the catalog that knows most."""

STREAMS = ("appearance", "motion")

ANSWER = "answer"
"""Among the scores of a network, those of its streams together."""

RESNET_DEPTHS = (18, 50, 101, 152)

STREAM_BASES = {"vgg16": "VGG-16", **{f"resnet{depth}": f"ResNet-{depth}" for depth in RESNET_DEPTHS}}
"""The base networks of streams: the part of a network's name, and the name in prose. ResNet-18 is ours."""


@dataclass(frozen=True)
class Paper:
    """The paper that describes a system.

    Attributes:
        venue: such as "CVPR'16".
        authors: family names.
        title: of the paper.
    """

    venue: str
    authors: str
    title: str


TWO_STREAM = Paper(
    "NIPS'14", "Simonyan, Zisserman", "Two-Stream Convolutional Networks for Action Recognition in Videos"
)
FUSION = Paper(
    "CVPR'16", "Feichtenhofer, Pinz, Zisserman", "Convolutional Two-Stream Network Fusion for Video Action Recognition"
)
ST_RESNET = Paper(
    "NIPS'16", "Feichtenhofer, Pinz, Wildes", "Spatiotemporal Residual Networks for Video Action Recognition"
)
ST_MULNET = Paper(
    "CVPR'17", "Feichtenhofer, Pinz, Wildes", "Spatiotemporal Multiplier Networks for Video Action Recognition"
)
T_RESNET = Paper("CVPR'17", "Feichtenhofer, Pinz, Wildes", "Temporal Residual Networks for Dynamic Scene Recognition")


@dataclass(frozen=True)
class Network:
    """A network of the zoo.

    Attributes:
        system: the name its paper gives to such networks.
        description: of the network with its default options, in a few words.
        paper: the paper that describes the system.
        builder: the name of its builder in `actionzoo.models`.
        base: the base network of its streams, a name of `STREAM_BASES`.
    """

    system: str
    description: str
    paper: Paper
    builder: str
    base: str


def _networks() -> dict[str, Network]:
    resnets = {str(depth): f"ResNet-{depth}" for depth in RESNET_DEPTHS}
    systems = {
        "appearance_": (STREAM_BASES, "Appearance stream", "one {} on RGB frames", TWO_STREAM, "Appearance"),
        "motion_": (STREAM_BASES, "Motion stream", "one {} on stacks of optical flow", TWO_STREAM, "Motion"),
        "two_stream_": (
            STREAM_BASES,
            "Two-stream fusion",
            "two {}, joined at relu5 and pooled over time",
            FUSION,
            "TwoStream",
        ),
        "st_resnet": (resnets, "ST-ResNet", "two {}, motion added to appearance", ST_RESNET, "ST"),
        "st_mulnet": (resnets, "ST-MulNet", "two {}, motion multiplied into appearance", ST_MULNET, "STMul"),
        "t_resnet": (resnets, "T-ResNet", "one {} with residual filters over time", T_RESNET, "T"),
    }
    return {
        f"{prefix}{base}": Network(
            system, description.format(title), paper, _builder_name(builder, title), _base_name(base)
        )
        for prefix, (bases, system, description, paper, builder) in systems.items()
        for base, title in bases.items()
    }


def _base_name(base: str) -> str:
    return base if base in STREAM_BASES else f"resnet{base}"


def _builder_name(system: str, base: str) -> str:
    base = base.replace("-", "")
    return system + (base.removeprefix("Res") if system == "STMul" else base)


NETWORKS: dict[str, Network] = _networks()
"""All networks by name: system by system in the order of the papers, the smallest first."""


def list_models(pattern: str = "*") -> list[str]:
    """List the names of networks, in the order of `NETWORKS`.

    Args:
        pattern: with wildcards, as in `fnmatch`.

    >>> list_models("st_mul*")
    ['st_mulnet18', 'st_mulnet50', 'st_mulnet101', 'st_mulnet152']
    """
    return [name for name in NETWORKS if fnmatchcase(name, pattern)]
