"""The catalog: the models that actionzoo knows by name, and the checksum of every file of theirs."""

from __future__ import annotations

import hashlib
import importlib.resources
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from actionzoo.errors import ModelNotFoundError, WeightsError

PACKAGE = "actionzoo.weights"


@dataclass(frozen=True)
class CatalogEntry:
    """One model of the catalog. `precision` is the fastest one whose answers were measured to agree with f32."""

    name: str
    summary: str
    precision: str
    files: Mapping[str, str]
    root: Traversable

    def read(self, file: str) -> bytes:
        """The bytes of one of the entry's files, checked. Raises WeightsError if it is missing or not as catalogued."""
        try:
            content = (self.root / self.name / file).read_bytes()
        except OSError as error:
            raise WeightsError(f"{self.name}: its file {file} is missing; install actionzoo again") from error
        if hashlib.sha256(content).hexdigest() != self.files.get(file):
            raise WeightsError(f"{self.name}: {file} is not the file of the catalog (sha256); install actionzoo again")
        return content


def load_catalog(root: Traversable | None = None) -> dict[str, CatalogEntry]:
    """Every entry by name. `root` is the folder of `catalog.toml`, by default the one that comes with the package."""
    try:
        root = importlib.resources.files(PACKAGE) if root is None else root
        tables = tomllib.loads((root / "catalog.toml").read_text("utf-8"))
        return {
            name: CatalogEntry(name, table["summary"], table.get("precision", "f32"), dict(table["files"]), root)
            for name, table in tables.items()
        }
    except (ModuleNotFoundError, OSError) as error:
        raise ModelNotFoundError("the catalog of models is missing; install actionzoo again") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise WeightsError(f"the catalog of models is damaged ({error}); install actionzoo again") from error
