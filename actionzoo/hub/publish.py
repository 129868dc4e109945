"""One's own models on the Hugging Face hub: weights, what they expect, and a card that says no more than is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actionzoo.errors import ActionzooError, ModelError, ModelNotFoundError, OfflineError
from actionzoo.hub.card import model_card
from actionzoo.hub.download import MODEL_FILE, WAIT_S, parse_address
from actionzoo.hub.resolve import resolve_model
from actionzoo.video.spec import InputSpec

METRICS_FILE = "metrics.json"
LARGEST_METRICS = 1 << 20


def push(run: str | Path, address: str, *, licence: str | None = None, private: bool = False) -> str:
    """Upload a model to a hub repository, which is made if there is none, as one commit.

    What goes there: `model.keras`, in which the input spec travels; the same as `input.json` and the classes
    as `labels.txt`, for other programs; and a card, `README.md`. Nothing else of a run folder is uploaded.

    Args:
        run: a `.keras` file, or a run folder; a `metrics.json` in it goes into the card.
        address: `hf://user/repo`.
        licence: of the weights, by its name on the hub, such as `"apache-2.0"`; `None` leaves it unstated.
        private: make a new repository private.

    Returns:
        The address of exactly this commit, `hf://user/repo@commit`.

    Raises:
        ModelNotFoundError: there is no such model, or the address is none.
        WeightsError: the model file is damaged.
        ModelError: nobody is logged in, the account may not write there, or the hub does not answer.
        OfflineError: HF_HUB_OFFLINE forbids it.
    """
    if "@" in address:
        raise ModelNotFoundError(f"{address} names a revision; a new commit is made, so give hf://user/repo alone")
    repo, _ = parse_address(address)
    files = resolve_model(run, offline=True)
    if files.path is None:
        raise ModelNotFoundError(f"{files.name} comes with actionzoo; give a .keras file or a run folder of your own")
    card = model_card(repo, files.spec, _metrics(Path(run)), licence)
    try:
        commit = _upload(repo, files.path, _texts(files.spec, card), private=private)
    except ActionzooError:
        raise
    except Exception as error:
        raise _explained(error, address) from error
    return f"hf://{repo}@{commit}"


def _texts(spec: InputSpec, card: str) -> dict[str, str]:
    texts = {"README.md": card, "input.json": spec.to_json() + "\n"}
    if spec.classes:
        texts["labels.txt"] = "".join(f"{name}\n" for name in spec.classes)
    return texts


def _metrics(run: Path) -> dict[str, Any]:
    """The numbers of a run folder; none where it has no metrics. Raises ModelError if they cannot be read."""
    path = run / METRICS_FILE
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > LARGEST_METRICS:
            raise ValueError("it is too large")
        metrics = json.loads(path.read_text("utf-8"))
        if not isinstance(metrics, dict):
            raise ValueError("it is no table of numbers")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); mend or remove it") from error
    return metrics


def _upload(repo: str, model: Path, texts: dict[str, str], *, private: bool) -> str:
    """One commit with these files; its id."""
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    if constants.is_offline_mode():
        raise OfflineError("the network is off (HF_HUB_OFFLINE); unset it to publish a model")
    # The client retries a dead hub for half a minute; asking once ourselves first keeps the wait short.
    get_session().head(constants.ENDPOINT, timeout=WAIT_S)
    api = HfApi(endpoint=constants.ENDPOINT)
    api.whoami()
    api.create_repo(repo, private=private, exist_ok=True)
    operations = [CommitOperationAdd(MODEL_FILE, model)]
    operations += [CommitOperationAdd(name, text.encode()) for name, text in texts.items()]
    done = api.create_commit(repo, operations, commit_message="Publish with actionzoo")
    return str(done.oid)


def _explained(error: Exception, address: str) -> ActionzooError:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.LocalTokenNotFoundError) or status == 401:
        return ModelError(f"{address}: nobody is logged in to the hub; run `hf auth login` with a token that may write")
    if status == 403:
        return ModelError(f"{address}: this account may not write there; take a repository of your own")
    if isinstance(error, errors.HFValidationError):
        return ModelNotFoundError(f"{address} is no hub address; write hf://user/repo")
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(f"{address}: the hub did not take it ({reason}); check the network or HF_ENDPOINT")
