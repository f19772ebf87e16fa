"""Annotations as a client writes them: one entity with five components, in plain SQL."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from rhizome_pipelines.database.connection import Database

NOTE = {"note": "Compare with the tree 🌳.", "tags": ["alliance", "ש"]}
VISUAL = {"type": "highlight", "color": "purple"}


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def annotate(
    database: Database, user: UUID, document: UUID, text: str, quote: str, chunk: UUID | None
) -> UUID:
    """A highlight of the first `quote` in `text`; the entity."""
    begin = text.index(quote)
    start = units(text[:begin])
    end = begin + len(quote)
    named = {"documentId": str(document), "document_id": str(document)}
    pointed = {"chunkId": str(chunk), "chunk_id": str(chunk), "chunkIds": [str(chunk)]}
    components: dict[str, dict[str, Any]] = {
        "Position": {
            **named,
            "startOffset": start,
            "endOffset": start + units(quote),
            "originalText": quote,
            "pageLabel": "xii",
            "textContext": {
                "before": text[max(0, begin - 40) : begin],
                "after": text[end : end + 40],
            },
        },
        "Visual": VISUAL,
        "Content": NOTE,
        "Temporal": {"createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-02T03:04:05Z"},
        "ChunkRef": {**named, **(pointed if chunk else {})},
    }
    rows = database.all(
        "insert into entities (user_id, entity_type) values (%s, 'annotation') returning id",
        (user,),
    )
    entity: UUID = rows[0]["id"]
    for name, data in components.items():
        placed = name in ("Position", "ChunkRef")
        database.execute(
            "insert into components (entity_id, component_type, data, document_id, chunk_id, "
            "chunk_ids) values (%s, %s, %s, %s, %s, %s)",
            (
                entity,
                name,
                Jsonb(data),
                document,
                chunk if placed else None,
                [chunk] if placed and chunk else None,
            ),
        )
    return entity


def component(database: Database, entity: UUID, name: str) -> dict[str, Any]:
    rows = database.all(
        "select * from components where entity_id = %s and component_type = %s", (entity, name)
    )
    assert len(rows) == 1
    return rows[0]


def covered(database: Database, entity: UUID, text: str) -> str:
    """What of a text the annotation covers, sliced as JavaScript does."""
    data = component(database, entity, "Position")["data"]
    encoded = text.encode("utf-16-le")
    return encoded[data["startOffset"] * 2 : data["endOffset"] * 2].decode("utf-16-le")
