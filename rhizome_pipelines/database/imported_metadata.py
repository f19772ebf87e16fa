"""What an archive says about chunks, taken over by those that are there: nothing else changes."""

from typing import LiteralString
from uuid import UUID

from psycopg import sql

from rhizome_pipelines.database.chunk_rows import COLUMNS, chunk_values
from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.database.import_library import places_of
from rhizome_pipelines.transfer.import_ports import IncomingDocument
from rhizome_pipelines.transfer.records import METADATA_COLUMNS


def merge(connection: Connection, user_id: UUID, document: IncomingDocument) -> int:
    """Let chunks that have a partner take over its metadata; how many.

    What the archive does not say stays.
    """
    places = [
        (number, column)
        for number, column in enumerate(COLUMNS)
        if column in METADATA_COLUMNS and column in document.columns
    ]
    if not places:
        return 0
    there = places_of(connection, user_id, document.document_id)
    connection.execute(_PREPARE)
    connection.execute("truncate merging_chunks")
    names = [sql.Identifier(column) for _, column in places]
    copy_in = sql.SQL("copy merging_chunks (chunk_index, {}) from stdin").format(
        sql.SQL(", ").join(names)
    )
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for index, record in document.merged(there):
            values = chunk_values(record)
            copy.write_row((index, *(values[number] for number, _ in places)))
    assignments = sql.SQL(", ").join(
        sql.SQL("{0} = coalesce(m.{0}, c.{0})").format(name) for name in names
    )
    return connection.execute(
        sql.SQL(_MERGE).format(assignments=assignments), {"document": document.document_id}
    ).rowcount


_PREPARE = """
create temporary table if not exists merging_chunks on commit drop as
select chunk_index, themes, importance_score, summary, emotional_metadata, conceptual_metadata,
       domain_metadata, metadata_extracted_at
from chunks with no data
"""

_MERGE: LiteralString = """
update chunks c set {assignments}
from merging_chunks m
where c.document_id = %(document)s and c.is_current and c.chunk_index = m.chunk_index
"""
