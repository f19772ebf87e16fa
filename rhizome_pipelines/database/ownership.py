"""Whose a document is, and who may change its chunks and connections now."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError

CLIENT_CHECK = "5s"
"""How often the server looks whether who asked for a long statement is still there."""


def lock_document(connection: Connection, user_id: UUID, document_id: UUID) -> None:
    """Keep the document until the transaction ends, and other writers of the user's graph out.

    The connections of one document reach into the user's others: two replacements at once could
    wait for each other's rows for ever, and would trim what they do not see. Raises
    InvalidInputError if there is no such document of this user.
    """
    _ends_with_its_client(connection)
    # Waiting for another replacement is no fault, however long it takes.
    connection.execute("set local lock_timeout = 0")
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('rhizome graph ' || %s::text, 0))",
        (str(user_id),),
    )
    # It must not go; but a job's progress, which touches its row, does not have to wait.
    found = connection.execute(
        "select from documents where id = %s and user_id = %s for key share",
        (document_id, user_id),
    ).fetchone()
    if found is None:
        raise InvalidInputError(f"There is no document {document_id} of this user.")


@contextmanager
def document_kept(
    connection: Connection, user_id: UUID, document_id: UUID, fence: Fence | None
) -> Iterator[None]:
    """A change of the document's chunks or connections, which may take minutes.

    As `lock_document`. With a `fence` nothing is changed in the name of an attempt whose job is
    not its own any more at the end: OwnershipLostError. The job itself is locked only then, since
    whoever wants to pause or cancel it, and its own signs of life, would wait for that lock. The
    document's row may only be updated afterwards: a job's progress locks the two in this order.
    """
    if fence is not None:
        fence.check(connection)
    lock_document(connection, user_id, document_id)
    yield
    if fence is not None:
        fence.hold(connection)


def _ends_with_its_client(connection: Connection) -> None:
    """Let the server break a long statement off when whoever asked for it has died."""
    try:
        with connection.transaction():
            connection.execute(
                "select set_config('client_connection_check_interval', %s, true)", (CLIENT_CHECK,)
            )
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        # A server that cannot look (not Linux, or older than 14) works on to the end.


@contextmanager
def chunks_stay() -> Iterator[None]:
    """Tell a chunk's disappearance in the midst of a write as what it is: worth another try."""
    try:
        yield
    except psycopg.errors.ForeignKeyViolation as error:
        raise TransientError(
            "A document was deleted while connections to it were being stored; nothing was stored."
        ) from error
