"""Whose a document is, and who may change its chunks and connections now."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError


def lock_document(
    connection: Connection, user_id: UUID, document_id: UUID, fence: Fence | None = None
) -> None:
    """Keep the document until the transaction ends, and other writers of the user's graph out.

    The connections of one document reach into the user's others: two replacements at once could
    wait for each other's rows for ever, and would trim what they do not see. With a `fence` the
    attempt keeps its job, too. Raises InvalidInputError if there is no such document of this
    user, and OwnershipLostError if the job is not the attempt's any more.
    """
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('rhizome graph ' || %s::text, 0))",
        (str(user_id),),
    )
    # The job's row before the document's, as the job's own progress takes them: in the other
    # order the two of one attempt could wait for each other for ever.
    if fence is not None:
        fence.hold(connection)
    found = connection.execute(
        "select from documents where id = %s and user_id = %s for no key update",
        (document_id, user_id),
    ).fetchone()
    if found is None:
        raise InvalidInputError(f"There is no document {document_id} of this user.")


@contextmanager
def chunks_stay() -> Iterator[None]:
    """Tell a chunk's disappearance in the midst of a write as what it is: worth another try."""
    try:
        yield
    except psycopg.errors.ForeignKeyViolation as error:
        raise TransientError(
            "A document was deleted while connections to it were being stored; nothing was stored."
        ) from error
