"""`rhizome documents`: add, list, show, delete."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, assert_never

import typer

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.asking import named_documents
from rhizome_pipelines.cli.identifying import DOCUMENT, WHOLE_OR_BEGINNING
from rhizome_pipelines.cli.output import (
    EXIT_USAGE,
    complain,
    console,
    show_json,
    show_pairs,
    show_table,
    told,
)
from rhizome_pipelines.cli.removal import Waiting, confirm
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.finding import PassedOver, Refused, find_items
from rhizome_pipelines.deployment.intake import Added, take_in
from rhizome_pipelines.lifecycle.documents import Document

if TYPE_CHECKING:
    from rhizome_pipelines.deployment.document_removal import Removed

app = typer.Typer(no_args_is_help=True, help="Add, see and remove documents.")

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command()
def add(
    named: Annotated[list[str], typer.Argument(help="Files, folders and web addresses.")],
    as_json: AsJson = False,
) -> None:
    """Add documents without processing them; prints their ids, one a line.

    What begins with a dot is passed over in folders, and taken if it is named itself.
    """
    refused = False
    added: list[dict[str, Any]] = []
    with told(), context.services() as services:
        for one in take_in(services, services.settings.user, find_items(named)):
            match one:
                case Added():
                    label = one.item.label
                    added.append({"id": one.document.id, "known": one.known, "label": label})
                case Refused():
                    complain(f"{one.named}: {one.error.message}")
                    refused = True
                case PassedOver():
                    pass
                case _:
                    assert_never(one)
    if as_json:
        show_json(added)
    else:
        for told_of in added:
            typer.echo(told_of["id"])
    if refused:
        raise typer.Exit(EXIT_USAGE)


@app.command("list")
def list_documents(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List documents, the newest first."""
    with told(), context.services() as services:
        found = DocumentRepository(services.database).list(services.settings.user, limit=limit)
    if as_json:
        show_json([_as_json(document) for document in found])
        return
    show_table(
        None,
        ["id", "title", "author", "type", "status", "added"],
        [
            [
                document.id,
                _title(document),
                document.author,
                document.source_type,
                document.processing_status,
                document.created_at,
            ]
            for document in found
        ],
    )


@app.command()
def show(
    document_id: Annotated[str, typer.Argument(metavar="DOCUMENT", help=WHOLE_OR_BEGINNING)],
    as_json: AsJson = False,
) -> None:
    """Show one document, its files and its newest job."""
    with told(), context.services() as services:
        (document,) = named_documents(services, [document_id])
        job = JobRepository(services.database).latest_for_document(document.id)
        store = services.checkpoints(document)
        files = list(services.objects.list(store.keys.prefix))
    if as_json:
        shown = _as_json(document)
        shown["files"] = [vars(file) for file in files]
        shown["job_id"] = job.id if job else None
        show_json(shown)
        return
    show_pairs(
        {
            "document": str(document.id),
            "title": _title(document),
            "author": document.author,
            "type": document.source_type,
            "status": document.processing_status,
            "address": document.source_url,
            "added": document.created_at,
            "newest job": str(job.id) if job else None,
        }
    )
    console.print()
    show_table(
        "Files", ["key", "bytes", "written"], [[one.key, one.size, one.modified] for one in files]
    )


@app.command()
def delete(
    ids: Annotated[list[str], typer.Argument(metavar="DOCUMENT", help=WHOLE_OR_BEGINNING)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove documents with everything of them; their jobs are ended first.

    What goes: jobs, stored files, chunks, connections from and to them, annotations, what is known
    of their synchronisation, their partition in Dagster. Exports and notes in a vault stay.
    """
    with told(), context.services() as services:
        # Late: Dagster takes seconds to import.
        from rhizome_pipelines.deployment.document_removal import (  # noqa: PLC0415
            Removed,
            delete_documents,
        )
        from rhizome_pipelines.run_history import dagster_history  # noqa: PLC0415

        user = services.settings.user
        meant, unknown = DOCUMENT.resolved(services, ids, user)
        documents = DocumentRepository(services.database)
        there = [one for one in meant if documents.get(user, one) is not None]
        done = Removed(dry_run=dry_run)
        if there:
            with dagster_history(context.dagster_home()) as history:

                def act(dry_run: bool) -> Removed:
                    return delete_documents(
                        services, there, user, history, dry_run=dry_run, told=Waiting()
                    )

                if not dry_run:
                    confirm(lambda: act(True).summary(), yes=yes)
                done = act(dry_run)
    gone = tuple(one for one in meant if one not in there) + done.unknown
    _show_removed(replace(done, unknown=gone), unknown, as_json, nothing=not there)


def _show_removed(done: "Removed", unknown: list[str], as_json: bool, *, nothing: bool) -> None:
    """What went, if there was anything; and a refusal for each that was not there."""
    if as_json:
        show_json(asdict(done))
    elif not nothing:
        console.print(done.summary(), soft_wrap=True)
    unknown += [
        f"There is no document {one} of this user; see `rhizome documents list`."
        for one in done.unknown
    ]
    for sentence in unknown:
        complain(sentence)
    if unknown:
        raise typer.Exit(EXIT_USAGE)


def _title(document: Document) -> str | None:
    """The title, or as long as there is none what the source is called."""
    named = document.source_metadata.get("file_name") or document.source_url
    return document.known_title or named or document.title


def _as_json(document: Document) -> dict[str, Any]:
    return dict(vars(document))
