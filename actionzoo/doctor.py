"""What a bug report needs: versions, machine, and whether each piece of actionzoo works here.

Every piece is imported inside the check of that piece, by name: one that cannot even be imported is a line of the
report like any other, and the remaining checks go on. That is why this module lies outside the rooms, whose packages
import theirs at once. Nothing here uses the network.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from actionzoo.installation import (
    install,
    machine_facts,
    python_facts,
    reinstall,
    reinstall_opencv,
    required,
    unfit,
    version_of,
)

Status = Literal["ok", "warning", "failed", "skipped"]

SIZE = (112, 144)
"""(height, width) of the pictures that the flow methods are tried on."""

ROUNDS, SLOW = 5, 0.1
"""Of timing the flow methods, of which the fastest counts; one that takes more than so many seconds has one."""

SHIFT = 2
"""Pixels by which these pictures move to the right."""

DECODERS = {"h264": ("h264",), "hevc": ("hevc",), "vp9": ("vp9", "libvpx-vp9"), "av1": ("libdav1d", "libaom-av1")}
"""The codecs of nearly every video, and FFmpeg's decoders for each."""

SAME_LOGITS = 0.01
"""Two engines that work give logits no further apart."""


@dataclass(frozen=True)
class Check:
    """One piece: whether it works, what is known about it, and for one that does not work why and what to do.

    `essential` says that actionzoo cannot do its work without the piece.
    """

    name: str
    status: Status
    facts: dict[str, Any] = field(default_factory=dict)
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
    """What a check raises when its piece works badly: `facts` is what is known nevertheless.

    `advice` and `essential` go before those of the piece.
    """

    def __init__(
        self, reason: str, advice: str = "", facts: dict[str, Any] | None = None, essential: bool | None = None
    ) -> None:
        self.advice, self.facts, self.essential = advice, facts or {}, essential
        super().__init__(reason)


@dataclass(frozen=True)
class _Piece:
    name: str
    examine: Callable[[], dict[str, Any]]
    advice: str
    essential: bool = True
    slow: bool = False
    """Loads Keras and its backend, which takes about ten seconds."""


def examine(*, quick: bool = False) -> Iterator[Check]:
    """Every check, each as soon as it is done; `quick` skips those that load Keras and its backend.

    No check raises. The user's home folder is written `~`, and no token is shown.

    >>> import actionzoo
    >>> check = next(examine(quick=True))
    >>> check.name, check.status, check.facts["version"] == actionzoo.__version__
    ('actionzoo', 'ok', True)
    """
    for piece in _pieces():
        if piece.slow and quick:
            yield Check(piece.name, "skipped", reason="loads Keras; leave out --quick", essential=piece.essential)
        else:
            yield _examined(piece)


def _examined(piece: _Piece) -> Check:
    try:
        return Check(piece.name, "ok", _private(piece.examine()), essential=piece.essential)
    except _BrokenError as broken:
        reason, advice, facts = str(broken), broken.advice or piece.advice, broken.facts
        essential = piece.essential if broken.essential is None else broken.essential
    except Exception as error:
        reason, advice, facts = f"{type(error).__name__}: {error}", piece.advice, {}
        essential = piece.essential
    reason = _private(" ".join(reason.split())[:300])
    return Check(piece.name, "failed" if essential else "warning", _private(facts), reason, advice, essential)


def _pieces() -> list[_Piece]:
    backend = reinstall(_keras_backend()[0])
    again = "install actionzoo again, into an empty environment"
    return [
        _Piece("actionzoo", python_facts, again),
        _Piece("machine", machine_facts, "report this", essential=False),
        _Piece("packages", _packages, again, essential=False),
        _Piece("extras", _extras, "report this", essential=False),
        _Piece("video", _video, f"{reinstall('av')} && {reinstall_opencv()}"),
        _Piece("flow", _flow, reinstall_opencv()),
        _Piece("model", _model, again),
        _Piece("openvino", _openvino, f"{reinstall('openvino')}; until then use --engine keras"),
        _Piece("keras", _keras, f"{backend}, or choose another one: KERAS_BACKEND", slow=True),
        _Piece("devices", _devices, "see the backend's own page about accelerators", essential=False, slow=True),
        _Piece("cache", _cache, "set ACTIONZOO_CACHE to a folder that can be written", essential=False),
        _Piece("hub", _hub, "report this", essential=False),
    ]


def _packages() -> dict[str, Any]:
    """The versions of what actionzoo always needs, None for what is not installed."""
    found = {name: version_of(name) for name in required()[""]}
    facts = {"versions": found}
    missing = [name for name, version in found.items() if version is None]
    wrong = unfit()
    reasons = [f"not installed: {', '.join(missing)}"] if missing else []
    reasons += [f"{name} is {found[name]}, actionzoo takes {requirement}" for name, requirement in wrong.items()]
    if reasons:
        raise _BrokenError("; ".join(reasons), install(*missing, *wrong), facts)
    return facts


