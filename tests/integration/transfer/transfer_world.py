"""Installations with documents in them: a real database, a real folder, the real stages."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from rhizome_pipelines.checkpoints.keys import DocumentKeys, import_key
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.document_stages import StageContext, open_stage
from rhizome_pipelines.deployment.exporting import archive_stage
from rhizome_pipelines.deployment.finals import keep_finals
from rhizome_pipelines.deployment.importing import (
    IMPORT_STAGES,
    ImportContext,
    import_output,
    open_import_stage,
    preview,
)
from rhizome_pipelines.deployment.intake import Item, add_document, request_processing
from rhizome_pipelines.deployment.records import record_stage
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, Job, JobType
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES
from rhizome_pipelines.settings import load_settings
from rhizome_pipelines.stages.runner import StageFinished, StageRunner
from rhizome_pipelines.stages.stage import Stage, StopReason
from rhizome_pipelines.storage.folder import LocalFolderStore
from rhizome_pipelines.transfer.inputs import ImportInput
from rhizome_pipelines.transfer.plan import Plan

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Undisturbed:
    """Nobody asks to stop; what is told of progress is kept."""

    def __init__(self) -> None:
        self.fractions: list[float] = []

    def ask(self) -> StopReason | None:
        return None

    def stage(self, name: str, fraction: float, details: str, counters: Mapping[str, int]) -> None:
        self.fractions.append(fraction)

    def checkpoint(self, stage: str, path: str, hash: str) -> None:
        pass

    def stage_finished(self, name: str) -> None:
        pass


@dataclass
class Installation:
    """One database and one folder, as one user sees them."""

    services: Services
    user: UUID = field(default_factory=uuid4)

    # Documents

    def process(self, folder: Path, name: str, text: str, *, connections: bool = True) -> Document:
        """A text, through all stages of documents."""
        path = folder / name
        path.write_text(text)
        item = Item(SourceType.MARKDOWN_ASIS, path=path, title=path.stem)
        document = add_document(self.services, self.user, item).document
        job = request_processing(self.services, document, path.name)
        store = self.services.checkpoints(document)
        context = StageContext(
            self.services, document, job, store, self.begin(job), datetime.now(UTC)
        )
        upstream, results = None, {}
        for stage in DOCUMENT_STAGES[: None if connections else -1]:
            with open_stage(stage, context, upstream) as opened:
                upstream = self.walk(opened, store).checkpoint
            record_stage(self.services, document, stage, upstream)
            results[stage] = upstream
        keep_finals(store, document, results, dict.fromkeys(results, 1.0))
        self.database.execute(
            "update documents set processing_status = 'completed' where id = %s", (document.id,)
        )
        self.database.execute("delete from background_jobs where id = %s", (job.id,))
        store.discard_all()
        return document

    def store_file(self, document: Document, name: str, data: bytes) -> None:
        self.services.objects.write(DocumentKeys(self.user, document.id).prefix + name, data)

    def files(self, document_id: UUID) -> dict[str, bytes]:
        prefix = DocumentKeys(self.user, document_id).prefix
        objects = self.services.objects
        return {i.key.removeprefix(prefix): objects.read(i.key) for i in objects.list(prefix)}

    # Jobs

    def job(self, job_type: JobType, **input_data: Any) -> Job:
        return JobRepository(self.database).insert(self.user, job_type, input_data=input_data)

    def begin(self, job: Job) -> Fence:
        """Its first attempt."""
        attempt = AttemptRepository(self.database).begin(job.id, AttemptTrigger.START)
        assert attempt is not None
        return Fence(job.id, attempt.number)

    def store_of(self, job: Job) -> CheckpointStore:
        return CheckpointStore(self.services.objects, DocumentKeys(self.user, job.id))

    def walk(self, stage: Stage, store: CheckpointStore) -> StageFinished:
        beside = Undisturbed()
        found = StageRunner(store, beside, beside, lambda: NOW).run(stage)
        assert isinstance(found, StageFinished)
        assert beside.fractions == sorted(beside.fractions)
        return found

    # Exports

    def export(self, *documents: UUID, **options: Any) -> bytes:
        """The archive."""
        job = self.job(
            JobType.EXPORT_DOCUMENTS, document_ids=[str(one) for one in documents], **options
        )
        found = self.walk(archive_stage(self.services, job), self.store_of(job))
        return self.services.objects.read(str(found.checkpoint.facts["key"]))

    # Imports

    def upload(self, data: bytes, name: str = "archive.zip") -> str:
        key = import_key(self.user, name)
        self.services.objects.write(key, data)
        return key

    def import_(self, archive: bytes | None = None, **options: Any) -> dict[str, Any]:
        """Import an archive, or what the options name; the job's output."""
        if archive is not None:
            options["storage_path"] = self.upload(archive)
        job = self.job(JobType.IMPORT_DOCUMENT, **options)
        context = ImportContext(self.services, job, self.begin(job), reanchor_by_search)
        store, upstream = self.store_of(job), None
        for name in IMPORT_STAGES:
            with open_import_stage(name, context, upstream) as stage:
                upstream = self.walk(stage, store).checkpoint
        assert upstream is not None
        store.discard_all()
        assert [*self.services.objects.list(store.keys.prefix)] == []
        return import_output(job, upstream.facts, 1.0)

    def preview(self, archive: bytes, **options: Any) -> Plan:
        options["storage_path"] = self.upload(archive)
        return preview(self.services, self.user, ImportInput.read(options))

    def contents(self, document: UUID) -> list[str]:
        rows = self.database.all(
            "select content from chunks where document_id = %s and is_current order by chunk_index",
            (document,),
        )
        return [row["content"] for row in rows]

    @property
    def database(self) -> Database:
        return self.services.database


@contextmanager
def installation(database_url: str, folder: Path) -> Iterator[Installation]:
    """An empty one."""
    settings = load_settings(home=folder / "home", database_url=database_url)
    with Database(database_url) as database:
        yield Installation(Services(settings, database, LocalFolderStore(folder / "objects")))


@dataclass(frozen=True)
class Found:
    """What `reanchor_by_search` found."""

    placed: Mapping[str, int]
    lost: Sequence[UUID]
    needs_review: Sequence[UUID] = ()


@contextmanager
def reanchor_by_search(
    connection: Connection, user_id: UUID, document_id: UUID, read_text: Callable[[], str] | None
) -> Iterator[Sequence[Found]]:
    """The simplest re-anchoring: where the words stand first in the new text."""
    found = connection.execute(
        """
        select c.id, c.data ->> 'originalText'
        from components c join entities e on e.id = c.entity_id
        where e.user_id = %s and c.document_id = %s and c.component_type = 'Position'
        """,
        (user_id, document_id),
    ).fetchall()
    reports: list[Found] = []
    yield reports
    whole = read_text() if found and read_text else ""
    places = {component: whole.find(words) for component, words in found}
    for component, at in places.items():
        start = len(whole[: max(0, at)].encode("utf-16-le")) // 2
        connection.execute(
            "update components set recovery_method = %s, "
            "data = data || jsonb_build_object('startOffset', %s::int) where id = %s",
            ("lost" if at < 0 else "exact", start, component),
        )
    lost = [component for component, at in places.items() if at < 0]
    reports.append(Found({"exact": len(places) - len(lost), "lost": len(lost)}, lost))


def entries(archive: bytes) -> dict[str, bytes]:
    """What is in an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def of_user(world: Installation, user: UUID) -> Installation:
    """The same installation, for somebody else."""
    return replace(world, user=user)
