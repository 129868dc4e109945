"""What a bug report needs: versions, machine, and whether each part of actionzoo works here.

Every part is imported inside its own check, by name: one that cannot even be imported is a line of the report like any
other, and the remaining checks go on. Nothing here uses the network.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import actionzoo
from actionzoo.installation import install, reinstall, reinstall_opencv, requirements, unfit, version_of

Status = Literal["ok", "warning", "failed", "skipped"]
Facts = dict[str, Any]

SIZE = (112, 144)
"""(height, width) of the pictures that the flow methods are tried on."""

SHIFT = 2
"""Pixels by which these pictures move to the right."""

DECODERS = {"h264": ("h264",), "hevc": ("hevc",), "vp9": ("vp9", "libvpx-vp9"), "av1": ("libdav1d", "libaom-av1")}
"""The codecs of nearly every video, and FFmpeg's decoders for each."""

SAME_LOGITS = 0.01
"""Two engines that work give logits no further apart."""

ESSENTIAL = {"actionzoo", "video", "flow", "model", "openvino", "keras"}
SLOW = {"keras", "devices"}
"""Parts that load Keras and its backend, which takes about ten seconds."""


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: of the part.
        status: of the part; one that is not essential has a warning where another has failed.
        facts: what is known about it.
        reason: why it does not work.
        advice: what to do then.
        essential: whether actionzoo needs it for its work.
    """

    name: str
    status: Status
    facts: Facts = field(default_factory=dict)
    reason: str = ""
    advice: str = ""
    essential: bool = True

    @property
    def broken(self) -> bool:
        """Whether something essential does not work."""
        return self.essential and self.status == "failed"

    def to_dict(self) -> dict[str, Any]:
        return {"status": self.status, **self.facts} | ({"reason": self.reason} if self.reason else {})


class _BrokenError(Exception):
    """A part can be loaded, but works badly."""


def examine(*, quick: bool = False) -> Iterator[Check]:
    """Every check, each as soon as it is done.

    No check raises. The user's home folder is written `~`, and no token is shown.

    Args:
        quick: skip those that load Keras and its backend.

    >>> check = next(examine(quick=True))
    >>> check.name, check.status, check.facts["version"] == actionzoo.__version__
    ('actionzoo', 'ok', True)
    """
    for name, (fill_in, advice) in _checks().items():
        essential, facts = name in ESSENTIAL, Facts()
        if quick and name in SLOW:
            yield Check(name, "skipped", reason="loads Keras; leave out --quick", essential=essential)
            continue
        try:
            fill_in(facts)
        except Exception as error:
            kind = "" if isinstance(error, _BrokenError) else f"{type(error).__name__}: "
            reason = _private(kind + " ".join(str(error).split())[:300])
            status: Status = "failed" if essential else "warning"
            yield Check(name, status, _private(facts), reason, advice, essential)
        else:
            yield Check(name, "ok", _private(facts), essential=essential)


def _checks() -> dict[str, tuple[Callable[[Facts], None], str]]:
    """What fills in the facts of each part, or raises any exception; and what to do then."""
    opencv = reinstall_opencv()
    again = "install actionzoo again, into an empty environment"
    return {
        "actionzoo": (_python, again),
        "machine": (_machine, "report this"),
        "packages": (_packages, install(*unfit())),
        "extras": (_extras, "report this"),
        "video": (_video, f"{reinstall('av')} && {opencv}"),
        "flow": (_flow, f"{opencv}; where tvl1 alone fails: {install('numba', 'llvmlite')}"),
        "model": (_model, again),
        "openvino": (_openvino, f"{reinstall('openvino')}; until then use --engine keras"),
        "keras": (_keras, f"{reinstall(_keras_backend()[0])}, or choose another one: KERAS_BACKEND"),
        "devices": (_devices, "see the backend's own page about accelerators"),
        "cache": (_cache, "set ACTIONZOO_CACHE to a folder that can be written"),
        "hub": (_hub, "report this"),
    }


def _python(facts: Facts) -> None:
    facts |= {
        "version": actionzoo.__version__,
        "folder": str(Path(actionzoo.__file__).parent),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }


def _machine(facts: Facts) -> None:
    facts |= {"cpu": platform.processor() or platform.machine(), "architecture": platform.machine()}
    with suppress(OSError):  # Linux
        if model := re.search(
            r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8", "replace"), re.MULTILINE
        ):
            facts["cpu"] = model[1]
    facts["cores"] = os.cpu_count()
    facts["usable_cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts["memory_bytes"] = None
    with suppress(AttributeError, ValueError, OSError):  # Windows
        facts["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _packages(facts: Facts) -> None:
    """The versions of what actionzoo always needs, None for what is not installed."""
    facts["versions"] = {name: version_of(name) for name in requirements()[""]}
    if wrong := unfit():
        raise _BrokenError("; ".join(wrong.values()))


def _extras(facts: Facts) -> None:
    """The same of each optional extra."""
    groups = requirements()
    always = groups.pop("")
    for extra, names in groups.items():
        more = {name: version_of(name) for name in names if name not in always}
        if more and extra != "dev":
            facts[extra] = more


def _video(facts: Facts) -> None:
    """FFmpeg's decoders; a video is written and read back."""
    av = import_module("av")
    known = av.codec.codecs_available
    facts["ffmpeg"] = av.ffmpeg_version_info
    facts["decoders"] = {codec: any(name in known for name in names) for codec, names in DECODERS.items()}
    if not facts["decoders"]["h264"]:
        raise _BrokenError("FFmpeg has no decoder for h264")
    frames = [frame[..., None].repeat(3, -1) for frame in _moving_picture()]
    with tempfile.TemporaryDirectory(prefix="actionzoo-") as folder:
        path = Path(folder, "doctor.mp4")
        with import_module("actionzoo.video.writer").VideoWriter(path, 10.0, SIZE) as video:
            for frame in frames:
                video.write(frame)
        read = [frame.image for frame in import_module("actionzoo.video.reader").read_frames(path)]
    off = max(float(abs(one.astype(int) - other).mean()) for one, other in zip(frames, read, strict=True))
    if not off < 16:
        raise _BrokenError(f"a video is read with other colours than it was written with (by {off:.0f} of 255)")


