"""The command `rhizome`: what can be typed. The work is imported when it is asked for."""

import atexit
import gc
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.families import family
from rhizome_pipelines.cli.identifying import WHOLE_OR_BEGINNING
from rhizome_pipelines.cli.output import EXIT_FAILED, complain
from rhizome_pipelines.transfer.inputs import ExportFormat, ImportStrategy

app = typer.Typer(
    name="rhizome",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Documents in; markdown, chunks, embeddings and connections out.",
)
app.add_typer(family("rhizome_pipelines.cli.jobs", "See and steer jobs."), name="jobs")
app.add_typer(
    family("rhizome_pipelines.cli.documents", "Add, see and remove documents."), name="documents"
)
app.add_typer(family("rhizome_pipelines.cli.storage", "The stored files."), name="storage")
app.add_typer(family("rhizome_pipelines.cli.database", "The database."), name="db")


@app.callback()
def _common(
    user: Annotated[
        UUID | None,
        typer.Option(help="Whose documents and jobs. Default: RHIZOME_USER.", show_default=False),
    ] = None,
) -> None:
    context.set_user(user)


Documents = Annotated[
    list[str] | None,
    typer.Argument(metavar="DOCUMENT", help=WHOLE_OR_BEGINNING),
]
Everything = Annotated[bool, typer.Option("--all", help="All documents.")]


@app.command()
def process(
    named: Annotated[list[str], typer.Argument(help="Files, folders and web addresses.")],
    again: Annotated[bool, typer.Option("--again", help="Process known documents anew.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Process documents: into markdown, chunks, embeddings and connections.

    The same bytes of the same user are the same document: what is known and done is not done
    again. Uses the deployment that is up, and starts one for as long as needed if there is none.
    What begins with a dot is passed over in folders, and taken if it is named itself.
    """
    from rhizome_pipelines.cli.process import process_named  # noqa: PLC0415 - see the docstring

    process_named(named, again=again, as_json=as_json)


@app.command()
def detect(
    documents: Documents = None,
    everything: Everything = False,
    chunks: Annotated[
        list[UUID] | None,
        typer.Option("--chunk", metavar="ID", help="Only this chunk; can be said several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Look for connections of documents that are processed, in what the library holds now."""
    from rhizome_pipelines.cli.connections import detect_for  # noqa: PLC0415 - see the docstring

    detect_for(documents or [], chunks or [], everything=everything, as_json=as_json)


@app.command()
def reprocess(
    documents: Documents = None,
    everything: Everything = False,
    mode: Annotated[
        str,
        typer.Option(
            metavar="all|smart|add_new",
            help="all: everything anew but what a person drew by hand; smart: what a person has "
            "validated, starred or rejected stays too; add_new: everything stays, and only "
            "documents newer than the newest connection are looked at.",
        ),
    ] = "smart",
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Make the connections of documents anew; what a person has judged is written down first."""
    from rhizome_pipelines.cli import connections  # noqa: PLC0415 - see the docstring

    connections.reprocess(documents or [], mode, everything=everything, as_json=as_json)


@app.command()
def export(
    documents: Documents = None,
    everything: Everything = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.zip", help="Default: a name of its own."),
    ] = None,
    connections: Annotated[
        bool, typer.Option("--connections", help="With the connections between them.")
    ] = False,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="With highlights and notes.")
    ] = False,
    kind: Annotated[
        ExportFormat,
        typer.Option("--format", help="All to be imported again, readable notes, or tables."),
    ] = ExportFormat.ZIP,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Export documents with all that belongs to them into one archive.

    The format zip always holds each document's stored files. One of them is its
    connections.parquet, if its connections were looked for, with titles and snippets of the
    documents at their other ends. --connections is about the rows that an import reads.
    """
    from rhizome_pipelines.cli.exporting import export_named  # noqa: PLC0415 - see the docstring

    export_named(
        documents or [],
        output,
        everything=everything,
        connections=connections,
        annotations=annotations,
        kind=kind,
        force=force,
        as_json=as_json,
    )


@app.command("import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.zip|FOLDER|chunks.json",
            help="An archive; a folder that holds what an archive would; or one chunks.json, with "
            "--document.",
        ),
    ],
    document: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Import only this document of the archive, or the chunks.json as this one's. "
            "Of documents that are there, how the id begins is enough.",
        ),
    ] = None,
    strategy: Annotated[
        ImportStrategy, typer.Option(help="What becomes of documents that are there already.")
    ] = ImportStrategy.SKIP,
    regenerate_embeddings: Annotated[
        bool, typer.Option("--regenerate-embeddings", help="Embed anew.")
    ] = False,
    reprocess_connections: Annotated[
        bool, typer.Option("--reprocess-connections", help="Then look for connections.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Import documents that were exported, here or by another installation."""
    from rhizome_pipelines.cli.importing import import_named  # noqa: PLC0415 - see the docstring

    import_named(
        path,
        document,
        strategy,
        regenerate_embeddings=regenerate_embeddings,
        reprocess_connections=reprocess_connections,
        dry_run=dry_run,
        as_json=as_json,
    )


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address of Dagster's web server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 3000,
    panel_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port that exports are downloaded at. Default: RHIZOME_PANEL_PORT.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start the database, Dagster's web server and daemon, and stay until Ctrl-C.

    Exports from a local folder are handed out meanwhile, to whoever holds a link.
    """
    from rhizome_pipelines.cli import deployment  # noqa: PLC0415 - see the docstring

    deployment.up(host, port, panel_port)


@app.command()
def down() -> None:
    """Stop the deployment of this home, wherever it was started, and the embedded server."""
    from rhizome_pipelines.cli import deployment  # noqa: PLC0415 - see the docstring

    deployment.down()


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Look whether everything that Rhizome needs is there and works."""
    from rhizome_pipelines.cli.doctor import doctor  # noqa: PLC0415 - see the docstring

    doctor(as_json=as_json)


def main() -> None:
    """Entry point. A fault of ours is told in one line too, and where to find the rest."""
    # What modules make when they are imported stays till the end; looking through it for garbage
    # again and again, and once more at the end, took a quarter of the time of a short command.
    gc.set_threshold(50_000, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
    try:
        app()
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its right.
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except Exception as fault:
        complain(
            f"an unexpected fault ({type(fault).__name__}: {fault}). This is a defect in Rhizome; "
            "run again with RHIZOME_LOG_LEVEL=debug for the details."
        )
        if context.debugging():
            raise
        sys.exit(EXIT_FAILED)
