"""What runs the network: OpenVINO on a CPU, or Keras on whatever backend it has."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from actionzoo.convert.openvino import import_openvino, openvino_source
from actionzoo.errors import ModelError, WeightsError
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import ModelFiles
from actionzoo.names import ANSWER, STREAMS

if TYPE_CHECKING:
    import keras

logger = logging.getLogger("actionzoo")

ENGINES = ("auto", "openvino", "keras")
PRECISIONS = ("auto", "f32", "bf16")

Array = npt.NDArray[Any]
Shape = tuple[int | None, ...]


class Engine(Protocol):
    """A loaded network.

    Attributes:
        name: "openvino" or "keras".
        precision: what it computes in, "f32" or "bf16".
        inputs: the shape of each input by its name, without the batch axis and with None where any size will do.
        outputs: "answer", then the streams that have classifiers of their own.
        classes: how many.
    """

    name: str
    precision: str
    inputs: dict[str, Shape]
    outputs: tuple[str, ...]
    classes: int

    def __call__(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        """The logits `(batch, classes)` of the answer: the first of the `scores`."""

    def scores(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        """The logits `(batch, outputs, classes)` of a batch of clips.

        Args:
            appearance: `(batch, time, height, width, 3)` RGB in 0..255.
            motion: `(batch, time, height, width, 2*L)`, pixels a frame step.
        """


class OpenVINOEngine:
    """The network on OpenVINO's CPU plugin, compiled for one batch size.

    Larger batches are cut, smaller ones filled up.

    Args:
        source: path of the XML file, or the content of that and of the weights.
        precision: "f32" or "bf16".
        batch: clips.

    Raises:
        RuntimeError: OpenVINO cannot read or run the model.
    """

    name = "openvino"

    def __init__(self, source: Path | tuple[bytes, bytes], precision: str = "f32", batch: int = 1) -> None:
        openvino = import_openvino()
        core = openvino.Core()
        if isinstance(source, Path):
            model = core.read_model(source)
        else:
            graph, weights = source
            model = core.read_model(graph, openvino.Tensor(np.frombuffer(weights, np.uint8)))
        towers = _towers(model)
        if towers:
            model.add_outputs([(name, 0) for name in towers.values()])
        self.outputs = (ANSWER, *towers)
        sources = [output.get_node().input_value(0).get_node().get_friendly_name() for output in model.outputs]
        # Of a network of one stream its logits are the answer, which no second output repeats.
        self._places = [0, *(sources.index(name) for name in towers.values())]
        ports = {port.get_any_name(): list(port.partial_shape)[1:] for port in model.inputs}
        # A fixed batch size compiles in half the time of a dynamic one.
        model.reshape({name: openvino.PartialShape([batch, *sizes]) for name, sizes in ports.items()})
        # The CPU plugin would choose bf16 by itself where the processor has it.
        self._compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})
        self._batch = batch
        self._idle = [self._compiled.create_infer_request()]
        self.inputs = {
            name: tuple(size.get_length() if size.is_static else None for size in sizes)
            for name, sizes in ports.items()
        }
        self.classes = int(model.outputs[0].partial_shape[-1].get_length())
        self.precision = str(self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string())

    def __call__(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        return self.scores(appearance, motion)[:, 0]

    def scores(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        given = {"appearance": appearance, "motion": motion}
        clips = {name: np.ascontiguousarray(given[name], np.float32) for name in self.inputs}
        if len(appearance) == self._batch:
            return self._run(clips)
        parts = []
        for start in range(0, len(appearance), self._batch):
            part = {name: clip[start : start + self._batch] for name, clip in clips.items()}
            size = len(appearance[start : start + self._batch])
            filled = {name: np.resize(clip, (self._batch, *clip.shape[1:])) for name, clip in part.items()}
            parts.append(self._run(filled)[:size])
        return np.concatenate(parts)

    def _run(self, clips: dict[str, Array]) -> npt.NDArray[np.float32]:
        try:
            request = self._idle.pop()
        except IndexError:  # other threads run the others
            request = self._compiled.create_infer_request()
        results = request.infer(clips, share_inputs=True)
        logits = np.stack([results[place] for place in self._places], axis=1, dtype=np.float32)
        self._idle.append(request)
        return logits


def _towers(model: Any) -> dict[str, str]:
    """By stream, the operation of a graph that gives the logits of its classifier; it bears the name of the layer."""
    found = {}
    # In their order the bias comes last; the converter leaves out one that is zero.
    for operation in model.get_ordered_ops():
        if named := re.search(r"(?:^|/)logits_(\w+?)(?:_\d+)?/(?:MatMul|BiasAdd)$", operation.get_friendly_name()):
            found[named[1]] = operation.get_friendly_name()
    return {stream: found[stream] for stream in STREAMS if stream in found}


class KerasEngine:
    """A network on Keras, its batch normalisation folded into the convolutions, in f32."""

    name = "keras"

    def __init__(self, network: keras.Model) -> None:
        from actionzoo.models.folding import fold_batch_norm
        from actionzoo.models.graph import with_towers

        with contextlib.suppress(ValueError):  # a network that cannot be folded runs as it is
            network = fold_batch_norm(network)
        self._network = with_towers(network)
        self.inputs = {tensor.name: tuple(tensor.shape[1:]) for tensor in network.inputs}
        self.outputs = tuple(self._network.output)
        self.precision = "f32"
        self.classes = int(network.output_shape[-1])

    def __call__(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        return self.scores(appearance, motion)[:, 0]

    def scores(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        scores = run_network(self._network, self.inputs, appearance, motion)
        return np.stack([scores[name] for name in self.outputs], axis=1)


class LayerEngine:
    """The part of a network from its inputs to one of its layers, on Keras.

    Args:
        network: the whole of it.
        layer: the name of the layer.
        name: of the model, for messages.

    Attributes:
        inputs: names of those that the layer depends on.

    Raises:
        ModelError: there is no such layer, or it does not give one tensor.
    """

    def __init__(self, network: keras.Model, layer: str, name: str) -> None:
        import keras

        from actionzoo.models.graph import inputs_of, is_folded, layer_output

        output = layer_output(network, layer, name)
        try:
            inputs = inputs_of(network, output)
        except ValueError as error:
            raise ModelError(f"{name} has no features to give: {error}") from error
        self._network = keras.Model(inputs, output)
        self._folded = is_folded(network, output)
        self.inputs = tuple(str(tensor.name) for tensor in inputs)

    def __call__(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        """The layer's output for a batch of clips, `(batch, ...)`, with a folded time axis restored behind the batch.

        Args:
            appearance: `(batch, time, height, width, 3)` RGB in 0..255.
            motion: `(batch, time, height, width, 2*L)`, pixels a frame step.
        """
        values: Array = run_network(self._network, self.inputs, appearance, motion)
        return values.reshape(len(appearance), -1, *values.shape[1:]) if self._folded else values


def run_network(network: keras.Model, inputs: Iterable[str], appearance: Array, motion: Array) -> Any:
    """What a Keras network gives for a batch of clips, of which it takes the inputs that are named: float32 arrays."""
    import keras

    given = {"appearance": appearance, "motion": motion}
    clips = {name: np.ascontiguousarray(given[name], np.float32) for name in inputs}
    outputs = network.predict_on_batch(clips)
    return keras.tree.map_structure(lambda output: np.asarray(output).astype(np.float32), outputs)


def check_scores(values: Array, model: str) -> None:
    """Raises ModelError if an output of a network is non-finite."""
    if not np.isfinite(values).all():
        raise ModelError(f"{model} gives scores that are not finite; its training diverged, or its weights are damaged")


def load_engine(
    files: ModelFiles,
    engine: str = "auto",
    precision: str = "auto",
    batch: int = 1,
    network: Callable[[], keras.Model] | None = None,
) -> Engine:
    """The engine for a model.

    Args:
        files: of the model.
        engine: "openvino", "keras", or "auto": OpenVINO where it is installed and can run the model, otherwise Keras,
            with a warning.
        precision: "f32", "bf16", or "auto": the fastest that was measured to agree with f32.
        batch: clips in a call.
        network: loads the model in Keras; by default from its file.

    Raises:
        ModelError: the engine that was asked for cannot run the model.
        ValueError: an unknown engine or precision.
    """
    if engine not in ENGINES or precision not in PRECISIONS:
        raise ValueError(f"engine is one of {', '.join(ENGINES)}; precision is one of {', '.join(PRECISIONS)}")
    if engine == "keras":
        if precision == "bf16":
            raise ModelError("the Keras engine computes in f32; use --engine openvino for bf16")
        return KerasEngine(load_keras(files) if network is None else network())
    try:
        loaded = _load_openvino(files, files.precision if precision == "auto" else precision, batch)
        if files.spec.known and not files.towers <= set(loaded.outputs):
            raise ModelError(
                f"OpenVINO does not give the logits of {files.name}'s streams, which tell what is none of its classes; "
                "use --engine keras"
            )
        return loaded
    except ImportError as error:
        if engine == "openvino":
            raise ModelError(f"OpenVINO cannot be loaded ({error}); install it or use --engine keras") from error
        failure: Exception = error
    except WeightsError:
        raise
    except ModelError as error:
        if engine == "openvino":
            raise
        failure = error
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        failure = ModelError(f"OpenVINO cannot run {files.name} ({reason}); use --engine keras")
        if engine == "openvino":
            raise failure from error
    on_keras = load_engine(files, "keras", "f32" if precision == "auto" else precision, network=network)
    logger.warning("Keras runs %s, more slowly than OpenVINO would: %s", files.name, failure)
    return on_keras


def _load_openvino(files: ModelFiles, precision: str, batch: int) -> OpenVINOEngine:
    source = openvino_source(files)
    try:
        return OpenVINOEngine(source, precision, batch)
    except RuntimeError:
        if not isinstance(source, Path):
            raise
        # The kept conversion may be damaged, or of an OpenVINO that this one does not read: make it again, once.
        shutil.rmtree(source.parent, ignore_errors=True)
        return OpenVINOEngine(openvino_source(files), precision, batch)
