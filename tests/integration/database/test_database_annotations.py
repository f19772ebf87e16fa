"""Annotations in the transaction that replaces the chunks."""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4, uuid5

import pytest

from rhizome_pipelines.annotations import RecoveryMethod
from rhizome_pipelines.database.annotations import PostgresAnnotations, annotations_kept
from rhizome_pipelines.database.chunks import PostgresChunkSink, _apply, _stage_rows
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.embedding.ports import EmbeddedChunk
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from tests.integration.database.annotated import (
    NOTE,
    VISUAL,
    annotate,
    component,
    covered,
    units,
)
from tests.integration.database.embedded import SPACE, vector

PARAGRAPHS = [
    f"{word.capitalize()} 😀 and what {word} leaves behind, said the {place} keeper on day {n}."
    for n, (word, place) in enumerate(
        (word, place)
        for word in ("moss", "bark", "lichen", "sap", "root", "crown")
        for place in ("north", "south", "east", "west")
    )
]
TEXT = "\n\n".join(PARAGRAPHS)
QUOTE = "root leaves behind, said the east"
Replace = Callable[[str], None]


def embedded(document: UUID, text: str) -> Sequence[EmbeddedChunk]:
    """A chunk for each paragraph."""
    chunks, start = [], 0
    for index, paragraph in enumerate(text.split("\n\n")):
        record = {
            "content": paragraph,
            "chunk_index": index,
            "start_offset": start,
            "end_offset": start + units(paragraph),
        }
        chunks.append(EmbeddedChunk(uuid5(document, str(index)), record, vector(index)))
        start += units(paragraph) + 2
    return chunks


@pytest.fixture
def replace_text(database: Database, user: UUID, document: Document) -> Replace:
    def replace(text: str) -> None:
        sink = PostgresChunkSink(database, user, read_text=lambda: text)
        sink.replace(document.id, SPACE, "d", embedded(document.id, text))

    return replace


def versions(database: Database) -> list[str]:
    """Which transaction wrote each row last."""
    rows = database.all("select xmin::text as written from components order by id")
    return [row["written"] for row in rows]


@pytest.fixture
def highlight(database: Database, user: UUID, document: Document, replace_text: Replace) -> UUID:
    replace_text(TEXT)
    return annotate(database, user, document.id, TEXT, QUOTE, uuid5(document.id, "18"))


def test_a_highlight_moves_with_its_text(
    database: Database, document: Document, replace_text: Replace, highlight: UUID
) -> None:
    new = "A foreword 🌱.\n\nAnd another.\n\n" + TEXT
    replace_text(new)
    assert covered(database, highlight, new) == QUOTE
    position = component(database, highlight, "Position")
    chunk = uuid5(document.id, "20")
    assert position["chunk_id"] == chunk
    assert position["chunk_ids"] == [chunk]
    assert position["original_chunk_index"] == 20
    assert position["recovery_method"] == "exact"
    assert position["recovery_confidence"] == 1.0
    assert position["needs_review"] is False
    assert position["data"]["originalText"] == QUOTE
    assert position["data"]["pageLabel"] == "xii"
    reference = component(database, highlight, "ChunkRef")
    assert reference["data"]["chunkId"] == str(chunk)
    assert reference["data"]["chunkIds"] == [str(chunk)]
    assert reference["chunk_id"] == chunk
    assert reference["recovery_method"] is None
    assert component(database, highlight, "Content")["data"] == NOTE
    assert component(database, highlight, "Visual")["data"] == VISUAL


def test_the_same_again_writes_nothing(
    database: Database, replace_text: Replace, highlight: UUID
) -> None:
    before = versions(database)
    replace_text(TEXT)
    assert versions(database) == before
    replace_text("New beginning.\n\n" + TEXT)
    moved = versions(database)
    replace_text("New beginning.\n\n" + TEXT)
    assert versions(database) == moved != before


def test_without_the_text_it_is_put_together_from_the_chunks(
    database: Database, user: UUID, document: Document, highlight: UUID
) -> None:
    new = "New 😀 beginning.\n\n" + TEXT
    PostgresChunkSink(database, user).replace(document.id, SPACE, "d", embedded(document.id, new))
    assert covered(database, highlight, new) == QUOTE


def test_what_is_lost_is_kept_as_it_was_and_found_when_it_returns(
    database: Database, replace_text: Replace, highlight: UUID
) -> None:
    before = component(database, highlight, "Position")["data"]
    replace_text("Nothing of it is left.")
    lost = component(database, highlight, "Position")
    assert (lost["recovery_method"], lost["needs_review"]) == ("lost", True)
    assert lost["data"] == before
    assert component(database, highlight, "Content")["data"] == NOTE
    replace_text(TEXT)
    assert covered(database, highlight, TEXT) == QUOTE
    assert component(database, highlight, "Position")["recovery_method"] != "lost"
    assert component(database, highlight, "Position")["chunk_id"] is not None


def test_a_replacement_that_fails_moves_nothing(
    database: Database, user: UUID, document: Document, highlight: UUID
) -> None:
    before = versions(database)

    def unreadable() -> str:
        raise InvalidInputError("The text is gone.")

    sink = PostgresChunkSink(database, user, read_text=unreadable)
    with pytest.raises(InvalidInputError, match="gone"):
        sink.replace(document.id, SPACE, "d", embedded(document.id, "New.\n\n" + TEXT))
    assert versions(database) == before
    (row,) = database.all("select count(*) as chunks from chunks")
    assert row["chunks"] == len(PARAGRAPHS)


