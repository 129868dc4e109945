"""Our networks against the same networks in torch: milliseconds for one clip, in f32, on two cores.

    python -m benchmarks.networks [--networks two_stream_vgg16 ...] [--engines ...] [--rounds 9] [--json FILE]

Run from the root of the repository, with torch installed (jax too for its column). Every engine answers in a process
of its own that may use two cores; all of them hold the same random weights, and their logits are compared before
anything is timed. Then they take turns, one call each a round. The table has the median of an engine's calls and its
fastest; the median processor time of all cores, in which threads that spin count; and how many times as fast as torch
eager it was in the same round, as a median. Another process on the same cores slows torch down most: leave it alone.

torch runs under `inference_mode`, in its own layout (channels first) and, as its guide for CPUs advises, in
`channels_last`; `torch.compile`, with its default settings, chooses the layout itself. Keras answers through our
engine, which folds batch normalisation into the convolutions and calls `predict_on_batch`: a graph of TensorFlow, or
jitted by JAX. Data goes in as numpy arrays everywhere, and preprocessing
is part of the network.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

NETWORKS: dict[str, dict[str, Any]] = {
    "two_stream_resnet50": {"fusion": "late"},
    "two_stream_vgg16": {"fusion": "late"},
    "st_resnet50": {},
}
CLASSES = 101
BASELINE = "torch"
GOALS = (("keras", "torch.compile", 1.0), ("openvino-f32", "torch", 1.5), ("openvino-bf16", "torch", 3.0))
"""An engine, another one, and how many times as fast it should be."""

Clips = dict[str, np.ndarray]
Call = Callable[[], Any]
Times = dict[str, list[list[float]]]
"""Every call's milliseconds by the clock and of the processor, by engine."""


def random_clips(frames: int) -> Clips:
    """One clip of noise: RGB in 0..255 and flow in pixels."""
    rng = np.random.default_rng(0)
    return {
        "appearance": rng.uniform(0, 255, (1, frames, 224, 224, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (1, frames, 224, 224, 20)).astype(np.float32),
    }


def keras_model(network: str, frames: int, weights: Path | None = None) -> Any:
    """Our network, with random weights or those of a file."""
    from actionzoo.models import create_model

    return create_model(
        network, CLASSES, frames, weights=None if weights is None else str(weights), **NETWORKS[network]
    )


def torch_network(network: str, frames: int) -> Any:
    """The same network in torch."""
    from tests.models import torch_reference as reference

    if network.startswith("st_resnet"):
        return reference.st_resnet(int(network.removeprefix("st_resnet")), CLASSES, frames)
    return reference.two_stream(network.removeprefix("two_stream_"), CLASSES)


def prepare(network: str, frames: int, folder: Path) -> None:
    """Writes random weights for every engine: Keras', torch's and OpenVINO's files."""
    import torch

    from actionzoo.convert.openvino import convert
    from tests.models.torch_reference import copy_weights, random_weights

    model = keras_model(network, frames)
    random_weights(model, random_clips(frames), {"appearance": 1 / 64, "motion": 1 / 16})
    model.save_weights(folder / "model.weights.h5")
    convert(model, folder / "openvino.xml")
    other = torch_network(network, frames)
    copy_weights(model, other)
    torch.save(other.state_dict(), folder / "model.pt")


def torch_call(
    network: str, clips: Clips, folder: Path, *, channels_last: bool = False, compiled: bool = False
) -> Call:
    """A call of torch's network."""
    import torch

    from tests.models.torch_reference import torch_input

    frames = clips["appearance"].shape[1]
    module = torch_network(network, frames)
    module.load_state_dict(torch.load(folder / "model.pt", mmap=True))
    for layer in module.modules() if channels_last else ():
        if isinstance(layer, torch.nn.Conv2d):
            layer.to(memory_format=torch.channels_last)
        elif isinstance(layer, torch.nn.Conv3d):
            layer.to(memory_format=torch.channels_last_3d)
    run = torch.compile(module.eval()) if compiled else module.eval()

    def call() -> Any:
        tensors = [torch_input(clip) for clip in clips.values()]
        with torch.inference_mode():
            return run(*(tensors if channels_last else [tensor.contiguous() for tensor in tensors])).numpy()

    return call


def keras_call(network: str, clips: Clips, folder: Path) -> Call:
    """A call of our network on the backend that `KERAS_BACKEND` names."""
    from actionzoo.inference.engines import KerasEngine

    engine = KerasEngine(keras_model(network, clips["appearance"].shape[1], folder / "model.weights.h5"))
    return lambda: engine(**clips)


def openvino_call(network: str, clips: Clips, folder: Path, *, precision: str) -> Call:
    """A call of our network on OpenVINO."""
    from actionzoo.hub.resolve import IR_FILES
    from actionzoo.inference.engines import OpenVINOEngine

    engine = OpenVINOEngine(folder / IR_FILES[0], precision)
    if engine.precision != precision:
        sys.exit(f"this processor has no {precision}")
    return lambda: engine(**clips)


ENGINES: dict[str, tuple[str, Callable[[str, Clips, Path], Call]]] = {
    "torch": ("torch", torch_call),
    "torch-channels-last": ("torch", lambda *given: torch_call(*given, channels_last=True)),
    "torch.compile": ("torch", lambda *given: torch_call(*given, compiled=True)),
    "keras": ("tensorflow", keras_call),
    "keras-jax": ("jax", keras_call),
    "openvino-f32": ("tensorflow", lambda *given: openvino_call(*given, precision="f32")),
    "openvino-bf16": ("tensorflow", lambda *given: openvino_call(*given, precision="bf16")),
}
"""By name: the Keras backend of its process, and what makes its call."""


def work(engine: str, network: str, frames: int, folder: Path) -> None:
    """The engine's own process: prints its logits, then one call's milliseconds for every line that it is sent.

    They are those of the clock and those of the processor, all cores together.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the frameworks print goes elsewhere
    clips = random_clips(frames)
    call = ENGINES[engine][1](network, clips, folder)
    call()
    print(json.dumps(np.asarray(call()).tolist()), file=answers, flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter(), time.process_time()
        call()
        spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
        print(json.dumps([1000 * seconds for seconds in spent]), file=answers, flush=True)


class Worker:
    """A process for one engine."""

    def __init__(self, engine: str, network: str, frames: int, folder: Path, cores: list[int]) -> None:
        backend = ENGINES[engine][0]
        self.engine = engine
        self.log = open(folder / f"{engine}.log", "w+", encoding="utf-8")  # noqa: SIM115  closed with the worker
        self.process = start(backend, cores, ["--work", engine, network, str(frames), str(folder)], stderr=self.log)
        self.logits = np.array(json.loads(self.ask()))

    def ask(self) -> str:
        """The next line that the process prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"{self.engine} failed:\n{self.log.read()[-3000:]}")
        return line

    def milliseconds(self) -> list[float]:
        """The time of one call, by the clock and of the processor."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.ask())

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
        self.log.close()


def start(backend: str, cores: list[int], arguments: list[str], **options: Any) -> subprocess.Popen[str]:
    """This file again in a new process that sees only some cores."""
    count = str(len(cores))
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": count}
    if hasattr(os, "sched_setaffinity"):
        options["preexec_fn"] = lambda: os.sched_setaffinity(0, cores)
    command = [sys.executable, "-m", "benchmarks.networks", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes, **options)


def measure(network: str, engines: list[str], frames: int, rounds: int, cores: list[int]) -> Times:
    """The time of every engine's calls, one a round, after a check that they all answer the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if start("tensorflow", cores, ["--prepare", network, str(frames), str(folder)]).wait():
            sys.exit(f"no weights for {network}")
        workers = [Worker(engine, network, frames, folder, cores) for engine in engines]
        for worker in workers:
            off = float(np.abs(worker.logits - workers[0].logits).max())
            print(f"{worker.engine:<19} logits at most {off:.1e} off {workers[0].engine}'s", file=sys.stderr)
            if off > (0.1 if "bf16" in worker.engine else 1e-3):
                sys.exit(f"{worker.engine} does not compute the same network")
        times: Times = {engine: [] for engine in engines}
        for _ in range(rounds):
            for worker in workers:
                times[worker.engine].append(worker.milliseconds())
        for worker in workers:
            worker.close()
        return times


