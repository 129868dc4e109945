"""`actionzoo weights`: which trained weights there are, bringing them here, and publishing one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from actionzoo.errors import ActionzooError, ModelNotFoundError
from actionzoo.hub import publish, store
from actionzoo.hub.catalog import CatalogEntry, find_entry, load_catalog
from actionzoo.hub.keras_models import save_model, silent
from actionzoo.hub.resolve import resolve_model

from ._listing import columns, print_json, print_table, standard_console
from ._options import Offline
from ._output import complain, debugging, printable, shows_progress, standard_output

PLACES = {"embedded": "package", "hub": "hub", "authors": "authors"}
"""What the list calls the places where weights lie."""

HUB = "hf://"

app = typer.Typer(
    help="List, fetch, check, import and publish trained weights.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="A name of `weights list`.")]


@app.command("list")
def list_(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", show_default=False, help="With wildcards, such as 'st_*'.")
    ] = "*",
    as_json: Json = False,
) -> None:
    """List the weights that have a name, one a line: where they come from and whether they are on this machine."""
    entries = [entry for entry in load_catalog().values() if fnmatchcase(entry.name, pattern)]
    if not entries:
        raise ModelNotFoundError(f"no weights match {pattern!r}; `actionzoo weights list` names them all")
    if as_json:
        print_json([_facts(entry) for entry in entries])
        return
    console = standard_console()
    table = columns(console, "name", "from", "here", "what it is", whole=("name", "from", "here"))
    for entry in entries:
        table.add_row(Text(entry.name, style="bold"), PLACES[entry.kind], _here(entry), entry.summary)
    print_table(console, table)


@app.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Show all that is known of some weights: origin, licence, data, input, accuracy, and where they are."""
    entry = find_entry(name)
    facts = _facts(entry)
    if as_json:
        print_json(facts)
        return
    out = standard_output(utf8=False)
    width = max(map(len, facts))
    for key, value in facts.items():
        for place, line in enumerate(_lines(value)):
            out.write(f"{'' if place else key.replace('_', ' '):<{width}}  {printable(line)}\n")


@app.command("pull")
def pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", show_default=False, help="Names of `weights list`, or hf://user/repo[@revision]."
        ),
    ],
    offline: Offline = False,
) -> None:
    """Fetch weights, so that this machine can be offline afterwards. Prints where they are.

    An interrupted download goes on where it stopped when it is tried again.
    """
    catalog = load_catalog()
    wanted = [name if name.startswith(HUB) else find_entry(name, catalog) for name in names]
    failed = 0
    for one in wanted:
        try:
            typer.echo(_pulled(one, offline=offline))
        except ActionzooError as error:
            if debugging() or len(wanted) == 1:
                raise
            complain(error)
            failed += 1
    if failed:
        raise typer.Exit(1 if failed == len(wanted) else 3)


def _pulled(wanted: str | CatalogEntry, *, offline: bool) -> str:
    """The line about weights that are here now: an address of the hub, or an entry of the catalog."""
    if isinstance(wanted, str):
        return f"{printable(wanted)}  {printable(str(resolve_model(wanted, offline=offline).path))}"
    place = "comes with actionzoo" if wanted.kind == "embedded" else str(_fetched(wanted, offline=offline))
    return f"{wanted.name}  {printable(place)}"


@app.command("verify")
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", show_default=False, help="Names of `weights list`. [default: all]"),
    ] = None,
) -> None:
    """Read the weights that are on this machine and compare their checksums with those they should have."""
    catalog = load_catalog()
    failed = False
    for entry in [find_entry(name, catalog) for name in names or catalog]:
        try:
            here = store.verify_weights(entry)
        except ActionzooError as error:
            complain(error)
            failed = True
        else:
            typer.echo(f"{entry.name}  {'good' if here else 'not here'}")
    if failed:
        raise typer.Exit(1)


@app.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            show_default=False,
            help="A .mat file, its http(s):// address, or a name of `weights list` from the authors.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.keras", show_default=False, help="[default: the network's name]"),
    ] = None,
    offline: Offline = False,
) -> None:
    """Make a model of a network of the papers' authors, a MatConvNet file."""
    path = _mat_file(source, offline=offline)
    with silent():
        from actionzoo.convert.matconvnet import convert_mat
    output = output or Path(f"{source if source in load_catalog() else path.stem}.keras")
    if output.suffix.lower() != ".keras":
        raise typer.BadParameter("must end in .keras", param_hint="--output")
    model, spec, report = convert_mat(path)
    save_model(model, spec, output)
    classes, loaded = model.output_shape[-1], len(report.loaded)
    typer.echo(f"{printable(output)}  {model.name}, {classes} classes, {loaded} weights, none left over")


@app.command("push")
def push(
    run: Annotated[
        str, typer.Argument(metavar="RUN", show_default=False, help="A run folder of `finetune`, or a .keras file.")
    ],
    address: Annotated[str, typer.Argument(metavar="hf://USER/REPO", show_default=False, help="Where it goes.")],
    licence: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the weights, as the hub calls it, such as apache-2.0.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
) -> None:
    """Publish a model on the Hugging Face hub, with its input spec and a card. Prints its address."""
    typer.echo(publish.push(run, address, licence=licence, private=private))


def _mat_file(source: str, *, offline: bool) -> Path:
    catalog = load_catalog()
    if source in catalog and catalog[source].kind == "authors":
        return _fetched(catalog[source], offline=offline)
    if source.startswith(("http://", "https://")):
        with _download_bar(source) as progress:
            return store.fetch_address(source, offline=offline, progress=progress)
    if source in catalog:
        raise ModelNotFoundError(f"{source} is no file of the papers' authors; `actionzoo weights show {source}` tells")
    return Path(source)


def _fetched(entry: CatalogEntry, *, offline: bool) -> Path:
    with _download_bar(entry.name) as progress:
        return store.fetch_weights(entry, offline=offline, progress=progress)


@contextmanager
def _download_bar(name: str) -> Iterator[Any]:
    """A bar on standard error while a file of another server than the hub comes; the hub's client has its own."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not shows_progress()) as bar:
        task = bar.add_task(printable(name), total=None, visible=False)
        yield lambda there, total: bar.update(task, completed=there, total=total, visible=True)


def _here(entry: CatalogEntry) -> str:
    return "yes" if entry.kind == "embedded" or store.find_weights(entry) is not None else "-"


def _facts(entry: CatalogEntry) -> dict[str, Any]:
    """What is known of an entry; what is not known is left out."""
    fields = {key: value for key, value in asdict(entry).items() if key != "root"}
    fields["input"] = {key: value for key, value in fields["input"].items() if value is not None}
    facts = {key: value for key, value in fields.items() if value}
    place = None if entry.kind == "embedded" else store.find_weights(entry)
    pin = None if entry.kind == "embedded" else store.read_pin(entry)
    facts["here"] = str(place) if place else entry.kind == "embedded"
    return facts | ({"first_fetched": asdict(pin)} if pin else {})


def _lines(value: Any) -> list[str]:
    """A value as one line or several."""
    if isinstance(value, dict):
        return [f"{key.replace('_', ' ')}: {_text(part)}" for key, part in value.items()]
    return [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