def test_the_text_is_not_read_for_a_document_without_annotations(
    database: Database, user: UUID, document: Document
) -> None:
    def forbidden() -> str:
        raise AssertionError("nobody needs the text")

    sink = PostgresChunkSink(database, user, read_text=forbidden)
    assert sink.replace(document.id, SPACE, "d", embedded(document.id, TEXT)) == len(PARAGRAPHS)
    assert sink.replace(document.id, SPACE, "d", embedded(document.id, QUOTE)) == 1


def test_annotations_of_other_users_and_documents_stay(
    database: Database,
    documents: DocumentRepository,
    user: UUID,
    document: Document,
    replace_text: Replace,
    highlight: UUID,
) -> None:
    other = documents.insert(NewDocument(user, SourceType.PDF, title="Other"))
    annotate(database, uuid4(), document.id, TEXT, QUOTE, None)
    annotate(database, user, other.id, TEXT, QUOTE, None)
    query = "select id, xmin::text as written from components where entity_id <> %s order by id"
    before = database.all(query, (highlight,))
    replace_text("New beginning.\n\n" + TEXT)
    assert database.all(query, (highlight,)) == before
    with database.transaction() as connection:
        assert list(PostgresAnnotations(connection, user).anchors(document.id)) == [highlight]


@pytest.mark.parametrize(
    "position",
    [
        "null", "[]", '"text"', "{}", '{"originalText": 7}', '{"originalText": ""}',
        f'{{"originalText": "{QUOTE}", "startOffset": "x", "endOffset": -4}}',
        f'{{"originalText": "{QUOTE}", "startOffset": 99999999999999999999, "textContext": [1]}}',
        f'{{"originalText": "{QUOTE}", "endOffset": true, "originalChunkIndex": "a"}}',
    ],
)  # fmt: skip
def test_whatever_clients_have_written_stops_nothing(
    database: Database, replace_text: Replace, highlight: UUID, position: str
) -> None:
    database.execute(
        "update components set data = %s::jsonb where entity_id = %s "
        "and component_type = 'Position'",
        (position, highlight),
    )
    database.execute(
        "update components set data = '[1]' where entity_id = %s and component_type = 'ChunkRef'",
        (highlight,),
    )
    new = "New beginning.\n\n" + TEXT
    replace_text(new)
    if QUOTE in position:
        assert covered(database, highlight, new) == QUOTE
    else:
        rows = database.all(
            "select data = %s::jsonb as same from components where entity_id = %s "
            "and component_type = 'Position'",
            (position, highlight),
        )
        assert rows == [{"same": True}]


def test_chunk_rows_that_are_made_anew_are_pointed_to_again(
    database: Database, user: UUID, document: Document, highlight: UUID
) -> None:
    with database.transaction() as connection:
        with annotations_kept(connection, user, document.id, lambda: TEXT) as reports:
            connection.execute("create temporary table kept as select * from chunks")
            connection.execute("delete from chunks")
            connection.execute("insert into chunks select * from kept")
        assert not reports[0].changed
    assert component(database, highlight, "Position")["chunk_id"] == uuid5(document.id, "18")


@pytest.mark.parametrize("moved", [False, True])
def test_all_components_that_pointed_to_a_chunk_point_to_the_new_one(
    database: Database, user: UUID, document: Document, highlight: UUID, moved: bool
) -> None:
    chunk = uuid5(document.id, "18")
    database.execute(
        "update components set chunk_id = %s where component_type in ('Content', 'Visual')",
        (chunk,),
    )
    database.execute(
        "update components set chunk_ids = array[%s] where component_type = 'Visual'", (chunk,)
    )
    text = f"A foreword.\n\n{TEXT}" if moved else TEXT
    with (
        database.transaction() as connection,
        annotations_kept(connection, user, document.id, lambda: text),
    ):
        connection.execute("delete from chunks")
        _stage_rows(connection, SPACE, embedded(document.id, text))
        _apply(connection, document.id, SPACE)

    now = uuid5(document.id, "19" if moved else "18")
    assert component(database, highlight, "Position")["chunk_id"] == now
    content, visual = (component(database, highlight, name) for name in ("Content", "Visual"))
    assert (content["chunk_id"], content["chunk_ids"]) == (now, None)
    assert (visual["chunk_id"], visual["chunk_ids"]) == (now, [now])
    assert component(database, highlight, "Temporal")["chunk_id"] is None


def test_the_report_counts_what_became_of_them(
    database: Database, user: UUID, document: Document, highlight: UUID
) -> None:
    lost = annotate(database, user, document.id, TEXT, "moss leaves behind", None)
    new = TEXT.replace("moss", "M").replace("Moss", "M")
    with (
        database.transaction() as connection,
        annotations_kept(connection, user, document.id, lambda: new) as reports,
    ):
        connection.execute("delete from chunks where chunk_index < 4")
    (report,) = reports
    assert report.placed[RecoveryMethod.EXACT] == 1
    assert highlight not in report.needs_review
    assert lost in report.needs_review