def faster(times: Times, engine: str, other: str) -> float:
    """How many times as fast as another an engine is: the median over the rounds."""
    return statistics.median(b / a for (a, _), (b, _) in zip(times[engine], times[other], strict=True))


def report(network: str, times: Times) -> dict[str, Any]:
    """Prints a network's rows of the table, and returns them."""
    rows = {}
    for engine, calls in times.items():
        clock, processor = zip(*calls, strict=True)
        row = {"ms": statistics.median(clock), "fastest_ms": min(clock), "cpu_ms": statistics.median(processor)}
        ratio = f"{faster(times, engine, BASELINE):8.2f}x" if BASELINE in times else ""
        print(f"{network:<21}{engine:<20}" + "".join(f"{value:10.0f}" for value in row.values()) + ratio, flush=True)
        rows[engine] = {**row, "calls": calls}
    return rows


def machine() -> dict[str, Any]:
    """What it ran on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        name = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), name
        )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"processor": name, "load": load, "python": platform.python_version()}


def main() -> None:
    """Prints the table and which goals are met; exit code 0 if all are."""
    parser = argparse.ArgumentParser(description="Times our networks and torch's on one clip.")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, default=[name for name in ENGINES if "jax" not in name]
    )
    parser.add_argument("--frames", type=int, default=5, help="length of the clip")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--prepare", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        network, frames, folder = given.prepare
        return prepare(network, int(frames), Path(folder))
    if given.work:
        engine, network, frames, folder = given.work
        return work(engine, network, int(frames), Path(folder))
    cores = sorted(os.sched_getaffinity(0))[: given.cores]
    about = {**machine(), "cores": len(cores), "frames": given.frames, "rounds": given.rounds}
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"\n{'network':<21}{'engine':<20}{'ms':>10}{'fastest':>10}{'cpu ms':>10}{'to torch':>9}")
    results, met = {}, True
    for network in given.networks:
        times = measure(network, given.engines, given.frames, given.rounds, cores)
        results[network] = report(network, times)
        for engine, other, goal in GOALS:
            if engine in times and other in times:
                ratio = faster(times, engine, other)
                met &= ratio >= goal
                word = "meets" if ratio >= goal else "MISSES"
                print(f"  {engine} is {ratio:.2f} times as fast as {other}: {word} the goal of {goal}")
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "networks": results}, indent=2))
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