def _extras() -> dict[str, Any]:
    """The same of each optional extra."""
    groups = required()
    always = groups.pop("")
    more = {extra: [name for name in names if name not in always] for extra, names in groups.items() if extra != "dev"}
    return {extra: {name: version_of(name) for name in names} for extra, names in more.items() if names}


def _video() -> dict[str, Any]:
    av = import_module("av")
    known = set(av.codec.codecs_available)
    decoders = {codec: any(_decodes(av, name) for name in names if name in known) for codec, names in DECODERS.items()}
    facts = {"ffmpeg": av.ffmpeg_version_info, "decoders": decoders}
    if missing := [codec for codec, there in decoders.items() if not there]:
        raise _BrokenError(f"FFmpeg has no decoder for {', '.join(missing)}", "", facts, essential="h264" in missing)
    _write_and_read()
    return facts


def _write_and_read() -> None:
    """Writes a video and reads it back."""
    frames = [frame[..., None].repeat(3, -1) for frame in _moving_picture()]
    with tempfile.TemporaryDirectory(prefix="actionzoo-") as folder:
        path = Path(folder, "doctor.mp4")
        with import_module("actionzoo.video.writer").VideoWriter(path, 10.0, SIZE) as video:
            for frame in frames:
                video.write(frame)
        read = [frame.image for frame in import_module("actionzoo.video.reader").read_frames(path)]
    if len(read) != len(frames):
        raise _BrokenError(f"of a video of {len(frames)} frames {len(read)} are read")
    off = max(float(abs(one.astype(int) - other).mean()) for one, other in zip(frames, read, strict=True))
    if not off < 16:
        raise _BrokenError(f"a video is read with other colours than it was written with (by {off:.0f} of 255)")


def _decodes(av: Any, name: str) -> bool:
    try:
        av.codec.Codec(name, "r")
    except ValueError:
        return False
    return True


def _flow() -> dict[str, Any]:
    """Each method on a picture that moves by a known number of pixels, and its time as a multiple of that of "dis"."""
    flow = import_module("actionzoo.video.flow")
    frames = _moving_picture()
    methods = {method: _flow_of(flow, frames, method) for method in flow.METHODS}  # each one's first call is slow
    working = [method for method, found in methods.items() if "failed" not in found]
    seconds = dict.fromkeys(working, float("inf"))
    for turn in range(ROUNDS):  # in turns, so that a busy moment of the machine slows all of them
        for method in working:
            if turn and seconds[method] > SLOW:
                continue
            since = time.perf_counter()
            flow.optical_flow(frames, method, workers=1)
            seconds[method] = min(seconds[method], time.perf_counter() - since)
    for method in working:
        methods[method]["ms"] = round(1000 * seconds[method], 2)
        if "dis" in seconds:
            methods[method]["ratio"] = round(seconds[method] / seconds["dis"], 1)
    if broken := {method: found["failed"] for method, found in methods.items() if "failed" in found}:
        reasons = "; ".join(f"{method}: {reason}" for method, reason in broken.items())
        advice = install("numba", "llvmlite") if set(broken) == {"tvl1"} else ""
        raise _BrokenError(reasons, advice, facts={"methods": methods})
    return {"methods": methods}


