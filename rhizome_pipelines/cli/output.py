"""How the command line speaks: tables and colours in a terminal, plain lines in a pipe, JSON."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from rhizome_pipelines.cli.harmless import HarmlessConsole, escaped, one_line
from rhizome_pipelines.cli.identifying import shortened
from rhizome_pipelines.lifecycle.errors import ErrorType, RhizomeError

EXIT_FAILED = 1
EXIT_USAGE = 2

# A title like ":bomb:" is no wish for a picture.
console = HarmlessConsole(highlight=False, emoji=False)
errors = HarmlessConsole(stderr=True, highlight=False, emoji=False)

STATUS_STYLES = {
    "completed": "green",
    "processing": "cyan",
    "pending": "dim",
    "paused": "yellow",
    "failed": "red",
    "cancelled": "magenta",
}


@contextmanager
def told() -> Iterator[None]:
    """Tell a person of a fault in one line, never by a traceback."""
    try:
        yield
    except RhizomeError as error:
        complain(error.message)
        code = EXIT_USAGE if error.error_type is ErrorType.INVALID else EXIT_FAILED
        raise typer.Exit(code) from None
    except KeyboardInterrupt as interrupt:
        complain(str(interrupt) or "Stopped.")
        raise typer.Exit(130) from None


def complain(message: str) -> None:
    """One line on stderr."""
    errors.print(f"[red]rhizome:[/red] {escape(one_line(message))}", soft_wrap=True)


def mention(message: str) -> None:
    """Something worth knowing that is no fault; on stderr, out of the way of what is piped."""
    errors.print(f"[dim]{escape(one_line(message))}[/dim]", soft_wrap=True)


def show_json(value: object) -> None:
    """JSON on stdout, for programs."""
    document = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    sys.stdout.write(escaped(document) + "\n")


def show_table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table in a terminal, ids (UUIDs) shortened; tab-separated lines in a pipe."""
    if not console.is_terminal:
        for row in [columns, *rows]:
            sys.stdout.write("\t".join(_cell(value) for value in row) + "\n")
        return
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        values = [row[number] for row in rows]
        numeric = bool(rows) and all(isinstance(value, int | float | None) for value in values)
        table.add_column(
            column,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=any(isinstance(value, UUID) for value in values),
        )
    short = shortened({value for row in rows for value in row if isinstance(value, UUID)})
    for row in rows:
        table.add_row(
            *(short[value] if isinstance(value, UUID) else _styled(value) for value in row)
        )
    console.print(table)


def show_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        console.print(f"[bold]{name:<{width}}[/bold]  {_styled(value)}", soft_wrap=True)


def _styled(value: object) -> str:
    text = _cell(value)
    style = STATUS_STYLES.get(text)
    return f"[{style}]{text}[/{style}]" if style else escape(text)


def _cell(value: object) -> str:
    match value:
        case None:
            return "–"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:.1f}"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case _:
            return one_line(str(value))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