def _flow(facts: Facts) -> None:
    """Each method on a picture that moves by a known number of pixels, and the time that its second call takes."""
    flow = import_module("actionzoo.video.flow")
    frames = _moving_picture()
    facts["methods"] = methods = {method: _flow_of(flow, frames, method) for method in flow.METHODS}
    if broken := [f"{method}: {found['failed']}" for method, found in methods.items() if "failed" in found]:
        raise _BrokenError("; ".join(broken))


def _flow_of(flow: Any, frames: Any, method: str) -> Facts:
    """How long a method takes, or why it does not work."""
    try:
        flow.optical_flow(frames, method, workers=1)  # the first call may compile
        since = time.perf_counter()
        field = flow.optical_flow(frames, method, workers=1)[0]
        spent = time.perf_counter() - since
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    inner = field[16:-16, 16:-16].reshape(-1, 2)
    off = abs(float(sorted(inner[:, 0])[len(inner) // 2]) - SHIFT)
    time_taken = {"ms": round(1000 * spent, 2)}
    return time_taken if off < 0.5 else {"failed": f"a motion of {SHIFT} pixels is measured {off:.1f} pixels wrong"}


def _moving_picture() -> Any:
    """Two grey frames `(2, height, width)` uint8, the second moved right by `SHIFT` pixels."""
    np = import_module("numpy")
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1] + SHIFT]
    wide = 128 + 50 * np.sin(columns / 5.0 + rows / 9.0) + 50 * np.sin(rows / 6.0 - columns / 11.0)
    return np.stack([wide[:, SHIFT:], wide[:, :-SHIFT]]).astype(np.uint8)


def _model(facts: Facts) -> None:
    """The model that comes with the package, with its checksums checked."""
    files = import_module("actionzoo.hub.resolve").resolve_model("mini")
    files.openvino_ir()
    facts |= {"name": files.name, "sha256": files.sha256, "classes": list(files.spec.classes)}


def _openvino(facts: Facts) -> None:
    openvino = import_module("actionzoo.convert.openvino").import_openvino()
    core = openvino.Core()
    facts["version"] = openvino.get_version()
    facts["devices"] = {name: core.get_property(name, "FULL_DEVICE_NAME") for name in core.available_devices}
    facts["bf16"] = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    facts |= _runs("openvino")


def _runs(engine: str) -> Facts:
    """Loads mini into an engine and answers one clip, twice. Seconds to load, milliseconds for the second clip."""
    np = import_module("numpy")
    since = time.perf_counter()
    files = import_module("actionzoo.hub.resolve").resolve_model("mini")
    loaded = import_module("actionzoo.inference.engines").load_engine(files, engine, "f32")
    load_s = time.perf_counter() - since
    spec, rng = files.spec, np.random.default_rng(0)
    shape = (1, spec.num_frames, spec.height, spec.width)
    appearance, motion = rng.integers(0, 256, (*shape, 3)), rng.normal(0, 1, (*shape, 2 * spec.stack_length))
    clip = appearance.astype(np.uint8), motion.astype(np.float32)
    loaded(*clip)
    since = time.perf_counter()
    logits = loaded(*clip)
    clip_ms = 1000 * (time.perf_counter() - since)
    if logits.shape != (1, len(spec.classes)) or not abs(logits).max() < 1e4:
        raise _BrokenError(f"mini gives no usable logits on {loaded.name}: {logits.tolist()}")
    return {"load_s": round(load_s, 2), "clip_ms": round(clip_ms, 1), "logits": [round(float(x), 4) for x in logits[0]]}


def _keras(facts: Facts) -> None:
    chosen, by = _keras_backend()
    facts |= {"backend": chosen, "chosen_by": by, "backend_version": version_of(chosen)}
    facts |= _runs("keras")
    with suppress(Exception):  # OpenVINO's own check tells what is wrong with it
        pairs = zip(facts["logits"], _runs("openvino")["logits"], strict=True)
        facts["apart_from_openvino"] = round(max(abs(one - other) for one, other in pairs), 5)
    if not facts.get("apart_from_openvino", 0) <= SAME_LOGITS:
        raise _BrokenError(f"Keras and OpenVINO differ by {facts['apart_from_openvino']:.3g} in mini's logits")


def _keras_backend() -> tuple[str, str]:
    """The backend that Keras will load, and what chooses it."""
    if chosen := os.environ.get("KERAS_BACKEND"):
        return chosen, "KERAS_BACKEND"
    file = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "keras.json")
    try:
        return str(json.loads(file.read_text("utf-8"))["backend"]), str(file)
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "default"