def _flow_of(flow: Any, frames: Any, method: str) -> dict[str, Any]:
    """Why a method does not work, or nothing."""
    try:
        field = flow.optical_flow(frames, method, workers=1)[0]
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    inner = field[16:-16, 16:-16].reshape(-1, 2)
    off = abs(float(sorted(inner[:, 0])[len(inner) // 2]) - SHIFT)
    return {} if off < 0.5 else {"failed": f"a motion of {SHIFT} pixels is measured {off:.1f} pixels wrong"}


def _moving_picture() -> Any:
    """Two grey frames `(2, height, width)` uint8, the second moved right by `SHIFT` pixels."""
    np = import_module("numpy")
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1] + SHIFT]
    wide = 128 + 50 * np.sin(columns / 5.0 + rows / 9.0) + 50 * np.sin(rows / 6.0 - columns / 11.0)
    return np.stack([wide[:, SHIFT:], wide[:, :-SHIFT]]).astype(np.uint8)


def _model() -> dict[str, Any]:
    """The model that comes with the package, with its checksums checked."""
    files = import_module("actionzoo.hub.resolve").resolve_model("mini")
    files.openvino_ir()
    return {"name": files.name, "sha256": files.sha256, "classes": list(files.spec.classes)}


def _openvino() -> dict[str, Any]:
    openvino = import_module("actionzoo.hub.openvino").import_openvino()
    core = openvino.Core()
    facts: dict[str, Any] = {
        "version": openvino.get_version(),
        "devices": {name: core.get_property(name, "FULL_DEVICE_NAME") for name in core.available_devices},
        "bf16": "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    }
    return facts | _runs("openvino")


def _runs(engine: str) -> dict[str, Any]:
    """Loads mini into an engine and answers one clip, twice. Seconds to load, milliseconds for the second clip."""
    since = time.perf_counter()
    files = import_module("actionzoo.hub.resolve").resolve_model("mini")
    loaded = import_module("actionzoo.inference.engines").load_engine(files, engine, "f32")
    load_s = time.perf_counter() - since
    clip = _clip_of(files.spec)
    loaded(*clip)
    since = time.perf_counter()
    logits = loaded(*clip)
    clip_ms = 1000 * (time.perf_counter() - since)
    if logits.shape != (1, len(files.spec.classes)) or not abs(logits).max() < 1e4:
        raise _BrokenError(f"mini gives no usable logits on {loaded.name}: {logits.tolist()}")
    return {"load_s": round(load_s, 2), "clip_ms": round(clip_ms, 1), "logits": [round(float(x), 4) for x in logits[0]]}


def _clip_of(spec: Any) -> tuple[Any, Any]:
    """One clip of a picture that moves, as an engine takes it."""
    np = import_module("numpy")
    size = (spec.height, spec.width)
    rows, columns = np.mgrid[: size[0], : size[1]]
    picture = 128 + 100 * np.sin(columns / 7.0) * np.sin(rows / 7.0)
    appearance = np.broadcast_to(picture[None, None, ..., None], (1, spec.num_frames, *size, 3)).astype(np.uint8)
    motion = np.zeros((1, spec.num_frames, *size, 2 * spec.stack_length), np.float32)
    motion[..., 0::2] = np.sin(columns / 9.0)[..., None]
    return appearance, motion


def _keras() -> dict[str, Any]:
    chosen, by = _keras_backend()
    facts: dict[str, Any] = {"backend": chosen, "chosen_by": by, "backend_version": version_of(chosen)}
    try:
        facts |= _runs("keras")
    except Exception as error:
        raise _BrokenError(f"{type(error).__name__}: {error}", facts=facts) from error
    try:
        other = _runs("openvino")["logits"]
    except Exception:
        return facts  # OpenVINO's own check tells what is wrong with it
    apart = max(abs(one - two) for one, two in zip(facts["logits"], other, strict=True))
    facts["apart_from_openvino"] = round(apart, 5)
    if not apart <= SAME_LOGITS:
        raise _BrokenError(f"Keras and OpenVINO differ by {apart:.3g} in mini's logits", "report this", facts)
    return facts


def _keras_backend() -> tuple[str, str]:
    """The backend that Keras will load, and what chooses it."""
    if chosen := os.environ.get("KERAS_BACKEND"):
        return chosen, "KERAS_BACKEND"
    file = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "keras.json")
    try:
        return str(json.loads(file.read_text("utf-8"))["backend"]), str(file)
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "default"


def _devices() -> dict[str, Any]:
    """The accelerators that Keras' backend sees, by name."""
    keras = import_module("keras")
    backend = keras.backend.backend()
    module = import_module(backend)
    names: list[str] = []
    if backend == "tensorflow":
        found = module.config.list_physical_devices()
        details = module.config.experimental.get_device_details
        names = [str(details(one).get("device_name", one.name)) for one in found if one.device_type != "CPU"]
    elif backend == "jax":
        names = [str(one.device_kind) for one in module.devices() if one.platform != "cpu"]
    elif backend == "torch":
        names = [str(module.cuda.get_device_name(index)) for index in range(module.cuda.device_count())]
    return {"backend": backend, "accelerators": names}


def _cache() -> dict[str, Any]:
    folder = import_module("actionzoo.hub.cache").chosen_cache_folder()
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    facts = {"folder": str(folder), "files": len(sizes), "size_bytes": sum(sizes), "writable": True}
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        if not there.is_dir():
            raise NotADirectoryError(20, "is not a folder", str(there))
        trial = there / f".actionzoo-{os.urandom(4).hex()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        reason = f"{folder} cannot be written: {error.strerror or error}"
        raise _BrokenError(reason, facts=facts | {"writable": False}) from error
    return facts


def _hub() -> dict[str, Any]:
    """What decides about downloads. Only whether there is a token is told, never the token; no request is made."""
    constants = import_module("huggingface_hub.constants")
    endpoint = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT", ""))
    tokens = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    has_token = any(os.environ.get(name) for name in tokens) or Path(constants.HF_TOKEN_PATH).is_file()
    return {
        "offline": bool(constants.is_offline_mode()),
        "endpoint": f"{endpoint.scheme}://{endpoint.netloc.rpartition('@')[2]}" if endpoint.hostname else "default",
        "token": "set" if has_token else "not set",
        "cache": str(constants.HF_HUB_CACHE),
    }


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
