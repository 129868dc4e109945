"""Lists in columns, and facts as JSON: with a heading on a terminal, plain elsewhere."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from ._output import standard_output

PLAIN_WIDTH = 10_000


def standard_console() -> Console:
    """Standard output; lines are not wrapped where it is not a terminal."""
    out = standard_output(utf8=False)
    return Console(file=out, width=None if out.isatty() else PLAIN_WIDTH, highlight=False)


def columns(to: Console, *names: str, whole: tuple[str, ...]) -> Table:
    """Columns with a heading on a terminal, and without one elsewhere, for `cut`, `sort` and `awk`.

    Those in `whole` are never wrapped.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=to.is_terminal, header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=name in whole)
    return table


def print_table(to: Console, table: Table) -> None:
    """Prints a table; without trailing blanks where standard output is not a terminal."""
    if to.is_terminal:
        to.print(table)
        return
    with to.capture() as text:
        to.print(table)
    to.file.writelines(f"{line.rstrip()}\n" for line in text.get().splitlines())


def print_json(content: object) -> None:
    """Prints JSON, in UTF-8 whatever the locale."""
    out = standard_output(utf8=True)
    out.write(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