def _devices(facts: Facts) -> None:
    """The accelerators that Keras' backend sees, by name."""
    facts["backend"] = backend = import_module("keras").backend.backend()
    module = import_module(backend)
    names: list[Any] = []
    if backend == "tensorflow":
        found = [one for one in module.config.list_physical_devices() if one.device_type != "CPU"]
        names = [module.config.experimental.get_device_details(one).get("device_name", one.name) for one in found]
    elif backend == "jax":
        names = [one.device_kind for one in module.devices() if one.platform != "cpu"]
    elif backend == "torch":
        names = [module.cuda.get_device_name(index) for index in range(module.cuda.device_count())]
    facts["accelerators"] = [str(name) for name in names]


def _cache(facts: Facts) -> None:
    cache = import_module("actionzoo.hub.cache")
    folder = cache.chosen_cache_folder()
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    facts |= {"folder": str(folder), "files": len(sizes), "size_bytes": sum(sizes)}
    facts["writable"] = cache.is_writable(folder)
    if not facts["writable"]:
        raise _BrokenError(f"{folder} cannot be written")


def _hub(facts: Facts) -> None:
    """What decides about downloads. Only whether there is a token is told, never the token; no request is made."""
    constants = import_module("huggingface_hub.constants")
    endpoint = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT", ""))
    tokens = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    has_token = any(os.environ.get(name) for name in tokens) or Path(constants.HF_TOKEN_PATH).is_file()
    facts["offline"] = bool(constants.is_offline_mode())
    facts["endpoint"] = f"{endpoint.scheme}://{endpoint.netloc.rpartition('@')[2]}" if endpoint.hostname else "default"
    facts["token"] = "set" if has_token else "not set"
    facts["cache"] = str(constants.HF_HUB_CACHE)


def _private(value: Any) -> Any:
    """The same facts with the user's home folder as `~` and without any token of the environment."""
    if isinstance(value, dict):
        return {key: _private(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_private(inner) for inner in value]
    if not isinstance(value, str):
        return value
    for name, secret in os.environ.items():
        if len(secret) >= 8 and re.search(r"TOKEN|SECRET|PASSWORD|API_?KEY", name):
            value = value.replace(secret, "***")
    home = os.path.expanduser("~")
    return re.sub(re.escape(home) + r"(?![\w.-])", "~", value) if os.path.isabs(home) and home != os.sep else value
