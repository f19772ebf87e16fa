"""The pool, its errors for people, and the documents' repository."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from rhizome_pipelines.database.connection import Database, normalise_url, place
from rhizome_pipelines.database.documents import (
    DocumentRepository,
    ExtractionRecord,
    NewDocument,
)
from rhizome_pipelines.lifecycle.documents import Document, DocumentStatus, SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p%40ss@host:5432/name?sslmode=require",
        "postgresql://u:p%40ss@host:5432/name?sslmode=require",
        "postgresql+psycopg2://u:p%40ss@host:5432/name?sslmode=require",
        "postgresql+psycopg://u:p%40ss@host:5432/name?sslmode=require",
    ],
)
def test_spellings_of_a_url(url: str) -> None:
    assert normalise_url(url) == "postgresql://u:p%40ss@host:5432/name?sslmode=require"
    assert place(normalise_url(url)) == "host:5432/name"


@pytest.mark.parametrize(
    "url",
    ["", "mysql://u:secret@h/n", "postgresql://u:secret@h/n?nonsense=1", "postgresql://u:secret@[/n",
     "host=h password=secret"],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be understood") as refused:
        Database(url)
    assert "secret" not in refused.value.message


def test_an_unreachable_database_is_told_without_the_password() -> None:
    with pytest.raises(TransientError) as fault:
        Database("postgresql://u:s3cret@127.0.0.1:1/n").all("select 1")
    assert fault.value.message.startswith("The database 127.0.0.1:1/n cannot be reached: ")
    assert "s3cret" not in fault.value.message


def test_nothing_is_opened_before_it_is_used() -> None:
    Database("postgresql://127.0.0.1:1/n").close()


def test_a_closed_database_opens_again(database: Database) -> None:
    database.all("select 1")
    database.close()
    assert database.all("select 1 as n") == [{"n": 1}]


def test_a_connection_that_broke_is_replaced(database: Database, database_url: str) -> None:
    database.all("select 1")
    with psycopg.connect(database_url, autocommit=True) as killer:
        killer.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert database.all("select 1 as n") == [{"n": 1}]


def test_a_connection_that_breaks_in_the_midst_is_told(database: Database) -> None:
    with pytest.raises(TransientError, match="cannot be reached"), database.connection() as broken:
        broken.execute("select pg_terminate_backend(pg_backend_pid())")


def test_when_all_connections_are_in_use(database_url: str) -> None:
    with (
        Database(database_url, max_connections=1, patience=0.2) as narrow,
        narrow.connection(),
        pytest.raises(TransientError, match="All 1 connections"),
        narrow.connection(),
    ):
        raise AssertionError("a second connection")


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    insert = "insert into user_settings (user_id) values (%s)"
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute(insert, (uuid4(),))
        raise ZeroDivisionError
    assert database.all("select * from user_settings") == []
    with database.transaction() as connection:
        connection.execute(insert, (uuid4(),))
    assert len(database.all("select * from user_settings")) == 1


def test_a_sibling_database(database: Database) -> None:
    name = f"sibling_{uuid4().hex[:8]}"
    database.ensure_sibling_database(name)
    database.ensure_sibling_database(name)
    database.execute(f'drop database "{name}"')


# Documents


def test_a_document_comes_back_as_it_was_added(documents: DocumentRepository, user: UUID) -> None:
    identifier = uuid4()
    new = NewDocument(
        user,
        SourceType.WEB_URL,
        id=identifier,
        title="T",
        source_url="https://example.org/a",
        source_metadata={"sha256": "ab"},
    )
    added = documents.insert(new)
    assert added == documents.get(user, identifier) == documents.get(None, identifier)
    assert documents.get(uuid4(), identifier) is None
    assert documents.list(user) == [added]
    assert documents.list(uuid4()) == []
    assert documents.find_by_sha256(user, "ab", SourceType.WEB_URL) == added
    assert documents.find_by_sha256(user, "ab", SourceType.PDF) is None
    assert documents.find_by_sha256(uuid4(), "ab", SourceType.WEB_URL) is None
    assert documents.find_by_url(user, "https://example.org/a") == added
    assert documents.find_by_url(uuid4(), "https://example.org/a") is None


def test_many_documents_are_found_as_one_is(documents: DocumentRepository, user: UUID) -> None:
    def add(**told: Any) -> Document:
        return documents.insert(NewDocument(user, SourceType.TXT, **told))

    oldest = add(source_metadata={"sha256": "aa"})
    add(source_metadata={"sha256": "aa"})
    other = add(source_metadata={"sha256": "bb"})
    page = add(source_url="https://example.org/a")
    add(source_url="https://example.org/a")
    wanted = [(sha256, SourceType.TXT) for sha256 in ("aa", "bb", "cc")]

    found = documents.find_by_hashes(user, wanted)
    assert found == {wanted[0]: oldest, wanted[1]: other}
    assert documents.find_by_hashes(user, [("aa", SourceType.PDF)]) == {}
    assert documents.find_by_hashes(uuid4(), wanted) == {}
    urls = ["https://example.org/a", "https://example.org/b"]
    assert documents.find_by_urls(user, urls) == {urls[0]: page}
    assert documents.find_by_urls(uuid4(), urls) == {}


def test_a_hash_is_looked_up_by_its_index(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("set local enable_seqscan = off")
        plan = connection.execute(
            "explain select * from documents where user_id = gen_random_uuid() "
            "and source_metadata ->> 'sha256' = 'x'"
        ).fetchall()
    assert any("documents_sha256" in line for (line,) in plan)


FOUND = ExtractionRecord(
    markdown_path="u/d/content.md",
    word_count=7,
    page_count=2,
    title="Found",
    author="A. Author",
    language="de",
    outline=[{"title": "One", "level": 1}],
    source_metadata={"pages": 2},
)


def test_what_extraction_found_is_recorded(
    documents: DocumentRepository, database: Database, user: UUID
) -> None:
    untitled = documents.insert(NewDocument(user, SourceType.PDF, source_metadata={"sha256": "ab"}))
    assert documents.record_extraction(user, untitled.id, FOUND)
    (row,) = database.all("select * from documents")
    assert (row["title"], row["author"], row["language"]) == ("Found", "A. Author", "de")
    assert (row["word_count"], row["page_count"], row["markdown_available"]) == (7, 2, True)
    assert row["outline"] == [{"title": "One", "level": 1}]
    assert row["source_metadata"] == {"sha256": "ab", "pages": 2}
    assert row["markdown_path"] == "u/d/content.md"


def test_what_a_person_has_given_stays(documents: DocumentRepository, user: UUID) -> None:
    given = documents.insert(NewDocument(user, SourceType.PDF, title="Mine", author="Me"))
    documents.record_extraction(user, given.id, FOUND)
    found = documents.get(user, given.id)
    assert found is not None and (found.title, found.author) == ("Mine", "Me")


def test_another_user_changes_nothing(
    documents: DocumentRepository, database: Database, document: Document
) -> None:
    before = database.all("select * from documents")
    stranger = uuid4()
    assert not documents.record_extraction(stranger, document.id, FOUND)
    assert not documents.record_chunking(stranger, document.id, "token")
    assert not documents.set_status(stranger, document.id, DocumentStatus.FAILED)
    assert not documents.delete(stranger, document.id)
    assert database.all("select * from documents") == before


def test_a_document_is_deleted_by_its_owner(
    documents: DocumentRepository, document: Document
) -> None:
    assert documents.set_status(
        document.user_id, document.id, DocumentStatus.FAILED, stage="extraction", error="No."
    )
    assert documents.delete(document.user_id, document.id)
    assert documents.get(document.user_id, document.id) is None
