"""`entities` and `components`: a document's annotations read, and moved along with its text."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from rhizome_pipelines.annotations import Anchor, AnchorStore, reanchor_document
from rhizome_pipelines.annotations.model import (
    CHUNK_REF,
    POSITION,
    ChunkText,
    ReanchorReport,
    RecoveryMethod,
)
from rhizome_pipelines.annotations.text_index import rebuilt
from rhizome_pipelines.database import annotation_statements as statements
from rhizome_pipelines.database.annotation_rows import anchor_from, component_data
from rhizome_pipelines.database.connection import Connection


class PostgresAnnotations(AnchorStore):
    """The annotations of one user, within the transaction of a connection."""

    def __init__(self, connection: Connection, user_id: UUID) -> None:
        self._connection = connection
        self._user_id = user_id

    def anchors(self, document_id: UUID) -> Mapping[UUID, Anchor | None]:
        """See `AnchorStore`. Their rows are kept from other writers until the transaction ends."""
        rows = self._all(statements.ANCHORS, {"document": document_id})
        return {row["entity_id"]: anchor_from(row) for row in rows}

    def move(self, document_id: UUID, moved: Mapping[UUID, Anchor]) -> None:
        """See `AnchorStore`: Position and ChunkRef are written; of one that is lost, only that."""
        found, lost = [], []
        for entity, anchor in moved.items():
            parameters = {
                "user": self._user_id,
                "document": document_id,
                "entity": entity,
                **_columns(anchor),
            }
            if anchor.recovery.method is RecoveryMethod.LOST:
                lost.append(parameters)
            else:
                position, chunk_ref = (
                    component_data(POSITION, anchor),
                    component_data(CHUNK_REF, anchor),
                )
                found.append(
                    parameters | {"position": Jsonb(position), "chunk_ref": Jsonb(chunk_ref)}
                )
        with self._connection.cursor() as cursor:
            cursor.executemany(statements.MOVE, found)
            cursor.executemany(statements.LOSE, lost)

    def current_chunks(self, document_id: UUID) -> list[ChunkText]:
        """The document's chunks as they are now, in order."""
        return [
            ChunkText(
                row["id"],
                row["chunk_index"],
                row["start_offset"],
                row["end_offset"],
                row["content"],
            )
            for row in self._all(statements.CHUNKS, {"document": document_id})
        ]

    def point_again(self, document_id: UUID, anchors: Mapping[UUID, Anchor | None]) -> None:
        """Set `chunk_id` where it was emptied because a chunk's row was replaced by another."""
        pointed = {
            entity: anchor.pointer.chunk_ids[0]
            for entity, anchor in anchors.items()
            if anchor is not None and anchor.pointer.chunk_ids
        }
        self._connection.execute(
            statements.POINT_AGAIN,
            {
                "user": self._user_id,
                "document": document_id,
                "entities": list(pointed),
                "chunks": list(pointed.values()),
            },
        )

    def pointing(self, document_id: UUID, entities: Collection[UUID]) -> list[UUID]:
        """The annotations' other components that point to a chunk."""
        parameters = {"document": document_id, "entities": list(entities)}
        return [row["id"] for row in self._all(statements.POINTING, parameters)]

    def follow(self, document_id: UUID, pointing: Sequence[UUID]) -> None:
        """Let these components point where their annotation's Position does."""
        parameters = {"document": document_id, "pointing": list(pointing)}
        self._connection.execute(statements.FOLLOW, parameters)

    def _all(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, {"user": self._user_id, **parameters}).fetchall()


@contextmanager
def annotations_kept(
    connection: Connection,
    user_id: UUID,
    document_id: UUID,
    read_text: Callable[[], str] | None = None,
) -> Iterator[list[ReanchorReport]]:
    """Around the replacement of a document's chunks: its annotations move along with the text.

    In the replacement's own transaction, so that nobody sees the one without the other.
    `read_text` gives the new text, and is only called if it is needed; without it the text is put
    together from the new chunks. The report is in the list afterwards, if there are annotations.
    """
    store = PostgresAnnotations(connection, user_id)
    reports: list[ReanchorReport] = []
    anchors = store.anchors(document_id)
    old_chunks = store.current_chunks(document_id) if anchors else []
    pointing = store.pointing(document_id, anchors) if anchors else []
    yield reports
    if anchors:
        store.point_again(document_id, anchors)
        new_chunks = store.current_chunks(document_id)
        text = read_text or (lambda: rebuilt(new_chunks))
        reports.append(reanchor_document(store, document_id, anchors, old_chunks, text, new_chunks))
        store.follow(document_id, pointing)


def _columns(anchor: Anchor) -> dict[str, Any]:
    chunk_ids = list(anchor.pointer.chunk_ids)
    return {
        "chunk": chunk_ids[0] if chunk_ids else None,
        "chunks": chunk_ids,
        "index": anchor.pointer.index,
        "method": anchor.recovery.method,
        "confidence": anchor.recovery.confidence,
        "review": anchor.recovery.needs_review,
    }
