from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import actionzoo.hub.resolve
from actionzoo.errors import ModelNotFoundError, WeightsError
from actionzoo.hub import InputSpec, load_catalog, resolve_model
from actionzoo.hub.cache import cache_folder, sha256_of
from actionzoo.inference import load_model
from actionzoo.weights.bundle import catalog_table

SPEC = InputSpec(("push", "hug"), 48, 64)


def keras_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("actionzoo.json", SPEC.to_json())
    return path


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a catalog of one model, "mini", which takes the place of the package's own."""
    folder = tmp_path / "catalog"
    keras = keras_file(folder / "mini" / "model.keras")
    (folder / "mini" / "openvino.xml").write_text("<net/>")
    (folder / "mini" / "openvino.bin").write_bytes(b"weights")
    files = {path.name: sha256_of(path) for path in keras.parent.iterdir()}
    facts = {"summary": 'six "classes"', "licence": "MIT", "data": "none", "precision": "bf16"}
    (folder / "catalog.toml").write_text(catalog_table("mini", facts, files))
    monkeypatch.setattr(actionzoo.hub.resolve, "load_catalog", lambda: load_catalog(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_name_of_the_catalog(catalog: Path) -> None:
    files = resolve_model("mini")
    assert files.spec == SPEC
    assert files.sha256 == sha256_of(catalog / "mini" / "model.keras")
    assert files.openvino_ir() == (b"<net/>", b"weights")
    assert files.precision == "bf16"
    assert load_catalog(catalog)["mini"].summary == 'six "classes"'


@pytest.mark.parametrize("file", ["model.keras", "openvino.xml", "openvino.bin"])
def test_a_file_that_is_not_the_catalogs(catalog: Path, file: str) -> None:
    path = catalog / "mini" / file
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(WeightsError, match=f"{file} is not the file of the catalog"):
        resolve_model("mini").openvino_ir()
    path.unlink()
    with pytest.raises(WeightsError, match=f"{file} is missing"):
        resolve_model("mini").openvino_ir()


def test_a_file_and_a_run_folder(catalog: Path, tmp_path: Path) -> None:
    file = keras_file(tmp_path / "run one" / "model.keras")
    by_file, by_folder = resolve_model(file), resolve_model(str(file.parent))
    assert by_file.path == by_folder.path == file
    assert by_file.sha256 == sha256_of(file)
    assert (by_file.precision, by_file.openvino_ir()) == ("f32", None)


def test_the_catalog_goes_before_a_file_of_the_same_name(catalog: Path, tmp_path: Path) -> None:
    keras_file(tmp_path / "mini" / "model.keras")
    assert resolve_model("mini").entry is not None
    assert resolve_model("./mini").entry is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("minni", "did you mean mini?"),
        ("Mini", "did you mean mini?"),
        ("best.kers", "did you mean best.keras"),
        ("runs/lst", "did you mean runs/last"),
        ("quite_different", "a model is one of mini;"),
        ("notes.txt", "is not a model"),
        ("runs", "holds no model.keras"),
        ("missing/folder/model.keras", "there is no model"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(catalog: Path, tmp_path: Path, wrong: str, says: str) -> None:
    keras_file(tmp_path / "best.keras")
    keras_file(tmp_path / "runs" / "last" / "model.keras")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelNotFoundError) as caught:
        resolve_model(wrong)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_catalog_that_is_damaged_or_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="install actionzoo again"):
        load_catalog(tmp_path)
    for damage in ("[mini", "mini = 3", "[mini]\nsummary = 'no files'", "\xff"):
        (tmp_path / "catalog.toml").write_bytes(damage.encode("latin-1"))
        with pytest.raises(WeightsError, match=r"^catalog\.toml: "):
            load_catalog(tmp_path)


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("ACTIONZOO_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "actionzoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "actionzoo"


def test_a_loaded_model_is_its_files() -> None:
    model = load_model("mini")
    assert resolve_model(model) is model.files


def test_a_network_is_not_a_model() -> None:
    with pytest.raises(ModelNotFoundError, match=r"st_resnet50 is a network without weights.*\.keras"):
        resolve_model("st_resnet50")
