"""`rhizome import`: an archive, a folder or a `chunks.json` into the library."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.asking import fail_unless_completed, see_through
from rhizome_pipelines.cli.identifying import DOCUMENT
from rhizome_pipelines.cli.output import mention, show_json, show_table, told
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.finding import shown
from rhizome_pipelines.deployment.importing import preview, take_in
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.wording import some
from rhizome_pipelines.transfer.inputs import ImportInput, ImportStrategy
from rhizome_pipelines.transfer.plan import Decision, Plan


def import_named(
    path: Path,
    document: str | None,
    strategy: ImportStrategy,
    *,
    regenerate_embeddings: bool,
    reprocess_connections: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Have it imported, or only tell what that would do. `document`: only that one of it."""
    with told(), asked_to_end(), context.services() as services:
        user = services.settings.user
        only = None if document is None else DOCUMENT.resolve(services, document, user)
        key = take_in(services, user, path, only)
        given: dict[str, Any] = {
            **({} if only is None else {"document_id": str(only)}),
            "storage_path": key,
            "strategy": strategy.value,
            "regenerateEmbeddings": regenerate_embeddings,
            "reprocessConnections": reprocess_connections,
        }
        if dry_run:
            try:
                plan = preview(services, user, ImportInput.read(given))
            finally:
                services.objects.delete([key])
            _show_plan(plan, as_json)
            return
        title = shown(path.absolute().name) or str(path)
        (ended,) = see_through(services, _ask(services, given, title), quiet=as_json)
    if as_json:
        show_json(ended.as_json())
    elif documents := ended.output.get("documents"):
        _show_documents(documents)
        _mention_connections(documents)
    fail_unless_completed([ended])


def _ask(services: Services, given: Mapping[str, Any], title: str) -> Iterator[WatchedJob]:
    job = JobRepository(services.database).insert(
        services.settings.user,
        JobType.IMPORT_DOCUMENT,
        input_data=given,
        metadata={"title": title},
    )
    yield WatchedJob(job.id, job.id, title)


def _show_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        show_json(plan.model_dump(mode="json"))
        return
    show_table(
        "What would be done",
        ["document", "decision", "added", "changed", "deleted", "unmatched"],
        [
            [
                one.title or one.document_id,
                one.decision.value,
                one.added,
                one.changed,
                one.deleted,
                len(one.unmatched),
            ]
            for one in plan.documents
        ],
    )
    _mention_notes((one.title, one.note) for one in plan.documents)


def _show_documents(documents: list[dict[str, Any]]) -> None:
    show_table(
        None,
        ["document", "decision", "chunks", "unmatched", "connections", "annotations", "to review"],
        [
            [
                one["documentTitle"] or one["documentId"],
                one["decision"],
                one["chunksImported"],
                len(one["chunksUnmatched"]),
                one["connectionsImported"] + one["connectionsCarriedOver"],
                one["annotationsImported"] + one["annotationsReanchored"],
                one["annotationsToReview"],
            ]
            for one in documents
        ],
    )
    _mention_notes((one["documentTitle"], one.get("note", "")) for one in documents)


def _mention_notes(notes: Iterable[tuple[str, str]]) -> None:
    for title, note in notes:
        if note:
            mention(f"{title}: {note}")


def _mention_connections(documents: Iterable[Mapping[str, Any]]) -> None:
    """The old ones go with the old chunks, but for those that a person has judged."""
    without = [
        str(one["documentId"])
        for one in documents
        if one["decision"] in (Decision.ADD, Decision.REPLACE)
        and one["chunksImported"]
        and not one["connectionsImported"]
        and not one["connectionDetectionJobId"]
    ]
    if without:
        named = without[0] if len(without) == 1 else "--all"
        mention(
            f"{some(len(without), 'document')} came without connections; `rhizome detect "
            f"{named}` looks for them."
        )
