"""Nobody waits for a long change, and no change outlives whoever asked for it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

import psycopg
import pytest

from rhizome_pipelines.connections.ports import ConnectionType, Edge
from rhizome_pipelines.database import connections, ownership
from rhizome_pipelines.database.chunks import PostgresChunkSink
from rhizome_pipelines.database.connection import Database, LockedError
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.guarded import Fence, GuardedJob, OwnershipLostError
from rhizome_pipelines.database.ownership import document_kept, lock_document
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import Job
from tests.integration.database.embedded import SPACE, chunk
from tests.system.home import wait_until

SEMANTIC = ConnectionType.SEMANTIC_SIMILARITY


@contextmanager
def impatient(database: Database, seconds: float = 0.2) -> Iterator[Database]:
    with Database(database.url) as other:
        other.limit_lock_waits(seconds)
        yield other


def test_a_wish_and_signs_of_life_do_not_wait_for_a_change(
    database: Database, guarded: GuardedJob, document: Document
) -> None:
    with (
        impatient(database) as other,
        pytest.raises(OwnershipLostError),
        database.transaction() as connection,
        document_kept(connection, document.user_id, document.id, guarded.fence),
    ):
        connection.execute("delete from chunks where document_id = %s", (document.id,))
        beside = GuardedJob(other, guarded.fence.job_id, guarded.fence.number)
        beside.heartbeat()
        beside.progress({"stage": "connections"})
        other.execute("update background_jobs set status = 'paused'")


def test_a_change_for_a_job_that_was_paused_meanwhile_is_none(
    database: Database, guarded: GuardedJob, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = PostgresChunkSink(database, document.user_id, guarded.fence)
    sink.replace(document.id, SPACE, "one", [chunk(document, 0)])
    hold = Fence.hold

    def paused_before(fence: Fence, connection: psycopg.Connection) -> None:
        database.execute("update background_jobs set status = 'paused'")
        hold(fence, connection)

    monkeypatch.setattr(Fence, "hold", paused_before)
    with pytest.raises(OwnershipLostError):
        sink.replace(document.id, SPACE, "two", [chunk(document, 0), chunk(document, 1)])

    assert sink.digest(document.id, SPACE) == "one"
    assert database.all("select chunk_index from chunks") == [{"chunk_index": 0}]


def test_who_has_lost_the_job_does_not_begin_a_change(
    database: Database, guarded: GuardedJob, job: Job, document: Document
) -> None:
    database.execute("update background_jobs set status = 'cancelled'")
    with (
        pytest.raises(OwnershipLostError),
        database.transaction() as connection,
        document_kept(connection, document.user_id, document.id, guarded.fence),
    ):
        pytest.fail("it was begun")


def test_a_documents_row_stays_while_it_is_changed(database: Database, document: Document) -> None:
    with database.transaction() as connection:
        lock_document(connection, document.user_id, document.id)
        with impatient(database) as other:
            other.execute("update documents set processing_stage = 'chunking'")
            with pytest.raises(LockedError):
                other.execute("delete from documents")


def test_a_lock_is_waited_for_only_so_long(database: Database, job: Job) -> None:
    with database.transaction() as connection, impatient(database) as other:
        connection.execute("select from background_jobs for update")
        with pytest.raises(LockedError, match="Another program holds a lock"):
            other.execute("update background_jobs set priority = 1")
        assert other.all("select priority from background_jobs") == [{"priority": 0}]


def test_another_change_is_waited_for_however_long_it_takes(
    database: Database, document: Document
) -> None:
    got = threading.Event()

    def wait_for_it() -> None:
        with impatient(database, 0.1) as other, other.transaction() as connection:
            lock_document(connection, document.user_id, document.id)
            got.set()

    with database.transaction() as connection:
        lock_document(connection, document.user_id, document.id)
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        wait_until(
            lambda: database.all(
                "select from pg_locks where locktype = 'advisory' and not granted"
            ),
            "it waits",
        )
        assert not got.wait(0.5)
    waiting.join(30)
    assert got.is_set()


def test_a_change_ends_with_whoever_asked_for_it(
    database: Database, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "CLIENT_CHECK", "100ms")
    backends = "select from pg_stat_activity where query = 'select pg_sleep(600)'"
    with psycopg.connect(database.url, autocommit=True) as lost:

        def work() -> None:
            with pytest.raises(psycopg.OperationalError), lost.transaction():
                lock_document(lost, document.user_id, document.id)
                lost.execute("select pg_sleep(600)")

        working = threading.Thread(target=work)
        working.start()
        wait_until(lambda: database.all(backends), "it works")
        with socket.socket(fileno=lost.pgconn.socket) as line:
            line.shutdown(socket.SHUT_RDWR)
            line.detach()
        working.join(30)
        wait_until(lambda: not database.all(backends), "the server breaks it off", 30)


def test_edges_that_went_are_found_by_a_join(
    database: Database, user: UUID, document: Document
) -> None:
    """A subquery would be run for each edge as soon as a document has many."""
    chunks = [chunk(document, index) for index in range(2)]
    PostgresChunkSink(database, user).replace(document.id, SPACE, "one", chunks)
    edges = [Edge(chunks[0].id, chunks[1].id, SEMANTIC, 0.7)]
    PostgresEdgeSink(database).replace(user, document.id, {SEMANTIC: 5}, [document.id], edges)
    with database.transaction() as connection:
        connection.execute(connections._CREATE_STAGING)
        plan = connection.execute("explain " + connections._REMOVE_ABSENT).fetchall()
    told = "\n".join(cast("str", row[0]) for row in plan)
    assert "SubPlan" not in told, told
