"""Documents go with everything of them, and nothing of anybody else goes with them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment import document_removal
from rhizome_pipelines.deployment.document_removal import (
    BEGUN,
    Removed,
    delete_documents,
    reset,
)
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobType
from rhizome_pipelines.settings import DEFAULT_USER
from rhizome_pipelines.storage.s3 import S3Store
from tests.s3_fixtures import s3_client, s3_server

OTHER = uuid4()
CHUNKS = 1_100
"""More than two batches."""


def add(
    services: Services, user: UUID = DEFAULT_USER, status: str = "completed", chunks: int = 2
) -> UUID:
    """A document with files, chunks, and connections between neighbours."""
    database, document = services.database, uuid4()
    database.execute(
        "insert into documents (id, user_id, processing_status) values (%s, %s, %s)",
        (document, user, status),
    )
    database.execute(
        "insert into chunks (document_id, content, chunk_index) "
        "select %s, 'text', n from generate_series(0, %s - 1) as n",
        (document, chunks),
    )
    connect(services, document, document)
    for name in ("source.md", "content.md", "stage-chunking.json"):
        services.objects.write(f"{user}/{document}/{name}", b"text")
    return document


def connect(services: Services, source: UUID, target: UUID) -> None:
    """Every chunk of the one with the next of the other."""
    services.database.execute(
        "insert into connections (source_chunk_id, target_chunk_id, connection_type) "
        "select s.id, t.id, 'semantic_similarity' from chunks s "
        "join chunks t on t.chunk_index = s.chunk_index + 1 "
        "where s.document_id = %s and t.document_id = %s",
        (source, target),
    )


def ask(services: Services, document: UUID | None, user: UUID = DEFAULT_USER, **data: Any) -> UUID:
    jobs = JobRepository(services.database)
    return jobs.insert(user, JobType.PROCESS_DOCUMENT, document_id=document, input_data=data).id


def annotate(services: Services, user: UUID, *documents: UUID, in_column: bool = True) -> UUID:
    """An entity with a component about each of the documents."""
    entity = uuid4()
    services.database.execute(
        "insert into entities (id, user_id, entity_type) values (%s, %s, 'annotation')",
        (entity, user),
    )
    for document in documents:
        services.database.execute(
            "insert into components (entity_id, component_type, document_id, data) "
            "values (%s, 'Position', %s, jsonb_build_object('documentId', %s::text))",
            (entity, document if in_column else None, document),
        )
    services.database.execute(
        "insert into components (entity_id, component_type) values (%s, 'Visual')", (entity,)
    )
    return entity


def ids(services: Services, table: str) -> set[UUID]:
    return {row["id"] for row in services.database.all(f"select id from {table}")}


def files(services: Services, user: UUID, document: UUID) -> int:
    return len([*services.objects.list(f"{user}/{document}/")])


def begin(services: Services, job: UUID, silent: timedelta) -> None:
    """An attempt of the job whose last sign of life was given so long ago."""
    assert AttemptRepository(services.database).begin(job, AttemptTrigger.START)
    services.database.execute("update job_attempts set heartbeat_at = now() - %s", (silent,))


def end(services: Services, job: UUID) -> None:
    assert AttemptRepository(services.database).end(job, 1, AttemptOutcome.CANCELLED)


def test_a_document_goes_with_everything_of_it_and_nothing_else_goes(services: Services) -> None:
    going, staying, anothers = (
        add(services, chunks=CHUNKS),
        add(services, chunks=CHUNKS),
        add(services, OTHER),
    )
    connect(services, going, staying)
    connect(services, staying, going)
    ask(services, going)
    ask(services, None, document_id=str(going).upper())
    jobs_that_stay = {
        ask(services, staying),
        ask(services, None, document_id="nonsense"),
        ask(services, going, OTHER),
        ask(services, anothers, OTHER),
    }
    annotate(services, DEFAULT_USER, going)
    annotate(services, DEFAULT_USER, going, in_column=False)
    entities_that_stay = {
        annotate(services, DEFAULT_USER, going, staying),
        annotate(services, DEFAULT_USER, staying),
        annotate(services, OTHER, anothers),
    }
    for document in (going, staying):
        services.database.execute("insert into cached_chunks values (%s)", (document,))
        for table in ("import_pending", "obsidian_sync_state"):
            services.database.execute(
                f"insert into {table} (document_id, user_id) values (%s, %s)",
                (document, DEFAULT_USER),
            )
    expected = Removed(
        documents=1,
        jobs=2,
        chunks=CHUNKS,
        connections=3 * (CHUNKS - 1),
        annotations=2,
        others=3,
        files=3,
        bytes=12,
    )

    foreseen = delete_documents(services, [going], DEFAULT_USER, None, dry_run=True)
    assert ids(services, "documents") == {going, staying, anothers}
    done = delete_documents(services, [going], DEFAULT_USER, None)

    assert foreseen == replace(expected, dry_run=True)
    assert done == expected
    assert ids(services, "documents") == {staying, anothers}
    assert ids(services, "background_jobs") == jobs_that_stay
    assert ids(services, "entities") == entities_that_stay
    assert len(ids(services, "chunks")) == CHUNKS + 2
    assert len(ids(services, "connections")) == CHUNKS - 1 + 1
    assert files(services, DEFAULT_USER, going) == 0
    assert files(services, DEFAULT_USER, staying) == files(services, OTHER, anothers) == 3
    for table in ("cached_chunks", "import_pending", "obsidian_sync_state"):
        (row,) = services.database.all(f"select document_id from {table}")
        assert row["document_id"] == staying


def test_anothers_document_is_not_there(services: Services) -> None:
    anothers, nowhere = add(services, OTHER), uuid4()

    done = delete_documents(services, [anothers, nowhere], DEFAULT_USER, None)

    assert done == Removed(unknown=(anothers, nowhere))
    assert files(services, OTHER, anothers) == 3
    assert delete_documents(services, [anothers], None, None).documents == 1


def test_what_a_broken_storage_interrupts_a_second_call_finishes(services: Services) -> None:
    with s3_server() as (endpoint, server):
        client = s3_client(endpoint)
        # Its own name: servers in one process keep what they hold together.
        bucket = f"documents-{uuid4()}"
        client.create_bucket(Bucket=bucket)
        services = replace(services, objects=S3Store(client, bucket))
        document = add(services)
        ask(services, document)
        server.stop()

        with pytest.raises(StorageUnavailableError):
            delete_documents(services, [document], DEFAULT_USER, None)

        row = services.database.first("select * from documents")
        assert row is not None
        assert (row["processing_status"], row["processing_error"]) == ("failed", BEGUN)
        server.start()
        # Another port: what the server keeps is not lost with it.
        host, port = server.get_host_and_port()
        again = S3Store(s3_client(f"http://{host}:{port}"), bucket)
        done = delete_documents(replace(services, objects=again), [document], DEFAULT_USER, None)

        assert (done.documents, done.chunks, done.files) == (1, 2, 3)
        assert [*again.list("")] == []
    assert ids(services, "documents") == ids(services, "chunks") == set()


def test_rows_of_an_application_that_refer_to_a_document_are_told_of(services: Services) -> None:
    document = add(services)
    services.database.execute(
        "create table app_notes (id uuid primary key default gen_random_uuid(), "
        "document_id uuid not null references documents (id))"
    )
    services.database.execute("insert into app_notes (document_id) values (%s)", (document,))

    with pytest.raises(PermanentError, match="rows of the table 'app_notes' refer to it"):
        delete_documents(services, [document], DEFAULT_USER, None)

    services.database.execute("delete from app_notes")
    assert delete_documents(services, [document], DEFAULT_USER, None).documents == 1


# Attempts at work


def test_an_attempt_at_work_is_waited_for(services: Services) -> None:
    document = add(services)
    job = ask(services, document)
    begin(services, job, timedelta())
    waited: list[int] = []

    def told(left: int) -> None:
        assert ids(services, "background_jobs") == set(), "so that the attempt notices"
        assert files(services, DEFAULT_USER, document) == 3, "as long as it may be at work"
        waited.append(left)
        if len(waited) == 2:
            end(services, job)

    done = delete_documents(services, [document], DEFAULT_USER, None, told=told)

    assert waited == [1, 1]
    assert (done.jobs, done.files) == (1, 3)


def test_one_that_is_silent_is_not_waited_for(services: Services) -> None:
    document = add(services)
    begin(services, ask(services, document), timedelta(seconds=31))

    assert delete_documents(services, [document], DEFAULT_USER, None).documents == 1


def test_a_job_that_comes_while_another_is_waited_for_is_ended_too(services: Services) -> None:
    document = add(services)
    first = ask(services, document)
    begin(services, first, timedelta())

    def told(left: int) -> None:
        ask(services, document)
        end(services, first)

    assert delete_documents(services, [document], DEFAULT_USER, None, told=told).jobs == 2
    assert ids(services, "background_jobs") == set()


def test_nothing_is_removed_under_one_that_does_not_stop_and_a_second_call_goes_on(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_removal, "STOP_SECONDS", 0.1)
    document = add(services, status="processing")
    job = ask(services, document)
    begin(services, job, timedelta())

    for act in (
        lambda: delete_documents(services, [document], DEFAULT_USER, None),
        lambda: reset(services, DEFAULT_USER, None),
    ):
        with pytest.raises(TransientError, match="1 job did not stop"):
            act()
        assert files(services, DEFAULT_USER, document) == 3

    end(services, job)
    assert reset(services, DEFAULT_USER, None).documents == 1


# The reset


def test_a_reset_leaves_what_is_completed_and_what_is_another_users(services: Services) -> None:
    completed = add(services)
    unfinished = [
        add(services, status=status)
        for status in ("pending", "processing", "failed", "awaiting_manual_review")
    ]
    anothers = add(services, OTHER, "processing")
    for document in (completed, *unfinished):
        ask(services, document)
    anothers_job = ask(services, anothers, OTHER)
    services.objects.write(f"{DEFAULT_USER}/exports/all.zip", b"zip")

    foreseen = reset(services, DEFAULT_USER, None, dry_run=True)
    assert len(ids(services, "documents")) == 6
    done = reset(services, DEFAULT_USER, None)

    assert replace(foreseen, dry_run=False) == done
    assert (done.documents, done.jobs, done.files, done.chunks) == (4, 5, 12, 8)
    assert ids(services, "documents") == {completed, anothers}
    assert ids(services, "background_jobs") == {anothers_job}
    assert files(services, DEFAULT_USER, completed) == 3
    assert services.objects.info(f"{DEFAULT_USER}/exports/all.zip") is not None
    assert reset(services, None, None).documents == 1
    assert ids(services, "documents") == {completed}


def test_what_comes_or_is_completed_during_a_reset_stays(services: Services) -> None:
    nearly_done = add(services, status="processing")
    job = ask(services, nearly_done)
    begin(services, job, timedelta())
    came: list[UUID] = []

    def told(left: int) -> None:
        came.append(add(services, status="pending"))
        came.append(ask(services, came[0]))
        services.database.execute(
            "update documents set processing_status = 'completed' where id = %s", (nearly_done,)
        )
        end(services, job)

    assert reset(services, DEFAULT_USER, None, told=told) == Removed(jobs=1)

    document, new_job = came
    assert ids(services, "documents") == {nearly_done, document}
    assert ids(services, "background_jobs") == {new_job}
