"""A whole deployment in one process: real Postgres, a real folder, Dagster's instance in memory.

Rows are inserted as a client would, the real sensor is evaluated, and the runs that it asks for
are executed here. Nothing of ours is replaced; the object store is watched.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from dagster import (
    DagsterInstance,
    ExecuteInProcessResult,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.definitions import build_definitions
from rhizome_pipelines.deployment.intake import Item, add_document
from rhizome_pipelines.deployment.services import Services, open_services
from rhizome_pipelines.extraction.detect import detect_source
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.jobs import Attempt, Job, JobStatus, JobType
from rhizome_pipelines.run_api import PARTITION_TAG
from rhizome_pipelines.settings import load_settings
from sensors import reconciling_sensor
from tests.dagster.watched_store import Watch, WatchedStore

JOB = JobType.PROCESS_DOCUMENT.value
PARTITIONS = "documents"


@dataclass(frozen=True)
class WatchedServices:
    """The `services` resource, with its object store watched."""

    watch: Watch

    @contextmanager
    def open(self) -> Iterator[Services]:
        with open_services(load_settings()) as services:
            yield replace(services, objects=WatchedStore(services.objects, self.watch))


@dataclass
class World:
    services: Services
    instance: DagsterInstance
    user: UUID
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        self.definitions = build_definitions({"services": WatchedServices(self.watch)})

    # A client

    def add(
        self, path: Path | None = None, *, source_type: SourceType | None = None, **item: Any
    ) -> Document:
        kind = source_type or detect_source(path if path is not None else str(item["url"]))
        return add_document(self.services, self.user, Item(kind, path=path, **item)).document

    def upload(self, source_type: SourceType, path: Path | None, **columns: Any) -> Document:
        """A client's own way: the file put under the document's prefix, and a row that names it.

        `path` of None: the row names a file that is not there.
        """
        document_id = uuid4()
        ending = path.suffix.lstrip(".") if path is not None else "txt"
        key = DocumentKeys(self.user, document_id).source(ending)
        if path is not None:
            self.services.objects.write_file(key, path)
        new = NewDocument(self.user, source_type, document_id, storage_path=key, **columns)
        return DocumentRepository(self.services.database).insert(new)

    def ask(
        self,
        document: Document | None,
        *,
        job_type: str = JOB,
        user: UUID | None = None,
        **input_data: Any,
    ) -> UUID:
        """Insert a pending row, in plain SQL."""
        row = self.services.database.first(
            "insert into background_jobs (user_id, job_type, entity_type, entity_id, input_data) "
            "values (%s, %s, %s, %s, %s::jsonb) returning id",
            (
                user or self.user,
                job_type,
                "document" if document else None,
                document.id if document else None,
                json.dumps(input_data),
            ),
        )
        assert row is not None
        job_id: UUID = row["id"]
        return job_id

    def wish(self, job_id: UUID, status: JobStatus) -> None:
        """Set the status, in plain SQL."""
        changed = self.services.database.execute(
            "update background_jobs set status = %s where id = %s", (status, job_id)
        )
        assert changed == 1

    def delete(self, job_id: UUID) -> None:
        assert self.jobs.delete(job_id)

    # Dagster

    def look(self) -> Sequence[RunRequest]:
        """Evaluate the sensor once, and add the partitions that it asks for."""
        with build_sensor_context(
            instance=self.instance, resources={"services": WatchedServices(self.watch)}
        ) as context:
            result = reconciling_sensor(context)
        if isinstance(result, SkipReason):
            return []
        assert isinstance(result, SensorResult)
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(PARTITIONS, list(request.partition_keys))
        return list(result.run_requests or [])

    def run(self, request: RunRequest) -> ExecuteInProcessResult:
        """Do what the run that was asked for would do."""
        return self.execute(
            request.partition_key,
            request.tags,
            job=request.job_name or JOB,
            asset_selection=request.asset_selection,
        )

    def execute(
        self,
        partition: str | None,
        tags: Mapping[str, str] | None = None,
        job: str = JOB,
        **options: Any,
    ) -> ExecuteInProcessResult:
        """As `dagster job execute` does: the partition is a tag, known to Dagster or not."""
        named = {PARTITION_TAG: partition} if partition is not None else {}
        return self.definitions.resolve_job_def(job).execute_in_process(
            tags={**(tags or {}), **named},
            instance=self.instance,
            raise_on_error=False,
            **options,
        )

    def settle(self) -> list[ExecuteInProcessResult]:
        """Look and run until there is nothing more to launch, even at a second look."""
        done = []
        while requests := [*self.look(), *self.look()]:
            done += [self.run(request) for request in requests]
        return done

    def process(self, document: Document, **input_data: Any) -> Job:
        """Ask for the document, let it be done, and return the job as it is then."""
        job_id = self.ask(document, **input_data)
        self.settle()
        return self.job(job_id)

    # What there is then

    @property
    def jobs(self) -> JobRepository:
        return JobRepository(self.services.database)

    def job(self, job_id: UUID) -> Job:
        job = self.jobs.get(job_id)
        assert job is not None
        return job

    def attempts(self, job_id: UUID) -> Sequence[Attempt]:
        return AttemptRepository(self.services.database).list_for_job(job_id)

    def document_row(self, document: Document) -> Mapping[str, Any]:
        row = self.services.database.first("select * from documents where id = %s", (document.id,))
        assert row is not None
        return row

    def chunk_count(self, document: Document) -> int:
        row = self.services.database.first(
            "select count(*) as chunks from chunks where document_id = %s", (document.id,)
        )
        assert row is not None
        count: int = row["chunks"]
        return count

    def chunk_ids(self, document: Document) -> list[UUID]:
        rows = self.services.database.all(
            "select id from chunks where document_id = %s and is_current order by chunk_index",
            (document.id,),
        )
        return [row["id"] for row in rows]

    def store(self, document: Document) -> CheckpointStore:
        return self.services.checkpoints(document)

    def files(self, document: Document) -> list[str]:
        """Names of the stored files of the document."""
        prefix = self.store(document).keys.prefix
        return [info.key.removeprefix(prefix) for info in self.services.objects.list(prefix)]

    def digests(self, document: Document) -> dict[str, str]:
        """The content digest of every stage's lasting result."""
        store = self.store(document)
        return {
            stage: store.load_final(stage).content_digest
            for stage in ("extraction", "chunking", "embeddings", "connections")
        }

    def hashes(self, document: Document) -> dict[str, str]:
        """The hash of every lasting file that tells nothing of when it was made."""
        store = self.store(document)
        return {
            name: output.hash
            for stage in ("extraction", "chunking", "embeddings", "connections")
            for name, output in store.load_final(stage).outputs.items()
            if name != "metadata.json"
        }
