"""Annotations that an import brings along: entities with their components, at the chunks here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb

from rhizome_pipelines.annotations.model import POSITION
from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.markdown.utf16 import utf16_length
from rhizome_pipelines.transfer.incoming import AnnotationRecord, ComponentRecord

ChunkId = Callable[[int], UUID | None]
"""The id of the document's chunk with that index; None if it has none."""


@dataclass(frozen=True)
class Brought:
    """How many annotations were added, and how many of them a person should look at."""

    added: int
    to_review: int


def bring(
    connection: Connection,
    user_id: UUID,
    document_id: UUID,
    annotations: Iterable[AnnotationRecord],
    chunk_id: ChunkId,
    read_text: Callable[[], str] | None,
) -> Brought:
    """Add those that are not there. One that is there stays as it is here.

    One that stands nowhere in the text, by its own account, is for a person to see.
    """
    added = to_review = 0
    length = _Length(read_text)
    for annotation in annotations:
        entity = _entity(connection, user_id, annotation)
        if entity is None:
            continue
        added += 1
        nowhere = any(_stands_nowhere(one, chunk_id, length) for one in annotation.components)
        to_review += nowhere
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                insert into components (entity_id, component_type, data, chunk_id, document_id,
                    chunk_ids, original_chunk_index, recovery_confidence, recovery_method,
                    needs_review)
                values (%(entity)s, %(type)s, %(data)s, %(chunk)s, %(document)s, %(chunks)s,
                        %(original)s, %(confidence)s, %(method)s, coalesce(%(review)s, false))
                """,
                [
                    {
                        "entity": entity,
                        **_columns(component, document_id, chunk_id, nowhere=nowhere),
                    }
                    for component in annotation.components
                ],
            )
    return Brought(added, to_review)


def _entity(connection: Connection, user_id: UUID, annotation: AnnotationRecord) -> UUID | None:
    """A new row for it; None if the user has it already. An id that is another's is not used."""
    for identifier in (annotation.entity_id, uuid5(user_id, str(annotation.entity_id))):
        made = connection.execute(
            "insert into entities (id, user_id, entity_type) values (%s, %s, %s) "
            "on conflict (id) do nothing returning id",
            (identifier, user_id, annotation.entity_type),
        ).fetchone()
        if made is not None:
            return identifier
        own = connection.execute(
            "select from entities where id = %s and user_id = %s", (identifier, user_id)
        ).fetchone()
        if own is not None:
            return None
    return None


class _Length:
    """The text's, in UTF-16 code units; read when it is first asked for."""

    def __init__(self, read_text: Callable[[], str] | None) -> None:
        self._read_text = read_text

    @cached_property
    def units(self) -> int | None:
        return None if self._read_text is None else utf16_length(self._read_text())


def _stands_nowhere(component: ComponentRecord, chunk_id: ChunkId, length: _Length) -> bool:
    """Whether its place is none: of a wrong type, beyond the text, in a chunk that there is not."""
    if component.component_type != POSITION or not component.about_document:
        return False
    data = component.data or {}
    told = [data[name] for name in ("startOffset", "endOffset") if data.get(name) is not None]
    ends = [end for end in told if isinstance(end, int) and not isinstance(end, bool)]
    if not isinstance(data.get("originalText"), str) or len(ends) < len(told):
        return True
    if component.chunk_index is not None and chunk_id(component.chunk_index) is None:
        return True
    return bool(ends) and (
        ends != sorted(ends)
        or ends[0] < 0
        or (length.units is not None and ends[-1] > length.units)
    )


def _columns(
    component: ComponentRecord, document_id: UUID, chunk_id: ChunkId, *, nowhere: bool
) -> Mapping[str, Any]:
    chunk = None if component.chunk_index is None else chunk_id(component.chunk_index)
    chunks = None
    if component.chunk_indexes is not None:
        chunks = [found for index in component.chunk_indexes if (found := chunk_id(index))]
    return {
        "type": component.component_type,
        "data": Jsonb(_at_chunks(component.data, chunk, chunks)),
        "chunk": chunk,
        "document": document_id if component.about_document else None,
        "chunks": chunks,
        "original": component.original_chunk_index,
        "confidence": component.recovery_confidence,
        "method": component.recovery_method,
        "review": component.needs_review or (nowhere and component.component_type == POSITION),
    }


def _at_chunks(
    data: Mapping[str, Any] | None, chunk: UUID | None, chunks: list[UUID] | None
) -> dict[str, Any]:
    """The data with the ids of the chunks here, where it names chunks."""
    changed = dict(data or {})
    for name in ("chunkId", "chunk_id"):
        if name in changed:
            changed[name] = str(chunk) if chunk else None
    if "chunkIds" in changed:
        changed["chunkIds"] = [str(one) for one in chunks or ()]
    return changed
