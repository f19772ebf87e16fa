"""`entities` and `components`: a document's annotations read, moved along with its text, added."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID, uuid5

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from rhizome_pipelines.annotations import Anchor, AnchorStore, StoredAnnotation, reanchor_document
from rhizome_pipelines.annotations.archive import CHUNK_REF, POSITION, StoredRecovery
from rhizome_pipelines.annotations.chunk_places import ChunkPlaces
from rhizome_pipelines.annotations.model import ChunkText, Pointer, ReanchorReport, RecoveryMethod
from rhizome_pipelines.annotations.text_index import rebuilt
from rhizome_pipelines.database import annotation_statements as statements
from rhizome_pipelines.database.annotation_rows import anchor_from, component_data, recovery_from
from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.database.ownership import lock_document
from rhizome_pipelines.database.storable import is_storable_json
from rhizome_pipelines.lifecycle.errors import InvalidInputError


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

    def stored(self, document_id: UUID) -> Iterator[StoredAnnotation]:
        """All of a document's annotations with all their components, for a file."""
        for row in self._all(statements.STORED, {"document": document_id}):
            yield StoredAnnotation(
                id=row["entity_id"],
                components={
                    name: data for name, data in row["components"].items() if isinstance(data, dict)
                },
                recovery=StoredRecovery.of(recovery_from(row)),
            )

    def add(
        self,
        document_id: UUID,
        annotations: Sequence[StoredAnnotation],
        chunks: Sequence[ChunkText],
    ) -> int:
        """Add annotations to a document, whose `chunks` they then lie in; how many were new.

        One whose id the user has already is left as it is; an id that belongs to somebody else
        is exchanged, always for the same one. Raises InvalidInputError for an unknown document,
        and for text that Postgres cannot hold; then the transaction must not be committed.
        """
        lock_document(self._connection, self._user_id, document_id)
        places = ChunkPlaces(chunks)
        return sum(self._add(document_id, one, places) for one in annotations)

    def _add(self, document_id: UUID, annotation: StoredAnnotation, places: ChunkPlaces) -> bool:
        if not is_storable_json(annotation.components):
            raise InvalidInputError(
                f"The annotation {annotation.id} cannot be stored: it holds a NUL or half a "
                "surrogate pair, which Postgres cannot store."
            )
        entity = self._new_entity(annotation.id)
        if entity is None:
            return False
        names = annotation.components.keys() | {CHUNK_REF}
        recovery = annotation.recovery.to_recovery()
        place = anchor_from({"position": annotation.components[POSITION]})
        pointer = places.pointer(place.start, place.end) if place else Pointer()
        for name in sorted(names):
            anchored = Anchor(0, 0, "", pointer=pointer, recovery=recovery)
            data = dict(annotation.components.get(name, {}))
            if name in (POSITION, CHUNK_REF):
                data |= {"documentId": str(document_id), "document_id": str(document_id)}
            if name == CHUNK_REF:
                data |= component_data(CHUNK_REF, anchored)
            self._connection.execute(
                statements.ADD_COMPONENT,
                {
                    "entity": entity,
                    "type": name,
                    "data": Jsonb(data),
                    "document": document_id,
                    "placed": name in (POSITION, CHUNK_REF),
                    "found": name == POSITION,
                    **_columns(anchored),
                },
            )
        return True

    def _new_entity(self, wished: UUID) -> UUID | None:
        """The id under which the annotation was added; None if the user has it."""
        for entity in (wished, uuid5(self._user_id, str(wished))):
            owned = {"entity": entity, "user": self._user_id}
            if self._connection.execute(statements.ADD_ENTITY, owned).rowcount:
                return entity
            if self._connection.execute(statements.OWN_ENTITY, owned).fetchone() is not None:
                return None
        return None

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
    yield reports
    if anchors:
        store.point_again(document_id, anchors)
        new_chunks = store.current_chunks(document_id)
        text = read_text or (lambda: rebuilt(new_chunks))
        reports.append(reanchor_document(store, document_id, anchors, old_chunks, text, new_chunks))


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
